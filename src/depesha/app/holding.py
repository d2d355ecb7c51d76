"""Legal holds: a document that a person needs kept is never destroyed, whatever its term (RET-13).

A hold is a note in the notebook, heeded in the transaction that would propose or destroy. It never
decides how long anything is kept otherwise.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from depesha.app import orders
from depesha.app.beside import store_beside
from depesha.app.memory import sockets_of
from depesha.app.orders import Report
from depesha.errors import RuleError, UnknownMessageError, WrongStateError
from depesha.schemas.evidence import canonical, sha256
from depesha.schemas.ids import MessageId
from depesha.schemas.message import EvidenceKind, NewEvidence
from depesha.schemas.notes import Area

if TYPE_CHECKING:
    from depesha.config import Settings
    from depesha.ports import Clock
    from depesha.queue.opening import Memory

_GROUND = 500
"""Characters of a ground: a file number and a few words."""


class Holding:
    """The holds of one gateway, running or not."""

    def __init__(self, memory: Memory, clock: Clock) -> None:
        self._memory = memory
        self._clock = clock

    async def do(self, act: str, facts: dict[str, str], actor: str) -> Report:
        """Carry an order out (`app/orders.py`)."""
        document, ground = facts.get("document", ""), facts.get("ground", "").strip()
        match act:
            case "hold-list":
                return {"holds": await self._list()}
            case "hold-set":
                await self.set(document, ground, actor)
            case "hold-lift":
                await self.lift(document, ground, actor)
            case _:
                raise RuleError("there is no such order", rule="form")
        return {"holds": await self._list()}

    async def set(self, document: str, ground: str, actor: str) -> None:
        """Hold a document; raises `UnknownMessageError`, `RuleError`, `WrongStateError`."""
        _check(ground)
        await self._exists(document)
        now = self._clock.now()
        noted = canonical({"by": actor, "at": now.isoformat(), "ground": ground})
        row = self._row("held", document, ground, actor)
        if not await self._memory.notebook.add(Area.LEGAL_HOLDS, document, noted, row):
            raise WrongStateError("the document is held already", state="held")

    async def lift(self, document: str, ground: str, actor: str) -> None:
        """End a hold; raises `RuleError`, `WrongStateError` where there is none."""
        _check(ground)
        if document not in await self._memory.notebook.read(Area.LEGAL_HOLDS):
            raise WrongStateError("the document is not held", state="free")
        row = self._row("released", document, ground, actor)
        await self._memory.notebook.write(Area.LEGAL_HOLDS, document, None, row)

    async def _exists(self, document: str) -> None:
        try:
            await self._memory.store.get(MessageId(document))
        except UnknownMessageError:
            await self._memory.outbound.get(MessageId(document))

    async def _list(self) -> list[dict[str, Any]]:
        noted = await self._memory.notebook.read(Area.LEGAL_HOLDS)
        return [{"document": key, **json.loads(value)} for key, value in sorted(noted.items())]

    def _row(self, decision: str, document: str, ground: str, actor: str) -> NewEvidence:
        # A person's words are never erased from evidence: only their digest goes there.
        return NewEvidence(
            kind=EvidenceKind.ATTENDED,
            at=self._clock.now(),
            message_id=MessageId(document),
            actor=actor,
            facts={"decision": decision, "ground": sha256(ground.encode())},
        )


def _check(ground: str) -> None:
    if not 0 < len(ground) <= _GROUND:
        raise RuleError(f"a hold names its ground, in 1 to {_GROUND} characters", rule="ground")


async def ask(settings: Settings, act: str, **facts: str) -> Report:
    """Hold, lift or list; raises `DepeshaError`. Without a gateway the store is opened."""
    asked = await orders.ask(sockets_of(settings), act, facts)
    if asked is not None:
        return asked
    async with store_beside(settings) as (memory, clock):
        return await Holding(memory, clock).do(act, facts, orders.this_user())
