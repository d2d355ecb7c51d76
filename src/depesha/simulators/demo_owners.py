"""Reads from a journey who had to act on a document, moment by moment (law 8). It asks nobody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, Final

from depesha.schemas.lifecycle import InboundEvent, InboundState, advance
from depesha.schemas.outbound_lifecycle import OWNERS, OutboundState, Owner
from depesha.simulators.demo_report import expect

_OUT: Final = {
    Owner.TASK: "the gateway",
    Owner.ANSWER: "an answer with a date",
    Owner.PERSON: "a person",
    Owner.NOBODY: "done",
}
_IN: Final = {
    InboundState.ADMITTED: "the registry",
    InboundState.HELD: "a person",
    InboundState.REGISTERED: "the gateway, telling the number",
    InboundState.REFUSED: "the gateway, telling the refusal",
}
"""Owners of received messages; of all other states there is nothing left to do."""
_EVENTS: Final = {
    "REGISTERED": InboundEvent.REGISTERED,
    "NOTICE_TAKEN": InboundEvent.NOTICE_TAKEN,
}
DONE: Final = "done"


def owners_out(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the owners of a document of ours in order; demand one all the way to the end."""
    states = [OutboundState.SUBMITTED]
    for row in rows:
        said = row["body"]["facts"].get("state")
        if said is not None:
            states.append(OutboundState(said))
    return _whole([_OUT[OWNERS[state]] for state in states])


def owners_in(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the owners of a received message in order; demand one all the way to the end."""
    owners: list[str] = []
    state: InboundState | None = None
    for row in rows:
        body = row["body"]
        event = _EVENTS.get(body["kind"])
        if body["kind"] == "RECEIVED":
            state = InboundState(body["facts"]["state"])
        elif event is not None and state is not None:
            state = advance(state, event)
        if state is not None:
            owners.append(_IN.get(state, DONE))
    return _whole(owners)


def _whole(owners: list[str]) -> list[str]:
    expect(bool(owners), "the journey is empty")
    expect(owners[-1] == DONE, f"it still belongs to {owners[-1]}")
    changes = [owners[0], *(after for before, after in pairwise(owners) if after != before)]
    expect(DONE not in changes[:-1], f"it was left alone: {' → '.join(changes)}")
    return changes
