"""What the registry asked for, as one digest: the same key with another request is a conflict."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from depesha.schemas.dispatch import Dispatch
from depesha.schemas.envelope import Party
from depesha.schemas.evidence import canonical, sha256
from depesha.schemas.ids import Guid

if TYPE_CHECKING:
    from depesha.schemas.ids import Digest

_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


def guid_for(actor: str, key: str) -> Guid:
    """Return the GUID of a document whose registry gives none: the same for the same submission.

    A version 8 GUID (RFC 9562, 5.8) made from the caller and its idempotency key.
    """
    raw = bytearray(hashlib.sha256(f"depesha:document:{actor}:{key}".encode()).digest()[:16])
    raw[6] = raw[6] & 0x0F | 0x80
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return Guid("-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:])))


@cache
def _dispatches() -> TypeAdapter[Dispatch]:
    return TypeAdapter(Dispatch)


def request_digest(dispatch: Dispatch) -> Digest:
    """Return the digest of a submission.

    The moment of submitting is no part of it, nor what the gateway itself fills in of the
    recipient: the register may have changed between a request and its repeat.
    """
    recipient = Party(identifier=dispatch.recipient.identifier, name="")
    bare = replace(dispatch, submitted_at=_NO_TIME, recipient=recipient)
    return sha256(canonical(_dispatches().dump_python(bare, mode="json")))
