"""After a restore: the gateway takes the mark up; `depesha reconcile` reports and approves."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from depesha.app import orders
from depesha.app.beside import store_beside
from depesha.app.memory import sockets_of
from depesha.app.orders import Report
from depesha.errors import RuleError, WrongStateError
from depesha.queue.restored import note, noted
from depesha.schemas.message import EvidenceKind, NewEvidence
from depesha.schemas.outbound import OutboundQuery
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.overview import PeerQuery
from depesha.schemas.reconciliation import Tally, letter

if TYPE_CHECKING:
    from depesha.config import Settings
    from depesha.gateway.reconciling import Doubts
    from depesha.ports import Clock
    from depesha.queue.opening import Memory
    from depesha.schemas.restoration import Restoration

_ROWS = 500
_PEERS = 200
_WITH_A_PERSON = (OutboundState.PARKED, OutboundState.UNDELIVERABLE)


class Reconciling:
    """The restored store of one gateway, running or not."""

    def __init__(
        self, settings: Settings, memory: Memory, clock: Clock, doubts: Doubts | None = None
    ) -> None:
        """`doubts` are the running gateway's; None where none runs."""
        self._settings = settings
        self._memory = memory
        self._clock = clock
        self._doubts = doubts

    async def load(self) -> Restoration | None:
        """Take up the mark of a restore, if there ever was one."""
        restoration = await noted(self._memory.notebook)
        if self._doubts is not None:
            self._doubts.restoration = restoration
        return restoration

    async def report(self) -> Report:
        """Say what was asked, what was answered and what stays open."""
        restoration = await self.load()
        if restoration is None:
            return {"restored": None}
        tally = await self._tally(restoration)
        documents = tally.documents()
        open_ = [one for one in documents if not one.answers or not _settled(one.state)]
        waiting = await self._memory.store.counts()
        return {
            "restored": {
                "backup": restoration.name,
                "knows_until": restoration.knows_until.isoformat(),
                "restored_at": restoration.restored_at.isoformat(),
                "approved_at": restoration.approved_at and restoration.approved_at.isoformat(),
                "approved_by": restoration.approved_by,
                "skipped_numbers": list(restoration.skipped),
            },
            "documents": {
                "asked_about": len(documents),
                "were_there": sum(_there(one.answers) for one in documents),
                "were_not_there": sum(_nowhere(one.answers) for one in documents),
                "followed": len(tally.followed),
                "open": [asdict(one) for one in open_],
                "with_a_person": await self._with_a_person(),
            },
            "received_since": dict(tally.received),
            "repeats_answered": tally.repeated,
            "numbers_given_since": tally.numbered,
            "waiting_for_a_number": waiting.by_state.get("ADMITTED", 0),
            "parked": waiting.parked,
            "unknown_documents": [asdict(one) for one in tally.unknown()],
            "peers": await self._peers(),
            "letter": letter(
                own=self._settings.participant.name,
                since=restoration.knows_until.isoformat(timespec="minutes"),
                until=restoration.restored_at.isoformat(timespec="minutes"),
            ),
        }

    async def approve(self, actor: str, ground: str) -> Report:
        """Write down that people judged the restored store and approved it (BKP-10)."""
        restoration = await self.load()
        if restoration is None:
            raise WrongStateError("this store was never put back", state="")
        if not ground.strip():
            raise RuleError("an approval names its ground", rule="ground")
        if restoration.approved_at is None:
            now = self._clock.now()
            approved = replace(restoration, approved_at=now, approved_by=actor)
            evidence = NewEvidence(
                kind=EvidenceKind.RECONCILED,
                at=now,
                message_id=None,
                actor=actor,
                facts={"backup": restoration.name, "ground": ground},
            )
            await self._memory.db.write(lambda t: note(t, approved, evidence))
            await self.load()
        return await self.report()

    async def do(self, act: str, facts: dict[str, str], actor: str) -> Report:
        """Carry an order out (`app/orders.py`)."""
        match act:
            case "reconcile-report":
                return await self.report()
            case "reconcile-approve":
                return await self.approve(actor, facts.get("ground", ""))
            case _:
                raise RuleError("there is no such order", rule="form")

    async def _tally(self, restoration: Restoration) -> Tally:
        tally, sequence = Tally(restoration), restoration.sequence
        while rows := await self._memory.journal.after(sequence, _ROWS):
            await asyncio.to_thread(tally.read, rows)
            sequence = rows[-1].sequence
        return tally

    async def _with_a_person(self) -> list[dict[str, str]]:
        page = await self._memory.outbound.page(OutboundQuery(states=_WITH_A_PERSON, limit=500))
        return [
            {
                "id": one.id,
                "document": one.dispatch.document.guid,
                "recipient": one.dispatch.recipient.identifier,
                "state": str(one.state),
            }
            for one in page.messages
        ]

    async def _peers(self) -> list[dict[str, Any]]:
        """Return whom the letter is for: everybody with whom anything was ever exchanged."""
        told: list[dict[str, Any]] = []
        query = PeerQuery(limit=_PEERS)
        while peers := await self._memory.overview.peers(query):
            told += [json.loads(json.dumps(asdict(one), default=str)) for one in peers]
            query = replace(query, after=peers[-1].peer)
        return told


def _settled(state: str) -> bool:
    return state in {"ACCEPTED", "DELIVERED", "REGISTERED", "DECLINED", "STOPPED", "CLOSED"}


def _there(answers: tuple[tuple[str, str], ...]) -> bool:
    return any(answer in {"delivered", "refused"} for _, answer in answers)


def _nowhere(answers: tuple[tuple[str, str], ...]) -> bool:
    return bool(answers) and all(answer == "absent" for _, answer in answers)


async def ask(settings: Settings, act: str, **facts: str) -> Report:
    """Have a report made or a restore approved; raises `DepeshaError`."""
    asked = await orders.ask(sockets_of(settings), act, facts)
    if asked is not None:
        return asked
    async with store_beside(settings) as (memory, clock):
        made = Reconciling(settings, memory, clock)
        return await made.do(act, facts, orders.this_user())
