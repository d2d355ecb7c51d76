"""Retention of one installation: acts proposed, approved by two people, carried out.

A clockwork proposes and carries out; people approve by command or console. With the settings as
they are made, nothing is ever destroyed.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from depesha.app import orders
from depesha.app.beside import store_beside
from depesha.app.memory import sockets_of
from depesha.app.orders import Report
from depesha.errors import RuleError, UnknownMessageError
from depesha.queue.retention import Retention, protocol
from depesha.schemas.message import EvidenceKind, NewEvidence
from depesha.schemas.notes import Area
from depesha.schemas.retention import MOST, Act, Approval, Sort, Terms, act_bytes, load_act

if TYPE_CHECKING:
    from depesha.config import Settings
    from depesha.ports import Clock
    from depesha.queue.opening import Memory
    from depesha.schemas.ids import MessageId


def terms(settings: Settings) -> Terms:
    """Return the terms that the settings name; 0 years is for ever."""
    told = settings.retention
    years = {
        Sort.RECEIVED: told.received_years,
        Sort.REFUSED: told.refused_years,
        Sort.SENT: told.sent_years,
        Sort.RETURNED: told.returned_years,
    }
    return Terms(
        years={sort: count or None for sort, count in years.items()},
        zone=ZoneInfo(settings.calendar.zone),
        numbered_ends=told.numbered_ends,
    )


class Retaining:
    """The acts of one gateway, running or not."""

    def __init__(self, settings: Settings, memory: Memory, clock: Clock) -> None:
        self._terms = terms(settings)
        self._memory = memory
        self._clock = clock
        self._retention = Retention(memory.db, memory.blobs, clock)
        self._one_at_a_time = asyncio.Lock()

    async def tick(self) -> None:
        """Carry out what is approved, then propose what is due; safe to repeat."""
        async with self._one_at_a_time:
            acts = await self._acts()
            for act in acts:
                if act.approved and act.done_at is None:
                    await self._carry_out(act)
            waiting = {one for act in acts if act.done_at is None for one in act.items}
            for sort in Sort:
                await self._propose(sort, waiting)

    async def do(self, act: str, facts: dict[str, str], actor: str) -> Report:
        """Carry an order out (`app/orders.py`)."""
        match act:
            case "retention-list":
                return {"acts": [_view(one) for one in await self._acts()]}
            case "retention-approve":
                approved = await self.approve(
                    facts.get("name", ""), actor, facts.get("list", ""), facts.get("ground", "")
                )
                return {"acts": [_view(approved)]}
            case _:
                raise RuleError("there is no such order", rule="form")

    async def approve(self, name: str, actor: str, digest: str, ground: str) -> Act:
        """Take a person's word on an act; raises `UnknownMessageError`, `ConflictError`."""
        async with self._one_at_a_time:
            act = next((one for one in await self._acts() if one.name == name), None)
            if act is None:
                raise UnknownMessageError("there is no such act")
            now = self._clock.now()
            after = act.with_approval(Approval(actor=actor, at=now, ground=ground), digest)
            evidence = NewEvidence(
                kind=EvidenceKind.RULED,
                at=now,
                message_id=None,
                actor=actor,
                facts={"decision": "destroy", "act": name, "list": act.digest, "ground": ground},
            )
            await self._write(after, evidence)
            return after

    async def _acts(self) -> list[Act]:
        noted = await self._memory.notebook.read(Area.DESTRUCTION)
        return sorted((load_act(one) for one in noted.values()), key=lambda act: act.name)

    async def _write(self, act: Act, evidence: NewEvidence) -> None:
        await self._memory.notebook.write(Area.DESTRUCTION, act.name, act_bytes(act), evidence)

    async def _propose(self, sort: Sort, waiting: set[MessageId]) -> None:
        found = await self._retention.due(self._terms, sort, MOST + len(waiting))
        items = tuple(one for one in found if one not in waiting)[:MOST]
        if not items:
            return
        now = self._clock.now()
        name = f"{now:%Y%m%d%H%M%S}-{sort}"
        act = Act(name=name, rule=self._terms.rule(sort), at=now, items=items)
        facts: dict[str, str | int | float | list[str]] = {
            "act": act.name,
            "rule": act.rule,
            "list": act.digest,
            "documents": len(items),
        }
        await self._write(
            act,
            NewEvidence(
                kind=EvidenceKind.REPORTED, at=now, message_id=None, actor="gateway", facts=facts
            ),
        )

    async def _carry_out(self, act: Act) -> None:
        done = await self._retention.destroy(act, self._terms)
        now = self._clock.now()
        await self._write(replace(act, done_at=now, destroyed=done.count), protocol(act, done, now))


async def ask(settings: Settings, act: str, **facts: str) -> Report:
    """List acts or approve one; raises `DepeshaError`. Without a gateway the store is opened."""
    asked = await orders.ask(sockets_of(settings), act, facts)
    if asked is not None:
        return asked
    async with store_beside(settings) as (memory, clock):
        made = Retaining(settings, memory, clock)
        await made.tick()
        return await made.do(act, facts, orders.this_user())


def _view(act: Act) -> Report:
    return {
        "act": act.name,
        "rule": act.rule,
        "at": act.at.isoformat(),
        "list": act.digest,
        "items": list(act.items),
        "approvals": [
            {"actor": one.actor, "at": one.at.isoformat(), "ground": one.ground}
            for one in act.approvals
        ],
        "done_at": act.done_at and act.done_at.isoformat(),
        "destroyed": act.destroyed,
    }
