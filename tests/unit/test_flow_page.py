"""The page that tells a message's way must not drift from the code."""

from pathlib import Path

from depesha.schemas.lifecycle import diagram
from depesha.schemas.outbound_lifecycle import OutboundState, outbound_diagram

PAGE = Path(__file__).parents[2] / "docs" / "flow.md"


def test_the_diagram_of_states_is_the_table() -> None:
    assert f"```mermaid\n{diagram()}\n```" in PAGE.read_text(encoding="utf-8")


def test_the_diagram_of_the_way_out_is_its_table() -> None:
    assert f"```mermaid\n{outbound_diagram()}\n```" in PAGE.read_text(encoding="utf-8")


def test_the_table_of_the_way_out_leads_to_every_state() -> None:
    text = PAGE.read_text(encoding="utf-8")
    steps = text.partition("## Out")[2].partition("\n## ")[0]
    named = {state for state in OutboundState if f"`{state}`" in steps}
    assert set(OutboundState) - named == {OutboundState.ROUTED}
