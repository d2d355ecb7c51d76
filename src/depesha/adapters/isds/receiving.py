"""Receives by ISDS: lists a box, takes in everything that the list shows, once (facts 11, 12).

Listing is what counts as logging in, so it keeps to the working time. The place in the list is
ISDS's own time of delivery, looked back over by an overlap; each poll is bounded in calls. One
message that cannot be fetched is put by under its name and never keeps the others waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from depesha.adapters.isds import mapping, outcomes, polling
from depesha.adapters.isds.answering import load_reply
from depesha.adapters.isds.codes import Action
from depesha.adapters.isds.ledger import Ledger, Taken, Waiting, forget, rest_after
from depesha.adapters.isds.mapping import Standing, standing_of
from depesha.adapters.isds.polling import ParkedMessage, PollReport, Round, name_of
from depesha.adapters.isds.problems import IsdsError, LoginRefusedError, OutageError
from depesha.adapters.isds.taking import Listed
from depesha.errors import (
    BrokenOffError,
    DepeshaError,
    OvertakenError,
    StorageError,
    UnreachableError,
)
from depesha.schemas.answer import StatusNotice
from depesha.schemas.outcome import Delivered, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from depesha.adapters.isds.answering import IsdsAnswers
    from depesha.adapters.isds.client import IsdsClient
    from depesha.adapters.isds.ledger import LedgerFile
    from depesha.adapters.isds.settings import IsdsSettings, WorkingTime
    from depesha.adapters.isds.taking import Taker
    from depesha.adapters.isds.values import Row
    from depesha.adapters.isds.watching import SentWatch
    from depesha.ports import Clock, Intake, Jitter, Observer

Parked = Callable[[str, str], Awaitable[None]]
"""Told of a message that waits for a person or for better days: its name and a bounded reason."""
AWAY: Final = (UnreachableError, BrokenOffError, StorageError)
"""Failures that may be the network's or the disk's, and not the message's own."""
BREAKS: Final = 2
"""Of those in a row, after which the others are left alone until the next poll."""
PROOF_TRIES: Final = 20
"""After so many polls a delivery information that cannot be had is given up, with a trouble."""
BLOCKED: Final = "3022"
"""The operator of ISDS stopped the download: never asked for again (facts 7)."""


class IsdsReceiver:
    """Takes in what others send to one box of ours. A clockwork calls `tick`."""

    def __init__(
        self,
        *,
        box_id: str,
        client: IsdsClient,
        taker: Taker,
        answers: IsdsAnswers,
        watch: SentWatch,
        ledger: LedgerFile,
        settings: IsdsSettings,
        parked: Parked,
        clock: Clock,
        jitter: Jitter,
        observer: Observer,
    ) -> None:
        self._box_id = box_id
        self._client = client
        self._taker = taker
        self._answers = answers
        self._watch = watch
        self._ledger = ledger
        self._settings = settings
        self._parked = parked
        self._clock = clock
        self._jitter = jitter
        self._observer = observer
        self._one_at_a_time = asyncio.Lock()
        self._due_at: datetime | None = None

    async def tick(self, intake: Intake) -> PollReport | None:
        """Poll if it is time, by the settings' interval and some chance; None where it is not."""
        now = self._clock.now()
        if self._due_at is not None and now < self._due_at:
            return None
        share = 1 + self._settings.poll_jitter * self._jitter.fraction()
        self._due_at = now + timedelta(minutes=self._settings.poll_minutes * share)
        return await self.poll(intake)

    async def poll(self, intake: Intake) -> PollReport:
        """Look once: take in what came, and report what became of ours.

        Never raises `DepeshaError`: the report and the observer tell. Safe to repeat at any time;
        a second call waits for the first.
        """
        async with self._one_at_a_time:
            round_ = Round(budget=self._settings.messages_per_poll)
            try:
                if self._settings.receive:
                    await self._receive(intake, round_)
            except DepeshaError as error:
                self._trouble("isds.poll", error, round_)
            try:
                round_.reported = await self._watch.look(intake)
            except DepeshaError as error:
                self._trouble("isds.watch", error, round_)
            ledger = self._ledger.peek()
            more = ledger is not None and ledger.catching_up
            return round_.report(len(self.parked()), more=more)

    def _trouble(self, where: str, error: DepeshaError, round_: Round) -> None:
        code = outcomes.code_of(error)
        self._observer.trouble(where, code)
        round_.trouble = round_.trouble or code

    def parked(self) -> tuple[ParkedMessage, ...]:
        """Return what could not be taken in yet, and what is a person's to read."""
        ledger = self._ledger.peek()
        waiting = {} if ledger is None else ledger.waiting
        return tuple(
            ParkedMessage(
                name=name_of(self._box_id, dm_id),
                reason=entry.reason,
                delivered_at=entry.delivered_at,
                tries=entry.tries,
                next_at=entry.next_at,
            )
            for dm_id, entry in sorted(waiting.items())
        )

    # --- one poll ------------------------------------------------------------------------------

    async def _receive(self, intake: Intake, round_: Round) -> None:
        ledger = await self._ledger.open()
        for dm_id in sorted(ledger.taken):
            await self._finish(dm_id, ledger.taken[dm_id])
        await self._try_again(ledger, intake, round_)
        if is_working(self._settings.working_time, self._clock.now()):
            await self._read_list(ledger, intake, round_)

    async def _try_again(self, ledger: Ledger, intake: Intake, round_: Round) -> None:
        """Take up what was put by and is due."""
        now = self._clock.now()
        for dm_id, entry in sorted(ledger.waiting.items()):
            welcome = entry.reason == polling.PERSONAL and self._settings.personal_messages
            resting = entry.next_at is None or entry.next_at > now
            if (resting and not welcome) or round_.budget <= 0:
                continue
            listed = Listed(
                dm_id=dm_id,
                delivered_at=entry.delivered_at,
                big=entry.big,
                system=entry.system,
            )
            await self._take(listed, intake, round_)

    async def _read_list(self, ledger: Ledger, intake: Intake, round_: Round) -> None:
        """Read the list from where it was left; what it shows is dealt with page by page."""
        since = self._since(ledger)
        size, offset, page = self._settings.page_size, 1, 0
        start = ledger.seen_until
        ledger.catching_up = True
        while round_.budget > 0:
            # A crowd of one very moment must not stop the reading for good.
            if page >= self._settings.list_pages and ledger.seen_until != start:
                break
            rows = await self._client.received(since=since, offset=offset, limit=size)
            offset, page = offset + len(rows), page + 1
            if not await self._take_page(ledger, rows, intake, round_):
                break
            if len(rows) < size:
                ledger.catching_up = False
                break
        self._forget(ledger)
        await self._ledger.write()

    def _since(self, ledger: Ledger) -> datetime:
        first = ledger.started_at - timedelta(days=self._settings.first_days)
        if ledger.seen_until is None:
            return first
        if ledger.catching_up:
            return ledger.seen_until
        return max(first, ledger.seen_until - timedelta(hours=self._settings.overlap_hours))

    def _forget(self, ledger: Ledger) -> None:
        now = self._clock.now()
        back = timedelta(hours=self._settings.overlap_hours + 1)
        forget(
            ledger,
            done_before=(ledger.seen_until or ledger.started_at) - back,
            waiting_before=now - timedelta(days=self._settings.park_days),
        )

    async def _take_page(
        self, ledger: Ledger, rows: Sequence[Row], intake: Intake, round_: Round
    ) -> bool:
        """Deal with the rows of a page in order; False where not all of them were."""
        for row in rows:
            at = row.delivered_at or self._clock.now()
            if not ledger.knows(row.words.dm_id) and not self._is_theirs(ledger, row, at):
                if round_.budget <= 0:
                    return False
                await self._deal_with(row, at, intake, round_)
            ledger.seen_until = max(at, ledger.seen_until or at)
        return True

    @staticmethod
    def _is_theirs(ledger: Ledger, row: Row, at: datetime) -> bool:
        """Tell whether somebody else dealt with a message before this gateway first looked."""
        return at < ledger.started_at and row.state in {7, 9}

    async def _deal_with(self, row: Row, at: datetime, intake: Intake, round_: Round) -> None:
        listed = Listed(
            dm_id=row.words.dm_id,
            delivered_at=at,
            big=row.big,
            system=mapping.is_system(row),
        )
        if row.words.personal_delivery and not self._settings.personal_messages:
            await self._put_by(listed, polling.PERSONAL)
        elif standing_of(row.state) is Standing.ERASED:
            await self._put_by(listed, polling.ERASED)
        else:
            await self._take(listed, intake, round_)

    # --- one message ---------------------------------------------------------------------------

    async def _take(self, listed: Listed, intake: Intake, round_: Round) -> None:
        """Take one message as far as it goes; what is its own failure puts it by."""
        round_.budget -= 1
        try:
            taken = (
                await self._take_system(listed)
                if listed.system
                else await self._take_document(listed, intake, round_)
            )
            round_.broken = 0
        except DepeshaError as error:
            await self._failed(listed, error, round_)
            return
        await self._ledger.take(listed.dm_id, taken)
        await self._finish(listed.dm_id, taken)

    async def _take_document(self, listed: Listed, intake: Intake, round_: Round) -> Taken:
        taken, heard = await self._taker.take(listed, intake)
        if isinstance(heard, StatusNotice):
            round_.words += 1
        else:
            round_.documents += 1
        return taken

    async def _take_system(self, listed: Listed) -> Taken:
        """Keep a message that ISDS itself wrote, and tell a person of it."""
        await self._taker.put_by(listed, polling.SYSTEM)
        await self._parked(name_of(self._box_id, listed.dm_id), polling.SYSTEM)
        return Taken(delivered_at=listed.delivered_at, proof_kept=True)

    async def _finish(self, dm_id: str, taken: Taken) -> None:
        """Do what follows once the gateway has a message: proof, mark, owed reply.

        What fails is left for the next poll, and never keeps other messages waiting.
        """
        try:
            if not taken.proof_kept:
                await self._taker.prove(dm_id, taken)
                taken = replace(taken, proof_kept=True)
                await self._taker.mark(dm_id)
            if taken.answer and not await self._answer(taken):
                await self._ledger.keep(dm_id, taken)
                return
        except DepeshaError as error:
            taken = replace(taken, tries=taken.tries + 1)
            self._observer.trouble("isds.after", outcomes.code_of(error))
            if taken.tries >= PROOF_TRIES:
                taken = replace(taken, proof_kept=True)
            await self._ledger.keep(dm_id, taken)
            return
        await self._ledger.keep(dm_id, None)

    async def _answer(self, taken: Taken) -> bool:
        """Tell a sender that its document was refused; False where it must be told later."""
        outcome = await self._answers.tell(load_reply(taken.answer), taken.delivered_at)
        if isinstance(outcome, Refused):
            self._observer.trouble("isds.answer", outcome.code)
        return isinstance(outcome, (Delivered, Refused))

    # --- what is put by ------------------------------------------------------------------------

    async def _failed(self, listed: Listed, error: DepeshaError, round_: Round) -> None:
        """Put a message by, or end the poll where the failure is not its own."""
        if isinstance(error, (LoginRefusedError, OutageError, OvertakenError)):
            raise error
        if isinstance(error, IsdsError):
            if error.action is Action.SLOWER:
                raise error
            final = error.action is Action.GONE or error.status_code == BLOCKED
            await self._put_by(listed, outcomes.code_of(error), again=not final)
            return
        await self._put_by(listed, outcomes.code_of(error), again=True)
        round_.broken = round_.broken + 1 if isinstance(error, AWAY) else 0
        if round_.broken >= BREAKS:
            raise error

    async def _put_by(self, listed: Listed, reason: str, *, again: bool = False) -> None:
        """Put a message by under its name, with a rest that grows; tell who looks after it."""
        ledger, now = await self._ledger.open(), self._clock.now()
        before = ledger.waiting.get(listed.dm_id)
        tries = 1 if before is None else before.tries + 1
        settings = self._settings
        rest = rest_after(tries, settings.park_first_seconds, settings.park_most_seconds)
        if before is None or before.reason != reason:
            self._observer.trouble("isds.parked", reason)
            await self._parked(name_of(self._box_id, listed.dm_id), reason)
        waiting = Waiting(
            delivered_at=listed.delivered_at,
            big=listed.big,
            system=listed.system,
            reason=reason,
            tries=tries,
            next_at=now + rest if again else None,
        )
        await self._ledger.wait(listed.dm_id, waiting)


def is_working(hours: WorkingTime | None, now: datetime) -> bool:
    """Tell whether a moment lies within the working time; always where none is set."""
    if hours is None:
        return True
    local = now.astimezone(ZoneInfo(hours.zone))
    return local.weekday() in hours.weekdays and hours.start <= local.time() < hours.end
