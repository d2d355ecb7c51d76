"""What the gateway's answer to a received message is on SSEV: a letter, or nothing (facts 8.5).

Having opened a message is all that SSEV calls receiving, so "waiting" is never said; a refusal is,
for nothing else would tell the sender. It sends nothing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, assert_never

from depesha.adapters.ssev import mapping
from depesha.adapters.ssev.values import Letter
from depesha.errors import StorageError
from depesha.schemas import ids
from depesha.schemas.answer import (
    Answer,
    DocumentStatus,
    EmptyAnswer,
    ErrorAnswer,
    StatusAnswer,
    UnreadableAnswer,
)
from depesha.schemas.envelope import DocumentReference
from depesha.schemas.evidence import canonical

if TYPE_CHECKING:
    from collections.abc import Callable

    from depesha.schemas.envelope import Envelope
    from depesha.schemas.ids import Guid
    from depesha.schemas.verdict import Finding

TOLD: Final = frozenset(
    {
        DocumentStatus.REGISTERED,
        DocumentStatus.REJECTED,
        DocumentStatus.STOPPED,
        DocumentStatus.CLOSED,
    }
)
"""States that are worth a letter of their own."""


class SsevReply:
    """`ports.Reply` to one message. Pure; safe to repeat."""

    def __init__(self, envelope: Envelope | None, peer_sentence: Callable[[Finding], str]) -> None:
        """Without an envelope nothing is ever said: answers to answers would never end."""
        self._envelope = envelope
        self._peer_sentence = peer_sentence

    async def __call__(self, answer: Answer) -> bytes:
        """Return the letter as stored bytes; empty where nothing is said."""
        told = None if self._envelope is None else self._status(answer, self._envelope)
        if told is None or told.status not in TOLD:
            return b""
        letter = mapping.status_letter(told)
        words = {"subject": letter.subject, "text": letter.text, "document": told.document.guid}
        return canonical(dict(words))

    def _status(self, answer: Answer, envelope: Envelope) -> StatusAnswer | None:
        match answer:
            case StatusAnswer():
                return in_words(answer, self._peer_sentence)
            case ErrorAnswer(finding=found):  # SSEV has no form for errors of a message
                return StatusAnswer(
                    status=DocumentStatus.REJECTED,
                    document=DocumentReference(guid=envelope.document.guid),
                    reason=self._peer_sentence(found),
                )
            case UnreadableAnswer() | EmptyAnswer():
                return None
            case _:
                assert_never(answer)


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


def load_letter(stored: str) -> tuple[Letter, Guid]:
    """Read stored bytes of a reply back; raise `StorageError`."""
    try:
        told = json.loads(stored)
        return Letter(subject=told["subject"], text=told["text"]), ids.guid(told["document"])
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError("a letter that is owed cannot be read") from error
