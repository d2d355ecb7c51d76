"""Watches both gateways' databases from outside: what is on its way, settled, owned by nobody.

It only reads, and asks no gateway.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import apsw
import psycopg

from depesha.schemas.dispatch import EMAIL
from depesha.schemas.outbound_lifecycle import OWNERS, OutboundState, Owner
from tests.chaos.plan import BODIES, SENDERS, Document
from tests.crash.audit import Ledger

LOOK: Final = 0.4
REPORT: Final = 15.0
"""Seconds in which a report about a mail comes, if one does."""
_ANSWERED: Final = frozenset(
    {OutboundState.REGISTERED, OutboundState.DECLINED, OutboundState.CLOSED, OutboundState.STOPPED}
)
_OVER: Final = _ANSWERED | {OutboundState.RETURNED, OutboundState.UNDELIVERABLE}
_RECEIVED_OVER: Final = ("ACKNOWLEDGED", "REFUSAL_ACKNOWLEDGED", "REJECTED")
_SENT: Final = """SELECT document, state, id,
  (SELECT network FROM outbound_attempts WHERE outbound = o.row ORDER BY row DESC LIMIT 1)
  FROM outbound AS o"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A document at its sender."""

    id: str
    state: OutboundState
    network: str


@dataclass(slots=True)
class Watch:
    """`look()` as often as wanted; a gateway that is just dying is looked at the next time."""

    ledgers: Mapping[str, Ledger]
    """By the body's folder."""
    rows: dict[str, dict[str, Row]] = field(default_factory=dict)
    """Sender → document → how it stands."""
    received: dict[str, Counter[str]] = field(default_factory=dict)
    _parked: dict[str, float] = field(default_factory=dict)

    async def work(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Look once."""
        for folder, ledger in self.ledgers.items():
            try:
                rows = await asyncio.to_thread(ledger.rows, _SENT)
                tallies = await asyncio.to_thread(
                    ledger.rows, "SELECT state, count FROM tallies WHERE count > 0"
                )
            except (apsw.Error, psycopg.Error):
                continue
            self.rows[folder] = {
                row[0]: Row(id=row[2], state=OutboundState(row[1]), network=row[3] or "")
                for row in rows
            }
            self.received[folder] = Counter(dict(tallies))

    def unfinished(self) -> int:
        """Count the documents that a task must move on."""
        rows = (row for rows in self.rows.values() for row in rows.values())
        return sum(OWNERS[row.state] is Owner.TASK for row in rows)

    def states(self) -> Counter[str]:
        """Count documents by state."""
        return Counter(str(row.state) for rows in self.rows.values() for row in rows.values())

    def settled(self, documents: tuple[Document, ...]) -> int:
        """Count the documents of which nothing more is awaited."""
        return sum(self._settled(document) for document in documents)

    def all_received(self) -> bool:
        """Tell whether every received document is numbered or refused, and its sender told."""
        states = {s for counts in self.received.values() for s in counts}
        return states <= set(_RECEIVED_OVER)

    def _settled(self, document: Document) -> bool:
        row = self.rows.get(document.sender, {}).get(document.guid)
        if row is None:
            return True
        if row.state is OutboundState.PARKED:
            since = self._parked.setdefault(document.guid, time.monotonic())
            return time.monotonic() - since > REPORT
        self._parked.pop(document.guid, None)
        if row.state in _OVER:
            return True
        numbered = BODIES[document.recipient] in SENDERS or row.network == "seos"
        if numbered:
            return False
        if row.state is OutboundState.ACCEPTED:
            return row.network == EMAIL
        return row.state is OutboundState.DELIVERED


def without_owner(ledger: Ledger) -> list[str]:
    """Return what nobody looks after (law 8), and tasks that gave up. For a gateway at rest."""
    faults = []
    owned: dict[str, set[str]] = {}
    tasks = "SELECT outbound_id, kind, parked_at IS NOT NULL, reason FROM tasks"
    for document, kind, parked, reason in ledger.rows(tasks):
        owned.setdefault(document, set()).add(kind)
        if parked and kind not in ("FOLLOW_UP", "QUARANTINE", "SIGNAL"):
            faults.append(f"a task {kind} of {document} gave up: {reason}")
    for _, state, name, _ in ledger.rows(_SENT):
        needed = {Owner.TASK: "DISPATCH", Owner.ANSWER: "FOLLOW_UP"}.get(
            OWNERS[OutboundState(state)]
        )
        if needed is not None and needed not in owned.get(name, set()):
            faults.append(f"{name} is {state}, and no task {needed} owns it")
    waiting = "SELECT id, state FROM messages WHERE state NOT IN ('ADMITTED', 'HELD', {})"
    known = ", ".join(f"'{state}'" for state in _RECEIVED_OVER)
    received = {row[0] for row in ledger.rows("SELECT message_id FROM tasks WHERE kind = 'NOTICE'")}
    for name, state in ledger.rows(waiting.format(known)):
        if name not in received:
            faults.append(f"{name} is {state}, and no task tells its sender")
    return faults
