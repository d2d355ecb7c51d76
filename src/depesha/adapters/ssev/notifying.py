"""Tells the sender of a received document its state (`ports.Notifier`), by a reply in the thread.

It decides what an answer means, never whether to try again: that is the queue's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from depesha.adapters.ssev import mapping
from depesha.adapters.ssev.mapping import NETWORK
from depesha.adapters.ssev.originals import read_original
from depesha.adapters.ssev.replying import in_words
from depesha.errors import DepeshaError
from depesha.schemas.ids import message_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from depesha.adapters.ssev.answering import SsevAnswers
    from depesha.adapters.ssev.originals import KeptMessage
    from depesha.ports import BlobStore, MessageStore, Observer, Threads
    from depesha.schemas.answer import Notice
    from depesha.schemas.ids import Digest
    from depesha.schemas.outcome import Outcome
    from depesha.schemas.verdict import Finding


class SsevNotifier:
    """`ports.Notifier` of SSEV. Safe to repeat."""

    def __init__(
        self,
        *,
        answers: SsevAnswers,
        store: MessageStore,
        blobs: BlobStore,
        peer_sentence: Callable[[Finding], str],
        threads: Threads,
        observer: Observer,
    ) -> None:
        """`store` tells which message of SSEV a notice answers."""
        self._answers = answers
        self._store = store
        self._blobs = blobs
        self._peer_sentence = peer_sentence
        self._threads = threads
        self._observer = observer

    @property
    def network(self) -> str:
        """The network it speaks."""
        return NETWORK

    async def notify(self, notice: Notice) -> Outcome:
        """Try once. Never raises for the network's faults: they are outcomes."""
        answer = in_words(notice.answer, self._peer_sentence)
        answered = await self._answered(notice)
        return await self._answers.tell(
            f"{notice.message_id}/{answer.status}/{answer.document.guid}",
            mapping.status_letter(answer),
            answer.document.guid,
            to_message=None if answered is None else answered.message_id,
            identifier=notice.original_sender.identifier.strip(),
            arrived_at=None if answered is None else answered.sent_at,
        )

    async def _answered(self, notice: Notice) -> KeptMessage | None:
        """Return the message to answer; None where nothing tells it any more.

        Then the answer goes as a new letter: the mark in its subject still names the document.
        """
        try:
            message = await self._store.get(message_id(notice.message_id))
            return await self._threads.run(self._kept, message.arrival.original)
        except DepeshaError as error:
            self._observer.trouble("ssev.thread", error.code)
            return None

    def _kept(self, original: Digest) -> KeptMessage | None:
        path = self._blobs.path(original)
        return None if path is None else read_original(path)
