"""Sends documents of ours by SSEV (`ports.OutboundChannel`).

SSEV has no idempotency key (facts 8.3): the mark in the subject makes a message findable, and the
outbox is looked through before anything that may be there is sent again. It decides nothing about
whether or when.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from depesha.adapters.ssev import mapping, outcomes
from depesha.adapters.ssev.mapping import NETWORK, Presence
from depesha.adapters.ssev.payload import load_payload, payload_bytes, payload_of
from depesha.adapters.ssev.problems import Problem, SsevError
from depesha.errors import BrokenOffError, DepeshaError, StorageError
from depesha.schemas.dispatch import AttemptOutcome, Quality, envelope_of
from depesha.schemas.outbound import Prepared
from depesha.schemas.outcome import Absent, Delivered, Unclear
from depesha.schemas.route import ChannelFacts, Reach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from depesha.adapters.ssev.network import SsevNetwork
    from depesha.adapters.ssev.payload import Payload
    from depesha.adapters.ssev.proofs import SentState, SentStates
    from depesha.adapters.ssev.settings import SsevSettings
    from depesha.adapters.ssev.values import Lookup, OutgoingFile, Row
    from depesha.ports import BlobStore, Clock, IdSource, Observer, Threads
    from depesha.schemas.dispatch import Attempt, Dispatch
    from depesha.schemas.ids import Digest
    from depesha.schemas.outcome import Answered, Outcome

T = TypeVar("T")

REMEMBERED: Final = 5_000
"""Answers about recipients, and broken tries, kept in memory at most."""
LOOK_BACK: Final = timedelta(days=7)
"""How far back an earlier try's message is looked for before another is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """An answer about a recipient, and when it was given."""

    reach: Reach
    at: datetime


class SsevOutbound:
    """`ports.OutboundChannel` of SSEV, over both interfaces."""

    def __init__(
        self,
        *,
        net: SsevNetwork,
        states: SentStates,
        blobs: BlobStore,
        settings: SsevSettings,
        threads: Threads,
        clock: Clock,
        ids: IdSource,
        observer: Observer,
    ) -> None:
        self._net = net
        self._states = states
        self._blobs = blobs
        self._settings = settings
        self._threads = threads
        self._clock = clock
        self._ids = ids
        self._observer = observer
        self._started = clock.now()
        self._reaches: OrderedDict[str, _Known] = OrderedDict()
        self._broken: OrderedDict[str, datetime] = OrderedDict()

    @property
    def network(self) -> str:
        """The network it speaks."""
        return NETWORK

    # --- whom it reaches -----------------------------------------------------------------------

    async def facts(self, dispatch: Dispatch) -> ChannelFacts:
        """Return how the channel stands for this recipient; see `OutboundChannel.facts`."""
        known = await self._reach(dispatch.recipient.identifier.strip())
        sizes = self._net.sizes
        return ChannelFacts(
            network=NETWORK,
            quality=Quality.REGISTERED_DELIVERY,
            reach=Reach.UNKNOWN if known is None else known.reach,
            reach_as_of=None if known is None else known.at,
            message_bytes=sizes.message_bytes,
            file_bytes=sizes.file_bytes,
        )

    async def _reach(self, identifier: str) -> _Known | None:
        now = self._clock.now()
        kept = self._reaches.get(identifier)
        if kept and now - kept.at < timedelta(seconds=self._settings.reach_seconds):
            return kept
        try:
            async with asyncio.timeout(self._settings.lookup_seconds):
                reach = _reach_of(await self._net.find(identifier))
        except TimeoutError:
            return None
        except SsevError as error:
            if error.problem is not Problem.OUR_DEFECT:
                self._alarm("ssev.lookup", error)
                return None
            reach = Reach.NOT_REGISTERED  # no number that SSEV could know
        except DepeshaError:
            return None
        if reach is Reach.NOT_PERMITTED:
            self._observer.trouble("ssev.lookup", Problem.NOT_PERMITTED.value)
        known = _Known(reach=reach, at=now)
        _remember(self._reaches, identifier, known)
        return known

    # --- sending -------------------------------------------------------------------------------

    async def prepare(self, dispatch: Dispatch, attempts: Sequence[Attempt]) -> Prepared:
        """Fix the letter and its files, durable; see `OutboundChannel.prepare`."""
        mine = [attempt for attempt in attempts if attempt.network == NETWORK]
        if mine and mine[-1].outcome is AttemptOutcome.DEFERRED:
            last = mine[-1]
            if await self._threads.run(self._blobs.path, last.payload) is not None:
                return Prepared(payload=last.payload, transport_id=last.transport_id)
        transport_id = self._ids.guid()
        envelope = envelope_of(
            dispatch, network=NETWORK, transport_id=transport_id, created_at=self._clock.now()
        )
        data = payload_bytes(payload_of(envelope))
        payload = await self._threads.run(self._blobs.put, data)
        return Prepared(payload=payload, transport_id=transport_id)

    async def deliver(self, dispatch: Dispatch, attempt: Attempt) -> Outcome:
        """Try once; see `OutboundChannel.deliver`.

        Where the document was tried before, the outbox is looked through first: an earlier message
        that came to light late is this one's delivery.
        """
        try:
            payload, files = await self._threads.run(self._load, attempt.payload)
            found = await self._earlier(dispatch, attempt)
        except DepeshaError as error:  # a broken look-up, too: nothing of this try has left
            return outcomes.deferred(error)
        if found is not None:
            return found
        try:
            message_id = await self._net.send(
                payload.letter, files, identifier=dispatch.recipient.identifier.strip()
            )
        except DepeshaError as error:
            if isinstance(error, BrokenOffError):
                _remember(self._broken, attempt.id, self._clock.now())
            self._alarm("ssev.send", error)
            self._forget_reach(dispatch, error)
            return outcomes.after_send(error)
        receipt = await self._states.receipt(message_id)
        return Delivered(receipt=receipt, proven=False, reference=str(message_id))

    def _load(self, digest: Digest) -> tuple[Payload, tuple[OutgoingFile, ...]]:
        path = self._blobs.path(digest)
        if path is None:
            raise StorageError("the stored bytes of a try are gone")
        try:
            payload = load_payload(path.read_bytes())
        except OSError as error:
            raise StorageError("the stored bytes of a try cannot be read") from error
        return payload, payload.outgoing(self._blobs)

    async def _earlier(self, dispatch: Dispatch, attempt: Attempt) -> Delivered | None:
        """Return the delivery by an earlier try's message, if the outbox holds one."""
        if attempt.number <= 1:
            return None
        since = max(dispatch.submitted_at, attempt.intended_at - LOOK_BACK)
        sought = await self._net.find_sent(mapping.marker(dispatch.document.guid), since=since)
        return await self._there(sought.found) if sought.found else None

    def _forget_reach(self, dispatch: Dispatch, error: DepeshaError) -> None:
        """Let the next plan ask anew about a recipient that was not taken."""
        if isinstance(error, SsevError):
            self._reaches.pop(dispatch.recipient.identifier.strip(), None)

    # --- asking --------------------------------------------------------------------------------

    async def inquire(self, dispatch: Dispatch, attempt: Attempt) -> Answered:
        """Look through the outbox for a try's message; see `OutboundChannel.inquire`.

        Absence is told only where the outbox was read back to the intent, and long enough after
        the break: the service may still have been stamping and scanning.
        """
        asked_at = self._clock.now()
        mark = mapping.marker(dispatch.document.guid)
        try:
            if attempt.reference.isdecimal():
                state = await self._states.state(int(attempt.reference))
                return _delivered(state)
            sought = await self._net.find_sent(mark, since=attempt.intended_at)
            match mapping.presence(sought):
                case Presence.THERE:
                    return await self._there(sought.found)
                case Presence.UNKNOWN:
                    told = "the outbox at SSEV is too long to be read back to the try"
                    return Unclear(code=outcomes.OUTBOX_TOO_LONG, public=told)
                case Presence.ABSENT:
                    return self._absent(attempt, asked_at)
        except DepeshaError as error:
            self._alarm("ssev.inquire", error)
            return outcomes.deferred(error)

    def _absent(self, attempt: Attempt, asked_at: datetime) -> Absent | Unclear:
        last = self._broken.get(attempt.id, max(attempt.intended_at, self._started))
        if asked_at - last >= timedelta(seconds=self._settings.absence_seconds):
            return Absent()
        told = "SSEV may still be at work on the message"
        return Unclear(code=outcomes.TOO_EARLY, public=told)

    async def _there(self, rows: Sequence[Row]) -> Delivered:
        """Return the delivery by messages that are there: proven where one was opened.

        What the look-up itself found stands, whether or not more can be heard of it.
        """
        states = [await self._states.of_row(row) for row in rows]
        first = min(states, key=lambda state: (not state.opened, state.message_id))
        return _delivered(first)

    async def ping(self) -> str:
        """Find out which ways to SSEV live; see `OutboundChannel.ping`."""
        return await self._net.ping()

    def _alarm(self, where: str, error: DepeshaError) -> None:
        if isinstance(error, SsevError) and error.problem in outcomes.ALARMING:
            self._observer.trouble(where, error.problem.value)


def _reach_of(lookup: Lookup) -> Reach:
    if lookup.profile is not None:
        return Reach.REGISTERED if lookup.profile.active else Reach.INACTIVE
    return Reach.NOT_PERMITTED if lookup.forbidden else Reach.NOT_REGISTERED


def _delivered(state: SentState) -> Delivered:
    return Delivered(receipt=state.receipt, proven=state.opened, reference=str(state.message_id))


def _remember(kept: OrderedDict[str, T], name: str, value: T) -> None:
    """Keep the newest ones."""
    kept[name] = value
    kept.move_to_end(name)
    while len(kept) > REMEMBERED:
        kept.popitem(last=False)
