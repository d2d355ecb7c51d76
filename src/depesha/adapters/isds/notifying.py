"""Tells the sender of a received document its state (`ports.Notifier`), where it wants to hear.

A reply by reference numbers, or nothing: as the settings say for each partner (facts 12). It
decides what an answer means, never whether to try again: that is the queue's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from depesha.adapters.isds import outcomes
from depesha.adapters.isds.answering import load_reply
from depesha.adapters.isds.mapping import NETWORK
from depesha.adapters.isds.replying import IsdsReply, native
from depesha.errors import DepeshaError
from depesha.schemas.ids import message_id
from depesha.schemas.outcome import Delivered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from depesha.adapters.isds.answering import IsdsAnswers
    from depesha.adapters.isds.parties import PartnerBook
    from depesha.ports import MessageStore
    from depesha.schemas.answer import Notice
    from depesha.schemas.outcome import Outcome
    from depesha.schemas.verdict import Finding


class IsdsNotifier:
    """`ports.Notifier` of ISDS. Safe to repeat."""

    def __init__(
        self,
        *,
        answers: Mapping[str, IsdsAnswers],
        store: MessageStore,
        book: PartnerBook,
        peer_sentence: Callable[[Finding], str],
    ) -> None:
        """`answers` by box of ours: the box that received a message answers it."""
        self._answers = answers
        self._store = store
        self._book = book
        self._peer_sentence = peer_sentence

    @property
    def network(self) -> str:
        """The network it speaks."""
        return NETWORK

    async def notify(self, notice: Notice) -> Outcome:
        """Try once. Never raises for the network's faults: they are outcomes.

        A sender that wants to hear nothing has been told by ISDS itself: that is delivered.
        """
        try:
            message = await self._store.get(message_id(notice.message_id))
        except DepeshaError as error:
            return outcomes.deferred(error)
        envelope = message.envelope
        if envelope is None:
            return Delivered()
        stored = await IsdsReply(envelope, self._book, self._peer_sentence)(notice.answer)
        answers = self._answers.get(native(envelope)["recipient_box"])
        if not stored or answers is None:
            return Delivered()
        return await answers.tell(load_reply(stored.decode()), envelope.delivered_at)
