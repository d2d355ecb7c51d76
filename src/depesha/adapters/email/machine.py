"""The smaller words between two gateways by mail: a document's state, or an error. Pure.

They travel as JSON in a signed letter, beside the same in plain words. What they say is worth what
the letter's signature is; nothing here judges that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Final, assert_never

from pydantic import TypeAdapter
from pydantic_core import from_json

from depesha.errors import WireError
from depesha.schemas import ids
from depesha.schemas.answer import DocumentStatus
from depesha.schemas.envelope import DocumentReference, Envelope, Party
from depesha.schemas.evidence import canonical
from depesha.schemas.ids import Guid

WORD_TYPE: Final = "application/vnd.depesha.word+json"
WORD_VERSION: Final = 1
"""Another one is not read."""
_REASON_CHARACTERS: Final = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusWord:
    """The state of a document at its recipient (SEOS facts 3.12, in the form of mail)."""

    transport_id: Guid
    """Of this very word."""
    sender: Party
    recipient: Party
    document: DocumentReference
    """The sender's document; the number is the one that its recipient gave it."""
    status: DocumentStatus
    reason: str = ""
    expected_close: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorWord:
    """A message could not be taken (SEOS facts 3.13, in the form of mail)."""

    transport_id: Guid
    sender: Party
    recipient: Party
    failed: Guid | None
    """Transport id of the message; None where it could not be read."""
    description: str


MachineWord = StatusWord | ErrorWord


@cache
def _statuses() -> TypeAdapter[StatusWord]:
    return TypeAdapter(StatusWord)


@cache
def _errors() -> TypeAdapter[ErrorWord]:
    return TypeAdapter(ErrorWord)


def word_bytes(word: MachineWord) -> bytes:
    """Return the form in which a word travels: canonical JSON with its version and type."""
    told: Any
    match word:
        case StatusWord():
            kind, told = "status", _statuses().dump_python(word, mode="json", exclude_defaults=True)
        case ErrorWord():
            kind, told = "error", _errors().dump_python(word, mode="json", exclude_defaults=True)
        case _:
            assert_never(word)
    return canonical({"version": WORD_VERSION, "type": kind, kind: told})


def load_word(data: bytes) -> MachineWord:
    """Read a word that came from outside; raise `WireError` for any other version or form."""
    try:
        told = from_json(data)
        if not isinstance(told, dict) or told.get("version") != WORD_VERSION:
            raise WireError("a machine-readable word is of another version")
        if told.get("type") == "status":
            return _proper_status(_statuses().validate_python(told.get("status")))
        if told.get("type") == "error":
            return _proper_error(_errors().validate_python(told.get("error")))
    except ValueError:
        raise WireError("a machine-readable word cannot be read") from None
    raise WireError("a machine-readable word is of an unknown type")


def _proper_status(word: StatusWord) -> StatusWord:
    return StatusWord(
        transport_id=ids.guid(word.transport_id),
        sender=word.sender,
        recipient=word.recipient,
        document=proper_reference(word.document),
        status=word.status,
        reason=word.reason[:_REASON_CHARACTERS],
        expected_close=word.expected_close,
    )


def _proper_error(word: ErrorWord) -> ErrorWord:
    return ErrorWord(
        transport_id=ids.guid(word.transport_id),
        sender=word.sender,
        recipient=word.recipient,
        failed=None if word.failed is None else ids.guid(word.failed),
        description=word.description[:_REASON_CHARACTERS],
    )


def proper_reference(reference: DocumentReference) -> DocumentReference:
    """Return a reference from outside with its GUID in canonical form; raise `WireError`."""
    return DocumentReference(guid=ids.guid(reference.guid), number=reference.number)


def is_proper(envelope: Envelope) -> bool:
    """Tell whether every GUID of an envelope from outside is one: the codec knows only texts."""
    try:
        ids.guid(envelope.transport_id)
        proper_reference(envelope.document)
        if envelope.parent is not None:
            proper_reference(envelope.parent)
    except WireError:
        return False
    return True
