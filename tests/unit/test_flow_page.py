"""The page that tells a message's way must not drift from the code."""

from pathlib import Path

from depesha.schemas.lifecycle import diagram

PAGE = Path(__file__).parents[2] / "docs" / "flow.md"


def test_the_diagram_of_states_is_the_table() -> None:
    assert diagram() in PAGE.read_text(encoding="utf-8")
