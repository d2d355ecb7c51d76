"""Both ways over one real memory, and a balance that is told from the journal's rows alone."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from depesha.adapters.memory.system import CountingIds, HandClock
from depesha.queue.opening import Memory
from depesha.schemas.evidence import EvidenceRecord
from depesha.schemas.lifecycle import InboundEvent, InboundState, advance
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.overview import Balance
from tests.support.departing import Departing
from tests.support.house import House

Line = tuple[str, str]
"""Network, and what is counted."""


class RealHouse(House):
    """The way in over a real memory."""

    def __init__(self, folder: Path, real: Memory, clock: HandClock, ids: CountingIds) -> None:
        self.real = real
        super().__init__(folder, clock, ids)

    def remember(self) -> None:
        self.store, self.tasks = self.real.store, self.real.tasks
        self.journal, self.outbound = self.real.journal, self.real.outbound


class RealDeparting(Departing):
    """The way out over a real memory."""

    def __init__(self, folder: Path, real: Memory, clock: HandClock, ids: CountingIds) -> None:
        self.real = real
        super().__init__(folder, clock, ids)

    def remember(self) -> None:
        self.store, self.tasks = self.real.outbound, self.real.tasks
        self.journal = self.real.journal


class Told:
    """What the journal says of one document, row after row."""

    def __init__(self, first: dict[str, Any]) -> None:
        self.received = first["kind"] == "RECEIVED"
        self.at = datetime.fromisoformat(first["at"])
        self.network = first["facts"].get("network", "")
        self.state = first["facts"].get("state", "SUBMITTED")

    def hear(self, body: dict[str, Any]) -> None:
        kind, facts = body["kind"], body["facts"]
        if not self.received:
            self.state = facts.get("state", self.state)
            if kind == "ATTEMPT_BEGUN" or facts.get("outcome") == "unsayable":
                self.network = facts["network"]
        elif "event" in facts:
            self.state = advance(InboundState(self.state), InboundEvent(facts["event"]))
        elif kind == "RECHECKED":
            became = {"passed": "ADMITTED", "rejected": "REJECTED", "repeated": "REJECTED"}
            self.state = became.get(facts["outcome"].lower(), self.state)


IN = {
    "registered": {"REGISTERED", "ACKNOWLEDGED", "CLOSED", "STOPPED"},
    "refused": {"REJECTED", "REFUSED", "REFUSAL_ACKNOWLEDGED"},
    "held": {"HELD"},
    "waiting": {"ADMITTED"},
}
OUT = {
    "confirmed": {"DELIVERED", "REGISTERED", "STOPPED", "CLOSED"},
    "refused": {"DECLINED", "UNDELIVERABLE", "RETURNED"},
    "unclear": {"UNCLEAR", "PARKED"},
    "waiting": {"SUBMITTED", "SIGNED", "ROUTED", "SENDING", "ACCEPTED", "DEFERRED", "REFUSED"},
}
assert set().union(*IN.values()) == set(InboundState)
assert set().union(*OUT.values()) == set(OutboundState)


def told_by(rows: tuple[EvidenceRecord, ...]) -> list[Told]:
    """Read the journal from its first row to its last."""
    documents: dict[str, Told] = {}
    for row in rows:
        body = json.loads(row.body)
        if body["kind"] in {"RECEIVED", "SUBMITTED"}:
            documents[row.message_id] = Told(body)
        elif row.message_id in documents:
            documents[row.message_id].hear(body)
    return list(documents.values())


def balanced(
    documents: list[Told], start: datetime, end: datetime
) -> tuple[Counter[Line], Counter[Line]]:
    """Count received and sent, network by network, as the journal tells them."""
    received: Counter[Line] = Counter()
    sent: Counter[Line] = Counter()
    for one in documents:
        if start <= one.at < end:
            counter, sides = (received, IN) if one.received else (sent, OUT)
            counter[one.network, "all"] += 1
            (side,) = (name for name, states in sides.items() if one.state in states)
            counter[one.network, side] += 1
    return received, sent


def shown(balance: Balance) -> tuple[Counter[Line], Counter[Line]]:
    """Return the same two counts as the page would show them."""
    received: Counter[Line] = Counter()
    for got in balance.received:
        received[got.network, "all"] = got.received
        for name in IN:
            received[got.network, name] = getattr(got, name)
    sent: Counter[Line] = Counter()
    for went in balance.sent:
        sent[went.network, "all"] = went.sent
        for name in OUT:
            sent[went.network, name] = getattr(went, name)
    return +received, +sent
