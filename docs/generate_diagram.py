"""Draw the life of a session from the transition table, so that the architecture page cannot lie about it.

Run ``.venv/bin/python -m docs.generate_diagram`` after a change of `presence.domain.state.TRANSITIONS`; it rewrites
the part of ``docs/explanation/architecture.md`` between the two markers. A test fails when that was forgotten.
"""

from pathlib import Path

from presence.domain.state import TRANSITIONS, Life

PAGE = Path(__file__).parent / "explanation" / "architecture.md"
BEGIN = "<!-- generated: session life -->"
END = "<!-- end of generated -->"


def mermaid() -> str:
    """The transition table as a Mermaid state diagram, one arrow per pair of states."""
    labels: dict[tuple[Life, Life], list[str]] = {}
    for (before, event), after in TRANSITIONS.items():
        labels.setdefault((before, after), []).append(event)
    arrows = [f"    {_name(a)} --> {_name(b)}: {', '.join(events)}" for (a, b), events in labels.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", *arrows, "    closed --> [*]", "```"])


def with_diagram(page: str) -> str:
    """The page with the part between the markers drawn anew."""
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} has lost a marker: {BEGIN} … {END}")
    return f"{head}{BEGIN}\n{mermaid()}\n{END}{tail}"


def _name(life: Life) -> str:
    return "[*]" if life is Life.NONE else life.value


if __name__ == "__main__":
    PAGE.write_text(with_diagram(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
