"""Names of all metrics our code publishes, found without running it, and the names a PromQL expression asks for."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support.pages import ROOT

TIERS = ("streams", "projections", "ws_edge", "control", "presence")
_KINDS = {"Counter": "Counter", "Gauge": "Gauge", "Histogram": "Histogram", "GaugeMetricFamily": "Gauge"}
_SUFFIXES = {
    "Counter": ("_total",),
    "Gauge": ("",),
    "Histogram": ("_bucket", "_sum", "_count"),
}
_ALWAYS = {"up"}  # Prometheus itself makes it for each target


@dataclass(frozen=True)
class Metric:
    """One metric as it is declared."""

    kind: str
    name: str
    labels: tuple[str, ...]
    module: Path

    @property
    def published(self) -> tuple[str, ...]:
        """The names Prometheus sees."""
        base = self.name.removesuffix("_total") if self.kind == "Counter" else self.name
        return tuple(base + suffix for suffix in _SUFFIXES[self.kind])

    @property
    def documented(self) -> str:
        """The name in the reference: a counter with its ``_total``, all others bare."""
        return self.published[0] if self.kind == "Counter" else self.name


@cache
def declared() -> tuple[Metric, ...]:
    """Every metric declared anywhere in our packages."""
    return tuple(metric for tier in TIERS for path in sorted((ROOT / tier).rglob("*.py")) for metric in _in(path))


@cache
def published_names() -> frozenset[str]:
    """Every name a query may ask for."""
    return frozenset(name for metric in declared() for name in metric.published) | _ALWAYS


def names_in_query(expression: str) -> set[str]:
    """The metric names in a PromQL expression: identifiers that are no function, label or keyword."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"", " ", expression)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", bare)
    words = re.finditer(r"[a-zA-Z_:][a-zA-Z0-9_:]*(?!\s*\()(?![a-zA-Z0-9_:])", bare)
    return {word[0] for word in words} - {"and", "or", "unless", "bool", "offset", "le"}


def _in(path: Path) -> Iterator[Metric]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and node.args and isinstance(node.func, ast.Name) and node.func.id in _KINDS:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield Metric(_KINDS[node.func.id], first.value, _labels(node), path)


def _labels(call: ast.Call) -> tuple[str, ...]:
    named = [keyword.value for keyword in call.keywords if keyword.arg in {"labels", "labelnames"}]
    lists = [value for value in [*call.args[2:], *named] if isinstance(value, ast.List | ast.Tuple)]
    return tuple(ast.literal_eval(lists[0])) if lists else ()
