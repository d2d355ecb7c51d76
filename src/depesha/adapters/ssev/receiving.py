"""Receives by SSEV: looks into the inbox, checks the sender, opens, keeps, hands on (facts 8.4).

Opening is the legal receipt and cannot be undone: nothing is opened before its sender is known and
the intent is on disk, and nothing is done before the gateway has it. One message that cannot be
fetched is parked under its name and never keeps the others waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from depesha.adapters.ssev.ledger import InHand, enter, listed_since, opened_since, rest_after
from depesha.adapters.ssev.mapping import NETWORK
from depesha.adapters.ssev.originals import KeptSender
from depesha.adapters.ssev.polling import (
    LeftClosedError,
    OwedError,
    ParkedMessage,
    PollReport,
    Round,
    code_of,
    name_of,
)
from depesha.adapters.ssev.problems import SsevError
from depesha.adapters.ssev.replying import SsevReply, load_letter
from depesha.errors import (
    BrokenOffError,
    DepeshaError,
    OvertakenError,
    StorageError,
    UnreachableError,
    UnsaidError,
)
from depesha.schemas.answer import StatusNotice
from depesha.schemas.outcome import Delivered, Refused
from depesha.schemas.steps import Step

if TYPE_CHECKING:
    from depesha.adapters.ssev.answering import SsevAnswers
    from depesha.adapters.ssev.directory import SsevDirectory
    from depesha.adapters.ssev.extracting import Heard, SsevExtractor
    from depesha.adapters.ssev.ledger import LedgerFile
    from depesha.adapters.ssev.network import SsevNetwork
    from depesha.adapters.ssev.opening import Opener
    from depesha.adapters.ssev.settings import SsevSettings
    from depesha.adapters.ssev.values import Profile
    from depesha.adapters.ssev.watching import OutboxWatch
    from depesha.ports import BlobStore, Checkpoint, Clock, Intake, Observer, Threads
    from depesha.schemas.ids import Digest
    from depesha.schemas.verdict import Finding

Parked = Callable[[str, str], Awaitable[None]]
"""Told of a message that waits for a person or for better days: its name and a bounded reason."""
SENDER_UNKNOWN: Final = "SENDER_UNKNOWN"
SENDER_NOT_TOLD: Final = "SENDER_NOT_TOLD"
"""No list tells who sent it (REST alone), and opening it unchecked is not allowed."""
AWAY: Final = (UnreachableError, BrokenOffError, StorageError)
"""Failures that may be the network's or the disk's, and not the message's own."""
BREAKS: Final = 2
"""Of those in a row, after which the others are left alone until the next poll."""


class SsevReceiver:
    """Takes in what others send us by SSEV. A clockwork calls `poll`."""

    def __init__(
        self,
        *,
        net: SsevNetwork,
        opener: Opener,
        extractor: SsevExtractor,
        answers: SsevAnswers,
        watch: OutboxWatch,
        directory: SsevDirectory,
        ledger: LedgerFile,
        blobs: BlobStore,
        settings: SsevSettings,
        peer_sentence: Callable[[Finding], str],
        parked: Parked,
        threads: Threads,
        clock: Clock,
        observer: Observer,
        checkpoint: Checkpoint,
    ) -> None:
        self._net = net
        self._opener = opener
        self._extractor = extractor
        self._answers = answers
        self._watch = watch
        self._directory = directory
        self._ledger = ledger
        self._blobs = blobs
        self._settings = settings
        self._peer_sentence = peer_sentence
        self._parked = parked
        self._threads = threads
        self._clock = clock
        self._observer = observer
        self._checkpoint = checkpoint
        self._one_at_a_time = asyncio.Lock()

    async def poll(self, intake: Intake) -> PollReport:
        """Look once: take in what came, and report what of ours was opened.

        Never raises `DepeshaError`: the report and the observer tell. Safe to repeat at any time;
        a second call waits for the first.
        """
        async with self._one_at_a_time:
            round_ = Round()
            try:
                if self._settings.receive:
                    await self._receive(intake, round_)
            except DepeshaError as error:
                self._trouble("ssev.poll", error, round_)
            try:
                round_.opened_there = await self._watch.look(intake)
            except DepeshaError as error:
                self._trouble("ssev.watch", error, round_)
            return round_.report(len(self.parked()))

    def _trouble(self, where: str, error: DepeshaError, round_: Round) -> None:
        self._observer.trouble(where, code_of(error))
        round_.trouble = round_.trouble or code_of(error)

    def parked(self) -> tuple[ParkedMessage, ...]:
        """Return what could not be taken in yet, oldest first."""
        ledger = self._ledger.peek()
        in_hand = {} if ledger is None else ledger.in_hand
        return tuple(
            ParkedMessage(
                name=name_of(key),
                reason=entry.reason,
                sent_at=entry.sent_at,
                tries=entry.tries,
                next_at=entry.next_at,
                opened=entry.opening,
            )
            for key, entry in sorted(in_hand.items())
            if entry.reason
        )

    # --- what is there -------------------------------------------------------------------------

    async def _receive(self, intake: Intake, round_: Round) -> None:
        """Look and take; what was kept before is handed on even where SSEV is away."""
        try:
            await self._notice_new()
        except (UnreachableError, BrokenOffError, SsevError):
            await self._take_all(intake, round_, kept_only=True)
            raise
        await self._take_all(intake, round_)

    async def _notice_new(self) -> None:
        """Write down what the inbox shows, before anything is opened."""
        ledger, now = await self._ledger.open(), self._clock.now()
        every = timedelta(seconds=self._settings.sweep_seconds)
        sweeping = ledger.swept_at is None or now - ledger.swept_at >= every
        back = timedelta(days=self._settings.sweep_days)
        horizon = opened_since(ledger, now - back) if sweeping else None
        listed = None if horizon is None else listed_since(ledger, horizon)
        rows = await self._net.inbox(listed)
        news = enter(ledger, rows, horizon, now)
        if sweeping:
            ledger.swept_at, ledger.gap = now, None
        if news or sweeping:
            await self._ledger.write()

    async def _take_all(self, intake: Intake, round_: Round, *, kept_only: bool = False) -> None:
        """Take in everything that is due, in the order of sending."""
        ledger, now, broken = await self._ledger.open(), self._clock.now(), 0
        for key in sorted(ledger.in_hand):
            entry = ledger.in_hand[key]
            resting = entry.next_at is not None and entry.next_at > now
            if resting or (kept_only and (entry.original is None or entry.answer)):
                continue
            try:
                await self._take(key, entry, intake, round_)
                broken = 0
            except LeftClosedError as left:
                await self._leave(key, left.reason)
            except OvertakenError:
                raise  # another gateway takes them in
            except DepeshaError as error:
                await self._park(key, code_of(error))
                broken = broken + 1 if isinstance(error, AWAY) else 0
                if broken >= BREAKS:
                    raise

    # --- one message ---------------------------------------------------------------------------

    async def _take(self, key: int, entry: InHand, intake: Intake, round_: Round) -> None:
        """Take one message as far as it goes; every step is on disk before the next one."""
        if not entry.answer:
            if entry.original is None or not await self._is_kept(entry.original):
                entry = await self._open(key, entry)
            entry = await self._hand_on(key, entry, intake, round_)
        if entry.answer:
            await self._tell(key, entry)
        await self._ledger.finish(key)

    async def _is_kept(self, original: Digest) -> bool:
        """Tell whether an original is there: one that is gone is opened again."""
        return await self._threads.run(self._blobs.path, original) is not None

    async def _open(self, key: int, entry: InHand) -> InHand:
        """Check the sender, write the intent down, open, keep."""
        sender = await self._checked(key, entry)
        entry = replace(entry, sender=sender, opening=True)
        await self._ledger.update(key, entry)
        original = await self._opener.open(key, sender)
        self._checkpoint.reached(Step.BYTES_READ)
        entry = replace(entry, original=original, kept_at=self._clock.now())
        await self._ledger.update(key, entry)
        self._checkpoint.reached(Step.ORIGINAL_KEPT)
        return entry

    async def _checked(self, key: int, entry: InHand) -> KeptSender:
        """Return the sender, known to SSEV, active, and one whose messages are opened here."""
        if entry.opening and entry.sender is not None:
            return entry.sender  # was checked, and the opening cannot be undone
        profile = await self._net.sender(entry.sender_subject_id, entry.sender_profile_id)
        if profile is None:
            if not self._settings.open_unchecked:
                raise LeftClosedError(SENDER_NOT_TOLD)
            await self._ledger.update(key, replace(entry, opening=True))
            profile = await self._opener.unchecked(key)
        if not self._is_welcome(profile):
            raise LeftClosedError(SENDER_UNKNOWN)
        await self._directory.note(profile)
        return KeptSender(
            identifier=profile.identifier.strip(),
            name=profile.name,
            profile_id=entry.sender_profile_id or profile.profile_id,
            subject_id=entry.sender_subject_id,
        )

    def _is_welcome(self, profile: Profile) -> bool:
        kind = profile.kind
        return (
            bool(profile.identifier.strip())
            and profile.active
            and (kind is None or kind in self._settings.senders)
        )

    async def _hand_on(self, key: int, entry: InHand, intake: Intake, round_: Round) -> InHand:
        """Give the gateway what was kept; whatever its answer is, it has it when this returns."""
        if entry.original is None or entry.kept_at is None:
            raise StorageError("a message is handed on that was not kept")
        heard = await self._threads.run(self._hear, entry.original, entry.kept_at)
        try:
            if isinstance(heard, StatusNotice):
                # Never answered in its turn: two gateways would go on for ever (facts 8.5).
                await intake.notice(heard, SsevReply(None, self._peer_sentence))
                round_.words += 1
                return entry
            self._observer.arrived(NETWORK, heard.original_size)
            answer = await intake.receive(heard, SsevReply(heard.envelope, self._peer_sentence))
        except UnsaidError:
            answer = b""  # it is durable there, and nothing true can be said
        self._checkpoint.reached(Step.ANSWERED)
        round_.documents += 1
        if not answer:
            return entry
        entry = replace(entry, answer=answer.decode(), tries=0, reason="")
        await self._ledger.update(key, entry)
        return entry

    def _hear(self, original: Digest, at: datetime) -> Heard:
        path = self._blobs.path(original)
        if path is None:
            raise StorageError("a message that was just kept is gone")
        return self._extractor.hear(path, at)

    async def _tell(self, key: int, entry: InHand) -> None:
        """Tell a sender that its document was refused, or what became of the first one."""
        letter, document = load_letter(entry.answer)
        outcome = await self._answers.tell(
            f"answer/{key}",
            letter,
            document,
            to_message=key,
            identifier="" if entry.sender is None else entry.sender.identifier,
            arrived_at=entry.sent_at,
        )
        if isinstance(outcome, (Delivered, Refused)):
            if isinstance(outcome, Refused):
                self._observer.trouble("ssev.answer", outcome.code)
            return
        raise OwedError(outcome.public, reason=outcome.code)

    async def _leave(self, key: int, reason: str) -> None:
        """Put by what is not to be opened; what a person has opened already is that person's."""
        ledger = await self._ledger.open()
        if ledger.in_hand[key].by_person:
            await self._ledger.finish(key)
        else:
            await self._park(key, reason)

    async def _park(self, key: int, reason: str) -> None:
        """Put a message by, under its name, with a rest that grows; tell who looks after it."""
        ledger = await self._ledger.open()
        entry = ledger.in_hand[key]
        settings, tries = self._settings, entry.tries + 1
        rest = rest_after(tries, settings.park_first_seconds, settings.park_most_seconds)
        parked = replace(entry, tries=tries, next_at=self._clock.now() + rest, reason=reason)
        if entry.reason != reason:
            self._observer.trouble("ssev.parked", reason)
            await self._parked(name_of(key), reason)
        await self._ledger.update(key, parked)
