"""The architecture page draws the session's life as the fold obeys it."""

import pytest

from docs.generate_diagram import BEGIN, END, PAGE, mermaid, with_diagram
from presence.domain.state import TRANSITIONS, Life


def test_the_architecture_page_is_current() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert with_diagram(page) == page, "run: .venv/bin/python -m docs.generate_diagram"


def test_every_transition_is_drawn() -> None:
    drawing = mermaid()

    for (before, event), after in TRANSITIONS.items():
        start = "[*]" if before is Life.NONE else before.value
        assert any(
            line.strip().startswith(f"{start} --> {after.value}:") and event in line for line in drawing.splitlines()
        )


def test_what_is_outside_the_markers_stays() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"

    drawn = with_diagram(page)

    assert drawn == f"before\n{BEGIN}\n{mermaid()}\n{END}\nafter\n"


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="lost a marker"):
        with_diagram("no markers here")
