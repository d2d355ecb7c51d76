"""What an answer to a call of ours means for a try: tables and pure functions.

`Deferred` and `Refused` are said only of what was surely not taken; whoever may have stored the
document before it failed leaves the try unclear, and is asked (law 3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from depesha.adapters.seos.hearing import Failed, Heard, Silence, Status, Unbelieved
from depesha.adapters.seos.texts import Told
from depesha.errors import Blame
from depesha.schemas.answer import DocumentStatus
from depesha.schemas.outcome import (
    Absent,
    Answered,
    Deferred,
    Delivered,
    Outcome,
    Refused,
    Unclear,
)

if TYPE_CHECKING:
    from depesha.adapters.seos.calling import HttpAnswer

FAULT: Final = "PEER_FAULT"
_TOO_LARGE: Final = 413
_FAILED: Final = 500
_NOT_TAKEN: Final = frozenset({501, 503, 505})
"""Said before anything is handed to an application."""


def is_fault(status: int) -> bool:
    """Tell whether a status is the one of a SOAP fault or of an application that failed."""
    return status == _FAILED


def of_http(answer: HttpAnswer) -> Outcome:
    """Return what an answer that carries no SOAP means for a submission.

    2xx: something took it, nobody says what. 502, 504 and private codes are said by a proxy about
    a partner whose answer it never saw. 501, 503 and 4xx are said before the document is handed
    on; 413 will be the same every time.
    """
    status, receipt = answer.status, answer.body
    if status == _TOO_LARGE:
        told = "the recipient's server takes no message of this size"
        return Refused(code="TOO_LARGE_FOR_PEER", public=told, receipt=receipt)
    if 300 <= status < _FAILED or status in _NOT_TAKEN:  # noqa: PLR2004 -- HTTP
        return Deferred(
            code=f"HTTP_{status}",
            public="the recipient's server answered with a failure",
            blame=Blame.THEIRS,
            receipt=receipt,
        )
    told = "the recipient's server gave an answer that is none"
    return Unclear(code=f"HTTP_{status}", public=told, receipt=receipt)


def of_fault(receipt: bytes) -> Deferred:
    """Return the outcome of a SOAP fault, or of a bare HTTP 500."""
    told = "the recipient's server answered with a fault"
    return Deferred(code=FAULT, public=told, blame=Blame.THEIRS, receipt=receipt)


def of_submission(heard: Heard, receipt: bytes) -> Outcome:
    """Return what an answer to a registration request means (facts 6.4, with its holes closed)."""
    match heard:
        case Silence():
            # The network's own form of "taken": the reference sender reads it as waiting. It came
            # from the recipient's endpoint as the whole answer to this very call.
            return Delivered(receipt=receipt)
        case Unbelieved(code=code):
            return _unclear(code, receipt)
        case Status(word=word):
            if word.status is DocumentStatus.NOT_FOUND:
                return _unclear("ANSWER_OUT_OF_PLACE", receipt)
            return Delivered(receipt=receipt, word=word)
        case Failed(told=told):
            return _of_error(told, receipt)
        case _:
            assert_never(heard)


def _of_error(told: Told, receipt: bytes) -> Outcome:
    """Tell by the partner's text whether it checked and refused, or failed while it worked.

    The reference makes all its checks before it stores anything, and puts "recipient's fault" in
    front of whatever broke in its handlers, which may be after storing (facts 7). So a text that
    names a check, or only the sender's fault, is a refusal; a repeated MessageGUID means that our
    message may have come before; everything else is asked about.
    """
    if told.code == "MESSAGE_REPEATED" or (told.code == "PEER_ERROR" and not told.senders_fault):
        return _unclear(told.code, receipt)
    public = "the recipient's system refused the message"
    return Refused(code=told.code, public=public, receipt=receipt)


def of_question(heard: Heard, receipt: bytes) -> Answered:
    """Return what an answer to a status request means for the try in question."""
    match heard:
        case Silence():
            return _unclear("ANSWER_EMPTY", receipt)
        case Unbelieved(code=code):
            return _unclear(code, receipt)
        case Status(word=word):
            if word.status is DocumentStatus.NOT_FOUND:
                return Absent(receipt=receipt)
            return Delivered(receipt=receipt, word=word)
        case Failed(told=told, about_ours=about_ours):
            # Some say it by an error instead of DS_NOT_FOUND.
            if told.code == "UNKNOWN_DOCUMENT" and about_ours:
                return Absent(receipt=receipt)
            return _unclear(told.code, receipt)
        case _:
            assert_never(heard)


def _unclear(code: str, receipt: bytes) -> Unclear:
    told = "the recipient's answer does not tell what became of the document"
    return Unclear(code=code, public=told, receipt=receipt)
