"""Identities: one type and one parsing constructor each, so that none can stand for another.

Nothing here invents an identity; new ones come from the `IdSource` port.
"""

from __future__ import annotations

import re
from typing import NewType

from depesha.errors import WireError

MessageId = NewType("MessageId", str)
"""Our own identity of a stored message: 32 lower-case hex digits, ordered by time (UUIDv7)."""
Digest = NewType("Digest", str)
"""SHA-256 of some bytes: 64 lower-case hex digits."""
Guid = NewType("Guid", str)
"""A GUID in canonical form: lower case, with hyphens, without braces (facts Q9)."""
SerialNumber = NewType("SerialNumber", str)
"""Certificate serial number: upper-case hex without leading zeros (facts Q6)."""

_GUID = re.compile(r"\{?([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\}?")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MESSAGE_ID = re.compile(r"[0-9a-f]{32}")
_SERIAL = re.compile(r"[0-9a-fA-F]{1,64}")


def guid(text: str) -> Guid:
    """Parse a GUID of either case, with or without braces; raise `WireError` otherwise."""
    match = _GUID.fullmatch(text.strip())
    if match is None:
        raise WireError("a GUID is not in the form the network prescribes")
    return Guid(match[1].lower())


def braced(value: Guid) -> str:
    """Return the wire form of a GUID: lower case between braces."""
    return "{" + value + "}"


def digest(text: str) -> Digest:
    """Parse a SHA-256 digest in hex; raise `WireError` otherwise."""
    if _DIGEST.fullmatch(text) is None:
        raise WireError("not a SHA-256 digest in hex")
    return Digest(text)


def message_id(text: str) -> MessageId:
    """Parse one of our message ids; raise `WireError` otherwise."""
    if _MESSAGE_ID.fullmatch(text) is None:
        raise WireError("not a message id of this gateway")
    return MessageId(text)


def serial_number(value: str | int) -> SerialNumber:
    """Normalise a certificate serial number given as hex text or as a number."""
    text = f"{value:x}" if isinstance(value, int) else value.strip()
    if _SERIAL.fullmatch(text) is None:
        raise WireError("not a certificate serial number in hex")
    return SerialNumber(text.upper().lstrip("0") or "0")
