"""What the gateway's answer to a received message is on ISDS: a reply, or nothing (facts 12).

Confirmations are not customary there, so only partners that are set to hear them do; and what was
refused for its seal or its sender is never answered. It sends nothing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, assert_never

from depesha.adapters.isds.answering import reply_of
from depesha.adapters.isds.mapping import Thread
from depesha.schemas.answer import (
    Answer,
    DocumentStatus,
    EmptyAnswer,
    ErrorAnswer,
    StatusAnswer,
    UnreadableAnswer,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from depesha.adapters.isds.parties import PartnerBook
    from depesha.schemas.envelope import Envelope
    from depesha.schemas.verdict import Finding

TOLD: Final = frozenset(
    {
        DocumentStatus.REGISTERED,
        DocumentStatus.REJECTED,
        DocumentStatus.STOPPED,
        DocumentStatus.CLOSED,
    }
)
"""States that are worth a message of their own; that it came, ISDS itself has told."""


class IsdsReply:
    """`ports.Reply` to one message. Pure; safe to repeat."""

    def __init__(
        self,
        envelope: Envelope | None,
        book: PartnerBook,
        peer_sentence: Callable[[Finding], str],
    ) -> None:
        """Without an envelope nothing is ever said: answers to answers would never end."""
        self._envelope = envelope
        self._book = book
        self._peer_sentence = peer_sentence

    async def __call__(self, answer: Answer) -> bytes:
        """Return the reply as stored bytes; empty where nothing is said."""
        match answer:
            case StatusAnswer():
                return self._status(answer)
            case ErrorAnswer() | UnreadableAnswer() | EmptyAnswer():
                return b""
            case _:
                assert_never(answer)

    def _status(self, answer: StatusAnswer) -> bytes:
        if self._envelope is None or answer.status not in TOLD:
            return b""
        told = native(self._envelope)
        if not self._book.acknowledged(told["sender_box"]):
            return b""
        reply = reply_of(
            in_words(answer, self._peer_sentence),
            dm_id=told["dm_id"],
            box_id=told["sender_box"],
            thread=Thread(reference=told["sender_reference"], mark=told["sender_mark"]),
        )
        return reply.stored()


def native(envelope: Envelope) -> dict[str, str]:
    """Return what ISDS said of a message beyond its envelope (`extracting.py`), texts alone."""
    return {k: v for k, v in json.loads(envelope.extra).items() if isinstance(v, str)}


def in_words(answer: StatusAnswer, peer_sentence: Callable[[Finding], str]) -> StatusAnswer:
    """Return an answer whose reason a person can read: that of a check, said in a sentence."""
    if answer.rejection is None:
        return answer
    return StatusAnswer(
        status=answer.status,
        document=answer.document,
        reason=peer_sentence(answer.rejection),
        expected_close=answer.expected_close,
    )
