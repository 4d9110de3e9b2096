"""How deep JSON data is nested, told without recursion, so that no depth of it can exhaust a stack."""

from typing import Any


def is_deeper(value: Any, levels: int) -> bool:
    """Tell whether lists and objects are nested deeper than ``levels``; ``{}`` is one level, ``{"a": []}`` two."""
    inside = [value]
    for _ in range(levels + 1):
        containers = [v for v in inside if isinstance(v, dict | list)]
        if not containers:
            return False
        inside = [v for c in containers for v in (c.values() if isinstance(c, dict) else c)]
    return True
