"""Gate of coverage by layer: each layer's tests alone must reach its share of its branches.

    python -m tests.support.coverage_gate          every layer whose tests exist
    python -m tests.support.coverage_gate domain   only this one

Domain and wire must be covered by unit tests of their own: a line that only an integration test reaches is a rule
that nobody stated.
"""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layer:
    """Code, the tests that must cover it, and how much of it."""

    name: str
    include: tuple[str, ...]
    tests: tuple[str, ...]
    percent: int = 100


LAYERS = (
    Layer("domain", ("presence/domain/*",), ("tests/unit/domain",)),
    Layer("wire", ("presence/wire/*",), ("tests/unit/wire",)),
    Layer(
        "edge",
        tuple(
            f"ws_edge/{module}.py"
            for module in (
                *("admission", "codes", "config", "deadlines", "effects", "framing", "freshness", "hub", "interest"),
                *("limits", "liveness", "ownership", "pacing", "pictures", "protocol", "recovery", "requests"),
                *("session", "topics", "view"),
            )
        ),
        ("tests/unit/ws_edge",),
    ),
    Layer(
        "steps",
        tuple(f"streams/{module}.py" for module in ("codec", "config", "deadlines", "owned", "progress", "steps")),
        ("tests/unit/streams",),
    ),
)


def main(names: list[str]) -> int:
    """Check the named layers, or all; the exit code counts those that fail."""
    unknown = set(names) - {layer.name for layer in LAYERS}
    if unknown:
        print(f"no such layer: {', '.join(sorted(unknown))}; there are {', '.join(layer.name for layer in LAYERS)}")
        return 2
    chosen = [layer for layer in LAYERS if not names or layer.name in names]
    return sum(not passes(layer) for layer in chosen)


def passes(layer: Layer) -> bool:
    """Run a layer's tests under coverage and judge the result."""
    with tempfile.TemporaryDirectory() as folder:
        data = f"--data-file={Path(folder) / 'coverage'}"
        # The report is narrowed, not the run: coverage ignores --include where the configuration has a source.
        run = ["run", data, "--branch", "-m", "pytest", "-q", *layer.tests]
        report = ["report", data, f"--include={','.join(layer.include)}", "--show-missing", "--skip-covered"]
        steps = (run, [*report, f"--fail-under={layer.percent}"])
        print(
            f"== {layer.name}: {layer.percent} % of {', '.join(layer.include)} by {', '.join(layer.tests)}", flush=True
        )
        return all(
            subprocess.run([sys.executable, "-m", "coverage", *step], check=False).returncode == 0 for step in steps
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
