"""Sends documents of ours by ISDS (`ports.OutboundChannel`).

ISDS has no key against repeats (facts 5.1): the mark in `dmSenderRefNumber` makes a message
findable, and the list of sent messages is looked through before anything that may be there is sent
again. It decides nothing about whether or when.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from depesha.adapters.isds import mapping, outcomes, rules
from depesha.adapters.isds.codes import Action
from depesha.adapters.isds.mapping import NETWORK, Manner, Thread
from depesha.adapters.isds.parties import party_guid
from depesha.adapters.isds.payload import Payload, files_of, load_payload, payload_bytes
from depesha.adapters.isds.problems import IsdsError
from depesha.adapters.isds.rules import CONTAINERS, Candidate, Size
from depesha.errors import BrokenOffError, DepeshaError, StorageError, UnreachableError, WireError
from depesha.schemas.dispatch import AttemptOutcome, Quality, envelope_of
from depesha.schemas.evidence import canonical
from depesha.schemas.outbound import Prepared
from depesha.schemas.outcome import Absent, Delivered, Unclear
from depesha.schemas.route import ChannelFacts, Reach

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from depesha.adapters.isds.big_client import IsdsBigClient
    from depesha.adapters.isds.ledger import LedgerFile
    from depesha.adapters.isds.reaching import Reacher
    from depesha.adapters.isds.sent import SentMessages
    from depesha.adapters.isds.settings import IsdsSettings
    from depesha.adapters.isds.values import OutgoingFile, Row
    from depesha.ports import (
        BlobStore,
        Clock,
        ContentInspector,
        IdSource,
        MessageStore,
        Observer,
        Threads,
    )
    from depesha.schemas.dispatch import Attempt, Dispatch
    from depesha.schemas.envelope import Attachment
    from depesha.schemas.facts import ArchiveFacts
    from depesha.schemas.ids import Digest, Guid
    from depesha.schemas.outcome import Answered, Outcome, Refused

REMEMBERED: Final = 5_000
"""Broken tries kept in memory at most."""
LOOK_BACK: Final = timedelta(days=7)
"""How far back an earlier try's message is looked for before another is made."""


class IsdsOutbound:
    """`ports.OutboundChannel` of ISDS, from one box of ours."""

    def __init__(
        self,
        *,
        client: IsdsBigClient,
        reacher: Reacher,
        sent: SentMessages,
        ledger: LedgerFile,
        store: MessageStore,
        blobs: BlobStore,
        inspector: ContentInspector,
        settings: IsdsSettings,
        threads: Threads,
        clock: Clock,
        ids: IdSource,
        observer: Observer,
    ) -> None:
        """`store` tells what a document of ours answers; `ledger` is the sending box's own."""
        self._client = client
        self._reacher = reacher
        self._sent = sent
        self._ledger = ledger
        self._store = store
        self._blobs = blobs
        self._inspector = inspector
        self._settings = settings
        self._threads = threads
        self._clock = clock
        self._ids = ids
        self._observer = observer
        self._started = clock.now()
        self._broken: OrderedDict[str, datetime] = OrderedDict()

    @property
    def network(self) -> str:
        """The network it speaks."""
        return NETWORK

    async def facts(self, dispatch: Dispatch) -> ChannelFacts:
        """Return how the channel stands for this recipient; see `OutboundChannel.facts`."""
        known = await self._reacher.reach(dispatch.recipient.identifier)
        return ChannelFacts(
            network=NETWORK,
            quality=Quality.REGISTERED_DELIVERY,
            reach=Reach.UNKNOWN if known is None else known.reach,
            reach_as_of=None if known is None else known.at,
            message_bytes=min(self._settings.big_message_bytes, rules.BIG_BYTES),
            files=rules.COUNT,
        )

    # --- preparing -----------------------------------------------------------------------------

    async def prepare(self, dispatch: Dispatch, attempts: Sequence[Attempt]) -> Prepared:
        """Fix the words and the files, durable; see `OutboundChannel.prepare`.

        Raises `WireError` where the rules for attachments are broken (facts 4.4, 8).
        """
        mine = [attempt for attempt in attempts if attempt.network == NETWORK]
        if mine and mine[-1].outcome is AttemptOutcome.DEFERRED:
            last = mine[-1]
            if await self._threads.run(self._blobs.path, last.payload) is not None:
                return Prepared(payload=last.payload, transport_id=last.transport_id)
        box_id = await self._reacher.box_id(dispatch.recipient.identifier)
        if box_id is None:
            raise WireError("no data box is known for the recipient")
        thread = await self._thread(dispatch, box_id)
        transport_id = self._ids.guid()
        data = await self._threads.run(self._payload, dispatch, box_id, thread, transport_id)
        payload = await self._threads.run(self._blobs.put, data)
        return Prepared(payload=payload, transport_id=transport_id)

    async def _thread(self, dispatch: Dispatch, box_id: str) -> Thread:
        """Return what the message that is answered said of itself, word for word (facts 12)."""
        if dispatch.parent is None:
            return Thread()
        sender = party_guid(self._settings.environment, box_id)
        found = await self._store.find_document(NETWORK, sender, dispatch.parent.guid)
        if found is None or found.envelope is None or not found.envelope.extra:
            return Thread()
        told = json.loads(found.envelope.extra)
        return Thread(reference=told["sender_reference"], mark=told["sender_mark"])

    def _payload(
        self, dispatch: Dispatch, box_id: str, thread: Thread, transport_id: Guid
    ) -> bytes:
        files = files_of(dispatch.files)
        containers = {
            file.digest: self._container(file)
            for file in dispatch.files
            if rules.extension(file.name) in CONTAINERS
        }
        broken = rules.breaches(
            [
                Candidate(
                    name=file.name,
                    size=file.size,
                    meta_type=file.meta_type,
                    container=containers.get(file.digest),
                )
                for file in files
            ]
        )
        if broken:
            first = broken[0]
            raise WireError(
                "ISDS does not take the document's attachments as they are",
                breach=first.breach.value,
                index=first.index,
            )
        envelope = envelope_of(
            dispatch, network=NETWORK, transport_id=transport_id, created_at=self._clock.now()
        )
        settings = self._settings
        manner = Manner(  # what is the default there is left out
            personal_delivery=settings.personal_delivery or None,
            fiction_allowed=None if settings.fiction_allowed else False,
            as_authority=None if settings.as_authority else False,
            thread=thread,
        )
        words = mapping.create_words(envelope, manner, recipient_box=box_id)
        return payload_bytes(Payload(words=words, files=files))

    def _container(self, file: Attachment) -> ArchiveFacts | None:
        """Look inside a container as ISDS will; None where nothing is known of it."""
        path = self._blobs.path(file.digest)
        if path is None:
            return None
        try:
            with path.open("rb") as content:
                return self._inspector.inspect(file, content).archive
        except OSError as error:
            raise StorageError("a file of the document cannot be read") from error

    # --- sending -------------------------------------------------------------------------------

    async def deliver(self, dispatch: Dispatch, attempt: Attempt) -> Outcome:
        """Try once; see `OutboundChannel.deliver`.

        Where the document was tried before, the list of sent messages is looked through first: an
        earlier message that came to light late is this one's delivery.
        """
        try:
            payload, files = await self._threads.run(self._load, attempt.payload)
            found = await self._earlier(dispatch, attempt)
        except DepeshaError as error:  # a broken look-up, too: nothing of this try has left
            return outcomes.deferred(error)
        if found is not None:
            return found
        try:
            dm_id = await self._send(payload, files)
        except DepeshaError as error:
            if isinstance(error, BrokenOffError):
                self._remember(attempt.id)
            self._alarm("isds.send", error)
            if isinstance(error, IsdsError):
                self._reacher.forget(dispatch.recipient.identifier)
            return outcomes.after_send(error)
        await self._watch(dm_id)
        return Delivered(receipt=canonical({"dm_id": dm_id}), proven=False, reference=dm_id)

    def _load(self, digest: Digest) -> tuple[Payload, tuple[OutgoingFile, ...]]:
        path = self._blobs.path(digest)
        if path is None:
            raise StorageError("the stored bytes of a try are gone")
        try:
            payload = load_payload(path.read_bytes())
        except OSError as error:
            raise StorageError("the stored bytes of a try cannot be read") from error
        return payload, payload.outgoing(self._blobs)

    async def _send(self, payload: Payload, files: Sequence[OutgoingFile]) -> str:
        """Send by the service that fits the size; ISDS itself knows its bounds best (facts 8)."""
        big = rules.size_of(payload.sizes, self._settings.message_bytes) is Size.BIG
        try:
            return await self._send_by(payload, files, big=big)
        except IsdsError as error:
            if error.action is not Action.OTHER_SERVICE:
                raise
        return await self._send_by(payload, files, big=not big)

    async def _send_by(self, payload: Payload, files: Sequence[OutgoingFile], *, big: bool) -> str:
        if not big:
            return await self._client.create_message(payload.words, files)
        uploaded = []
        for file in files:
            try:
                uploaded.append(await self._client.upload(file))
            except BrokenOffError as error:
                # An upload that nobody uses is forgotten there: nothing was sent.
                raise UnreachableError("an upload to ISDS broke off") from error
        return await self._client.create_big_message(payload.words, uploaded)

    async def _watch(self, dm_id: str) -> None:
        """Have it watched; where that cannot be written, the list of sent messages shows it."""
        try:
            await self._ledger.watch(dm_id)
        except StorageError as error:
            self._observer.trouble("isds.watch", error.code)

    async def _earlier(self, dispatch: Dispatch, attempt: Attempt) -> Delivered | Refused | None:
        """Return what an earlier try's message became, if ISDS has one."""
        if attempt.number <= 1:
            return None
        since = max(dispatch.submitted_at, attempt.intended_at - LOOK_BACK)
        sought = await self._sent.find(_of(dispatch.document.guid), since)
        return await self._there(sought.found) if sought.found else None

    # --- asking --------------------------------------------------------------------------------

    async def inquire(self, dispatch: Dispatch, attempt: Attempt) -> Answered:
        """Look through the sent messages for a try's one; see `OutboundChannel.inquire`.

        Absence is told only where the list was read back to the intent, and long enough after the
        break: one that is still on its way may show nowhere.
        """
        asked_at = self._clock.now()
        try:
            if attempt.reference:
                return (await self._sent.state(attempt.reference)).outcome()
            sought = await self._sent.find(_of(dispatch.document.guid), attempt.intended_at)
            if sought.found:
                return await self._there(sought.found)
            if not sought.complete:
                told = "the list of sent messages is too long to be read back to the try"
                return Unclear(code=outcomes.LIST_TOO_LONG, public=told)
            return self._absent(attempt, asked_at)
        except DepeshaError as error:
            self._alarm("isds.inquire", error)
            return outcomes.deferred(error)

    def _absent(self, attempt: Attempt, asked_at: datetime) -> Absent | Unclear:
        last = self._broken.get(attempt.id, max(attempt.intended_at, self._started))
        if asked_at - last >= timedelta(seconds=self._settings.absence_seconds):
            return Absent()
        told = "ISDS may still be at work on the message"
        return Unclear(code=outcomes.TOO_EARLY, public=told)

    async def _there(self, rows: Sequence[Row]) -> Delivered | Refused:
        """Return what the messages that are there became: the delivered one counts first.

        What the look-up itself found stands, whether or not more can be heard of it.
        """
        found: list[Delivered | Refused] = []
        for row in sorted(rows, key=lambda each: int_of(each.words.dm_id)):
            dm_id = row.words.dm_id
            await self._watch(dm_id)
            try:
                found.append((await self._sent.state(dm_id)).outcome())
            except DepeshaError as error:
                self._observer.trouble("isds.state", outcomes.code_of(error))
                receipt = canonical({"dm_id": dm_id, "state": row.state})
                found.append(Delivered(receipt=receipt, proven=False, reference=dm_id))
        return min(found, key=_rank)

    async def ping(self) -> str:
        """Find out whether the log-in enters our box; see `OutboundChannel.ping`."""
        box = await self._client.owner()
        return f"ISDS lets us into the box {box.box_id} ({box.kind})"

    def _remember(self, attempt_id: str) -> None:
        self._broken[attempt_id] = self._clock.now()
        self._broken.move_to_end(attempt_id)
        while len(self._broken) > REMEMBERED:
            self._broken.popitem(last=False)

    def _alarm(self, where: str, error: DepeshaError) -> None:
        if outcomes.is_alarming(error):
            self._observer.trouble(where, outcomes.code_of(error))


def _of(document: Guid) -> Callable[[Row], bool]:
    """Return what tells whether a line of a list carries a document's mark."""
    return lambda row: mapping.referenced(row.words.sender_reference) == document


def int_of(dm_id: str) -> tuple[int, str]:
    """Return a message number as something to sort by: digits in all samples, never promised."""
    return (int(dm_id) if dm_id.isascii() and dm_id.isdigit() else 0, dm_id)


def _rank(outcome: Delivered | Refused) -> int:
    if isinstance(outcome, Delivered):
        return 0 if outcome.proven else 1
    return 2
