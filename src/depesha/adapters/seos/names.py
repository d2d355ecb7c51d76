"""The closed lists of SEOS words and what they mean to us (facts 4). Tables only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from depesha.schemas.answer import DocumentStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyKind:
    """One of the four kinds of message: our short word, and the wire's `MessageType`."""

    kind: Literal["request", "inquiry", "status", "error"]
    message_type: str


KINDS: Final = {
    "DocumentRegistrationRequest": BodyKind(
        kind="request", message_type="MSG_DocumentRegistrationRequest"
    ),
    "DocumentStatusRequest": BodyKind(kind="inquiry", message_type="MSG_DocumentStatusRequest"),
    "DocumentStatusResponse": BodyKind(kind="status", message_type="MSG_DocumentStatusResponse"),
    "Error": BodyKind(kind="error", message_type="MSG_Error"),
}
"""By the name of the element in `Body` (facts 3.3, 4.1)."""

STATUSES: Final = {
    "DS_WAIT_REGISTRATION": DocumentStatus.WAITING,
    "DS_REGISTERED": DocumentStatus.REGISTERED,
    "DS_REJECTED": DocumentStatus.REJECTED,
    "DS_ALREADY_RECEIVED": DocumentStatus.ALREADY_RECEIVED,
    "DS_NOT_FOUND": DocumentStatus.NOT_FOUND,
    "DS_STOPPED": DocumentStatus.STOPPED,
    "DS_CLOSED": DocumentStatus.CLOSED,
}
"""The statuses of the schema (facts 4.2)."""

STATUS_WORDS: Final = {status: word for word, status in STATUSES.items()}

LOCAL_STATUSES: Final = frozenset(
    {
        "DS_TRY_SEND",
        "DS_SENT",
        "DS_SENT_FAILED",
        "DS_WAIT_SENDING",
        "DS_WAIT_PROCESSING",
        "DS_MALWARE_CHECK",
        "DS_RETURNED_ERROR",
        "DS_NOT_OPENED",
        "DS_OPENED",
    }
)
"""Peers' own states that may slip onto the wire: accepted and noted, never sent (facts 4.3)."""
