"""Watches messages of ours until they are opened: that is their delivery (facts 5.1, 5.2).

It asks and tells the gateway; what that makes of it is the gateway's.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from depesha.adapters.ssev.ledger import Ledger, Watched, forget_old
from depesha.adapters.ssev.mapping import NETWORK, marked
from depesha.errors import BrokenOffError, DepeshaError, StorageError, UnreachableError
from depesha.schemas.outbound import TryReport
from depesha.schemas.outcome import Delivered

if TYPE_CHECKING:
    from datetime import datetime

    from depesha.adapters.ssev.ledger import LedgerFile
    from depesha.adapters.ssev.network import SsevNetwork
    from depesha.adapters.ssev.proofs import SentStates
    from depesha.adapters.ssev.settings import SsevSettings
    from depesha.ports import BlobStore, Clock, Intake, Observer, Threads

ACTOR: Final = f"network:{NETWORK}"
LOOK_BACK: Final = timedelta(hours=2)
"""The outbox is read a little further back than the last look: clocks differ."""
AGED: Final = 10
"""A message is looked at again after a tenth of its age: often at first, seldom later."""
LONGEST: Final = timedelta(hours=6)
AT_ONCE: Final = 50
"""Messages asked after in one round."""


class OutboxWatch:
    """Finds messages of ours that were opened, and reports them."""

    def __init__(
        self,
        *,
        net: SsevNetwork,
        states: SentStates,
        ledger: LedgerFile,
        blobs: BlobStore,
        settings: SsevSettings,
        threads: Threads,
        clock: Clock,
        observer: Observer,
    ) -> None:
        self._net = net
        self._states = states
        self._ledger = ledger
        self._blobs = blobs
        self._settings = settings
        self._threads = threads
        self._clock = clock
        self._observer = observer

    async def look(self, intake: Intake) -> int:
        """Look once, if it is time; return how many openings the gateway was told of.

        Raises `DepeshaError` where SSEV cannot be asked or nothing can be written down.
        """
        ledger, now = await self._ledger.open(), self._clock.now()
        every = timedelta(seconds=self._settings.watch_seconds)
        if ledger.watched_at is not None and now - ledger.watched_at < every:
            return 0
        await self._discover(ledger, now)
        reported = 0
        due = sorted(
            (each.next_at, key) for key, each in ledger.watched.items() if each.next_at <= now
        )
        for _, message_id in due[:AT_ONCE]:
            reported += await self._ask(message_id, ledger.watched[message_id], intake)
        return reported

    async def _discover(self, ledger: Ledger, now: datetime) -> None:
        """Take in what was sent since the last look; what a list shows as opened is due at once."""
        since = (ledger.watched_at or ledger.started_at) - LOOK_BACK
        rows = await self._net.outbox(since)
        oldest = now - timedelta(days=self._settings.watch_days)
        for row in rows:
            ours = marked(row.subject) is not None
            if ours and row.message_id not in ledger.told and row.message_id not in ledger.watched:
                ledger.watched[row.message_id] = Watched(sent_at=row.sent_at, next_at=now)
        sweep = now - 2 * timedelta(days=self._settings.sweep_days)
        forget_old(ledger, done_before=sweep, sent_before=oldest)
        ledger.watched_at = now
        await self._ledger.write()

    async def _ask(self, message_id: int, watched: Watched, intake: Intake) -> bool:
        """Ask after one message; True where the gateway took the word of its opening."""
        try:
            state = await self._states.state(message_id)
        except (UnreachableError, BrokenOffError, StorageError):
            raise
        except DepeshaError as error:
            self._observer.trouble("ssev.watch", error.code)
            await self._later(message_id, watched)
            return False
        if not state.opened:
            await self._later(message_id, watched)
            return False
        original = await self._threads.run(self._blobs.put, state.receipt)
        report = TryReport(
            network=NETWORK,
            received_at=self._clock.now(),
            original=original,
            name=str(message_id),
            outcome=Delivered(receipt=state.receipt, proven=True, reference=str(message_id)),
            actor=ACTOR,
        )
        if not await intake.report(report):
            # The try may be unclear still: it learns the message's name when it is asked about.
            await self._later(message_id, watched)
            return False
        ledger = await self._ledger.open()
        ledger.watched.pop(message_id, None)
        ledger.told[message_id] = watched.sent_at
        await self._ledger.write()
        return True

    async def _later(self, message_id: int, watched: Watched) -> None:
        now = self._clock.now()
        least = timedelta(seconds=self._settings.watch_seconds)
        rest = min(LONGEST, max(least, (now - watched.sent_at) / AGED))
        ledger = await self._ledger.open()
        ledger.watched[message_id] = Watched(sent_at=watched.sent_at, next_at=now + rest)
        await self._ledger.write()
