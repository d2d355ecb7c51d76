"""Refused bytes, and deaths while they are sealed away, three minutes after they came.

Two documents: a task that was in hand at three deaths is suspected of them, and set aside.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace

from depesha.schemas.ids import Guid
from depesha.schemas.steps import Step
from depesha.simulators import papers
from depesha.simulators.seos_documents import Enclosure
from tests.crash.cases import KILL, QUARANTINE
from tests.crash.sender import document
from tests.crash.stand import Stand
from tests.crash.table import Row

REST = 200.0
"""Seconds after which the sealing must have begun, the three minutes included."""


class Refused:
    """Two refused documents, sent apart; deaths are ordered at once and come when they come."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._guids: list[Guid] = []
        self._sent_at = stand.clock.monotonic()

    @classmethod
    async def sent(cls, stand: Stand) -> Refused:
        """Send the first, and order the deaths: the last one is the second document's."""
        made = cls(stand)
        await made.sent_again()
        stand.arm(Step.QUARANTINE_WRITTEN)
        stand.arm(Step.QUARANTINE_KEYED)
        stand.arm(Step.QUARANTINED, times=2)
        return made

    async def sent_again(self) -> None:
        """Send one."""
        virus = Enclosure(name="проба.txt", content=papers.EICAR, media_type=papers.TEXT)
        request = replace(document(), enclosures=(virus,))
        await self._stand.sender.submit(request)
        self._guids.append(request.document.guid)
        self._sent_at = self._stand.clock.monotonic()

    async def rows(self) -> list[Row]:
        """Wait until both are sealed, and say what became of them."""
        stand = self._stand
        until = self._sent_at + REST
        while stand.clock.monotonic() < until and not self._sealed():
            stand.judge_keeper()
            await asyncio.sleep(0.2)
        await stand.up()
        rows = []
        for step in QUARANTINE:
            killed = not stand.disarm(step)
            rows.append(Row(step=step, killed=KILL if killed else "no", restarts=int(killed)))
        for guid in self._guids:
            rows[-1].messages.append(len(stand.ledger.messages(guid)))
            rows[-1].faults += self._judge(guid)
        return rows

    def _sealed(self) -> bool:
        return not any(self._stand.ledger.tasks(message) for message, _, _ in self._messages())

    def _messages(self) -> list[tuple[str, str, str | None]]:
        return [row for guid in self._guids for row in self._stand.ledger.messages(guid)]

    def _judge(self, guid: Guid) -> list[str]:
        """The message stays rejected, its bytes are sealed and nowhere in the clear."""
        stand, faults = self._stand, []
        for message_id, state, number in stand.ledger.messages(guid):
            if left := stand.ledger.tasks(message_id):
                faults.append(f"tasks are left over: {left}")
            if (state, number) != ("REJECTED", None):
                faults.append(f"the refused message is {state} {number}")
        wire = stand.sender.peer.books.sent[guid].wire.encode()
        digest = hashlib.sha256(wire).hexdigest()
        store = stand.gateway.plan.folder / "store"
        if (store / "blobs" / digest[:2] / digest).exists():
            faults.append("refused bytes still lie in the clear")
        if not stand.ledger.rows("SELECT 1 FROM quarantine WHERE digest = ?", digest):
            faults.append("no key is kept for the sealed bytes")
        return faults
