"""Watches messages of ours from submission to the end of their way (facts 6.1, 6.4, 12).

Each change of state is told to the gateway with the signed delivery information that proves it,
and the message's own sealed paper is kept once. What the gateway makes of it is not its to say.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from depesha.adapters.isds import mapping, outcomes
from depesha.adapters.isds.codes import Action
from depesha.adapters.isds.ledger import Watched
from depesha.adapters.isds.mapping import NETWORK, Standing
from depesha.adapters.isds.problems import IsdsError, LoginRefusedError
from depesha.errors import BrokenOffError, DepeshaError, StorageError, UnreachableError
from depesha.schemas.outbound import TryReport

if TYPE_CHECKING:
    from depesha.adapters.isds.client import IsdsClient
    from depesha.adapters.isds.ledger import Ledger, LedgerFile
    from depesha.adapters.isds.sent import SentMessages, SentState
    from depesha.adapters.isds.settings import IsdsSettings
    from depesha.ports import Clock, Intake, Observer
    from depesha.schemas.ids import Digest

ACTOR: Final = f"network:{NETWORK}"
LOOK_BACK: Final = timedelta(hours=2)
"""Lists are read a little further back than the last look: the last minutes are hidden there."""
AGED: Final = 10
"""A message is asked after again after a tenth of its age: often at first, seldom later."""
LONGEST: Final = timedelta(hours=6)
AT_ONCE: Final = 50
"""Messages asked after in one look."""
ENDS: Final = frozenset(
    {
        Standing.ACCEPTED,
        Standing.ACCEPTED_BY_FICTION,
        Standing.INFECTED,
        Standing.UNDELIVERABLE,
    }
)
"""Nothing follows that changes anything about a delivery."""
STOPS: Final = (UnreachableError, BrokenOffError, StorageError, LoginRefusedError)
"""Failures that are not one message's own."""


class SentWatch:
    """Finds out what became of messages of one box, and reports it."""

    def __init__(
        self,
        *,
        client: IsdsClient,
        sent: SentMessages,
        ledger: LedgerFile,
        settings: IsdsSettings,
        clock: Clock,
        observer: Observer,
    ) -> None:
        self._client = client
        self._sent = sent
        self._ledger = ledger
        self._settings = settings
        self._clock = clock
        self._observer = observer

    async def look(self, intake: Intake) -> int:
        """Look once, if it is time; return how many words the gateway took.

        Raises `DepeshaError` where ISDS cannot be asked or nothing can be written down.
        """
        ledger, now = await self._ledger.open(), self._clock.now()
        every = timedelta(minutes=self._settings.watch_minutes)
        if ledger.watched_at is not None and now - ledger.watched_at < every:
            return 0
        await self._discover(ledger, now)
        due = sorted((each.next_at, dm_id) for dm_id, each in ledger.watched.items())
        reported = 0
        for next_at, dm_id in due[:AT_ONCE]:
            if next_at <= now:
                reported += await self._ask(dm_id, ledger.watched[dm_id], intake)
        return reported

    async def _discover(self, ledger: Ledger, now: datetime) -> None:
        """Take in what was sent since the last look, and what moved meanwhile is due at once."""
        since = (ledger.watched_at or ledger.started_at) - LOOK_BACK
        size = self._settings.page_size
        for page in range(self._settings.lookup_pages):
            rows = await self._client.sent(since=since, offset=page * size + 1, limit=size)
            for row in rows:
                dm_id = row.words.dm_id
                ours = mapping.referenced(row.words.sender_reference) is not None
                if ours and dm_id not in ledger.told and dm_id not in ledger.watched:
                    ledger.watched[dm_id] = Watched(since=now, next_at=now)
            if len(rows) < size:
                break
        if ledger.watched:
            back = max(since, now - timedelta(days=self._settings.state_days))
            for change in await self._client.state_changes(back):
                known = ledger.watched.get(change.dm_id)
                if known is not None and known.state != change.state:
                    ledger.watched[change.dm_id] = replace(known, next_at=now)
        oldest = now - timedelta(days=self._settings.watch_days)
        ledger.told = {key: at for key, at in ledger.told.items() if at >= oldest}
        ledger.watched = {k: each for k, each in ledger.watched.items() if each.since >= oldest}
        ledger.watched_at = now
        await self._ledger.write()

    async def _ask(self, dm_id: str, watched: Watched, intake: Intake) -> int:
        """Ask after one message; return how many words the gateway took."""
        try:
            return await self._follow(dm_id, watched, intake)
        except STOPS:
            raise
        except DepeshaError as error:
            if isinstance(error, IsdsError) and error.action is Action.SLOWER:
                raise
            if not (isinstance(error, IsdsError) and error.action is Action.NOT_READY):
                self._observer.trouble("isds.watch", outcomes.code_of(error))
            await self._later(dm_id, watched)
            return 0

    async def _follow(self, dm_id: str, watched: Watched, intake: Intake) -> int:
        state = await self._sent.state(dm_id)
        if state.standing is Standing.UNDER_WAY or state.state == watched.state:
            await self._later(dm_id, watched)
            return 0
        taken = 0
        paper = await self._own_paper(dm_id, watched, state)
        if paper is not None:
            if not await self._report(state, paper, intake):
                # The try may be unclear still: it learns its number when it is asked about.
                await self._later(dm_id, watched)
                return 0
            taken += 1
            watched = replace(watched, message_kept=True)
            await self._keep(dm_id, watched)
        proof = await self._sent.keep_delivery(dm_id)
        if not await self._report(state, proof, intake):
            await self._later(dm_id, watched)
            return taken
        await self._told(dm_id, watched, state)
        return taken + 1

    async def _own_paper(self, dm_id: str, watched: Watched, state: SentState) -> Digest | None:
        """Keep the sent message itself, once; None where there is none to be had now.

        Where the log-in may not fetch it, or it is gone, what became of it is told all the same.
        """
        if watched.message_kept or state.standing is Standing.INFECTED:
            return None
        try:
            return await self._sent.keep_message(dm_id)
        except IsdsError as error:
            if error.waiting_helps:
                raise
            self._observer.trouble("isds.sent", outcomes.code_of(error))
            return None

    async def _report(self, state: SentState, paper: Digest, intake: Intake) -> bool:
        return await intake.report(
            TryReport(
                network=NETWORK,
                received_at=self._clock.now(),
                original=paper,
                name=state.dm_id,
                outcome=state.outcome(),
                actor=ACTOR,
            )
        )

    async def _told(self, dm_id: str, watched: Watched, state: SentState) -> None:
        ledger = await self._ledger.open()
        if state.standing in ENDS:
            ledger.watched.pop(dm_id, None)
            ledger.told[dm_id] = watched.since
            await self._ledger.write()
        else:
            await self._later(dm_id, replace(watched, state=state.state or 0))

    async def _later(self, dm_id: str, watched: Watched) -> None:
        now = self._clock.now()
        least = timedelta(minutes=self._settings.watch_minutes)
        rest = min(LONGEST, max(least, (now - watched.since) / AGED))
        await self._keep(dm_id, replace(watched, next_at=now + rest))

    async def _keep(self, dm_id: str, watched: Watched) -> None:
        ledger = await self._ledger.open()
        ledger.watched[dm_id] = watched
        await self._ledger.write()
