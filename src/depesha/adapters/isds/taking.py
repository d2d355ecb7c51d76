"""Takes one received message in: fetch signed, keep bit by bit, check, hand on (facts 12, 9.5).

It may be repeated at any time: ISDS gives a message again, sealed anew, and the gateway knows it
by its number. It decides neither which message nor whether to try again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from depesha.adapters.isds.codes import Action
from depesha.adapters.isds.ledger import Fetched, Taken
from depesha.adapters.isds.mapping import NETWORK
from depesha.adapters.isds.problems import IsdsError
from depesha.adapters.isds.replying import IsdsReply
from depesha.adapters.spooling import spool_folder
from depesha.errors import DepeshaError, StorageError, UnsaidError
from depesha.schemas.answer import StatusNotice
from depesha.schemas.facts import Arrival
from depesha.schemas.message import EvidenceKind, NewEvidence
from depesha.schemas.steps import Step
from depesha.schemas.verdict import Rejection

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from depesha.adapters.filestreams import StoredFile
    from depesha.adapters.isds.big_client import IsdsBigClient
    from depesha.adapters.isds.extracting import Heard, IsdsExtractor
    from depesha.adapters.isds.ledger import LedgerFile
    from depesha.adapters.isds.parties import PartnerBook
    from depesha.adapters.isds.sent import SentMessages
    from depesha.ports import (
        BlobStore,
        Checkpoint,
        Clock,
        Intake,
        Journal,
        MessageStore,
        Observer,
        Threads,
    )
    from depesha.schemas.ids import Digest, MessageId
    from depesha.schemas.verdict import Finding

PAPER: Final = "message.zfo"
ACTOR: Final = f"network:{NETWORK}"
LONG: Final = 256 * 1024
"""Bytes of a paper from which on it is worth a line in the ledger not to fetch it twice."""
FRESH: Final = timedelta(hours=12)
"""How long a noted paper is used: what nobody refers to is swept a day after it was put."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A received message as the list shows it."""

    dm_id: str
    delivered_at: datetime
    big: bool
    system: bool = False
    """ISDS itself wrote it."""


class Taker:
    """Takes messages of one box in, one at a time."""

    def __init__(
        self,
        *,
        client: IsdsBigClient,
        sent: SentMessages,
        extractor: IsdsExtractor,
        ledger: LedgerFile,
        book: PartnerBook,
        store: MessageStore,
        journal: Journal,
        blobs: BlobStore,
        peer_sentence: Callable[[Finding], str],
        threads: Threads,
        clock: Clock,
        observer: Observer,
        checkpoint: Checkpoint,
    ) -> None:
        self._client = client
        self._sent = sent
        self._extractor = extractor
        self._ledger = ledger
        self._book = book
        self._store = store
        self._journal = journal
        self._blobs = blobs
        self._peer_sentence = peer_sentence
        self._threads = threads
        self._clock = clock
        self._observer = observer
        self._checkpoint = checkpoint

    async def take(self, listed: Listed, intake: Intake) -> tuple[Taken, Heard]:
        """Fetch, keep, check and hand on one message; the gateway has it when this returns.

        A paper that is not genuine is fetched once more before it is handed on as such: each one
        is sealed anew, so the first may have been an accident. Raises `DepeshaError`.
        """
        heard = await self._fetched(listed)
        if _is_broken(heard):
            heard = await self._fetched(listed, anew=True)
        answer = await self._hand_on(heard, intake)
        self._checkpoint.reached(Step.ANSWERED)
        envelope = heard.envelope if isinstance(heard, Arrival) else None
        taken = Taken(
            delivered_at=listed.delivered_at,
            sender=None if envelope is None else envelope.sender.guid,
            document=None if envelope is None else envelope.document.guid,
            answer=answer,
        )
        return taken, heard

    async def _fetched(self, listed: Listed, *, anew: bool = False) -> Heard:
        """Fetch and read a paper, or read the one that lies here from a try that broke off."""
        original = None if anew else await self._noted(listed.dm_id)
        if original is None:
            original = await self.keep(listed)
        self._checkpoint.reached(Step.ORIGINAL_KEPT)
        try:
            return await self._threads.run(self._hear, original, self._clock.now(), listed.dm_id)
        except DepeshaError:
            # It may be the paper's fault: the next try gets another. Written when it is put by.
            (await self._ledger.open()).fetched.pop(listed.dm_id, None)
            raise

    async def _noted(self, dm_id: str) -> Digest | None:
        noted = (await self._ledger.open()).fetched.get(dm_id)
        if noted is None or abs(self._clock.now() - noted.at) > FRESH:
            return None
        kept = await self._threads.run(self._blobs.path, noted.original)
        return None if kept is None else noted.original

    async def keep(self, listed: Listed) -> Digest:
        """Fetch a message as its sealed paper and keep it, durable and bit by bit."""
        async with spool_folder(self._blobs, self._threads) as folder:
            stored = await self._fetch(listed, folder / PAPER)
            self._checkpoint.reached(Step.BYTES_READ)
            original = await self._threads.run(self._blobs.put, stored.path)
        if stored.size >= LONG:
            noted = Fetched(original=original, at=self._clock.now())
            await self._ledger.note(listed.dm_id, noted)
        return original

    async def _fetch(self, listed: Listed, target: Path) -> StoredFile:
        """Fetch by the service that the list names; ISDS itself knows best (code 1281)."""
        ways = (self._client.fetch_received, self._client.fetch_big_received)
        first, second = reversed(ways) if listed.big else ways
        try:
            return await first(listed.dm_id, target)
        except IsdsError as error:
            if error.action is not Action.OTHER_SERVICE:
                raise
            return await second(listed.dm_id, target)

    def _hear(self, original: Digest, at: datetime, dm_id: str) -> Heard:
        path = self._blobs.path(original)
        if path is None:
            raise StorageError("a message that was just kept is gone")
        return self._extractor.hear(path, at, dm_id)

    async def _hand_on(self, heard: Heard, intake: Intake) -> str:
        """Give the gateway what was kept; return a reply that its sender is owed."""
        try:
            if isinstance(heard, StatusNotice):
                # Never answered in its turn: two gateways would go on for ever (facts 12).
                await intake.notice(heard, IsdsReply(None, self._book, self._peer_sentence))
                return ""
            self._observer.arrived(NETWORK, heard.original_size)
            reply = IsdsReply(heard.envelope, self._book, self._peer_sentence)
            return (await intake.receive(heard, reply)).decode()
        except UnsaidError:
            return ""  # it is durable there, and nothing true can be said

    async def prove(self, dm_id: str, taken: Taken) -> None:
        """Keep the signed delivery information of a received message as evidence of it."""
        proof = await self._sent.keep_delivery(dm_id)
        await self._journal.record(
            NewEvidence(
                kind=EvidenceKind.WORD_RECEIVED,
                at=self._clock.now(),
                message_id=await self._stored(taken),
                actor=ACTOR,
                facts={
                    "network": NETWORK,
                    "word": "delivery-information",
                    "name": dm_id,
                    "original": proof,
                },
            )
        )

    async def put_by(self, listed: Listed, reason: str) -> None:
        """Keep a message that the gateway is not to have, as evidence under its name there."""
        original = await self.keep(listed)
        await self._journal.record(
            NewEvidence(
                kind=EvidenceKind.PARKED,
                at=self._clock.now(),
                message_id=None,
                actor=ACTOR,
                facts={
                    "network": NETWORK,
                    "name": listed.dm_id,
                    "reason": reason,
                    "original": original,
                },
            )
        )

    async def mark(self, dm_id: str) -> None:
        """Tell ISDS that we have a message; it has no meaning in law. Safe to repeat."""
        await self._client.mark_downloaded(dm_id)

    async def _stored(self, taken: Taken) -> MessageId | None:
        if taken.sender is None or taken.document is None:
            return None
        found = await self._store.find_document(NETWORK, taken.sender, taken.document)
        return None if found is None else found.id


def _is_broken(heard: Heard) -> bool:
    """Tell whether a paper is surely not genuine, or no paper at all."""
    if isinstance(heard, Arrival) and heard.unreadable is not None:
        return True
    found = None if heard.signature is None else heard.signature.finding
    return found is not None and isinstance(found.reason, Rejection)
