"""Which blobs a stored value needs. Pure; the memory keeps these digests beside the value.

Whatever may refer to bytes must be named here, or its bytes are swept one day.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from depesha.schemas.ids import Digest
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import EvidenceKind, Message, NewEvidence
from depesha.schemas.outbound import OutboundMessage

_DIGEST = re.compile(r"[0-9a-f]{64}")
_DIGITS = 64

_OWNED = frozenset(
    {
        EvidenceKind.RECEIVED,
        EvidenceKind.VIEWED,
        EvidenceKind.EXPORTED,
        EvidenceKind.SHREDDED,
        EvidenceKind.DESTROYED,
        EvidenceKind.RESTORED,
    }
)
"""Rows about bytes that a message holds, or that were destroyed: they keep nothing themselves."""


def named_by(evidence: NewEvidence) -> tuple[Digest, ...]:
    """Return every digest among a row's facts, under whatever name, so that none is forgotten."""
    return () if evidence.kind in _OWNED else digests_in(evidence.facts.values())


def digests_in(values: Iterable[object]) -> tuple[Digest, ...]:
    """Return every digest among facts."""
    found: list[str] = []
    for value in values:
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, list):
            found += value
    return tuple(Digest(v) for v in found if len(v) == _DIGITS and _DIGEST.fullmatch(v))


def files_of(message: Message) -> frozenset[Digest]:
    """Return the attachments for which a message keeps blobs; a refused one keeps none.

    Refused bytes are sealed away with the original, and copies taken out of it are dropped.
    """
    if message.state is InboundState.REJECTED:
        return frozenset()
    envelope = message.envelope
    named = () if envelope is None else envelope.attachments
    return frozenset(
        {
            *(file.digest for file in named),
            *(content.attachment.digest for content in message.arrival.contents),
        }
    )


def parts_of(message: OutboundMessage) -> frozenset[Digest]:
    """Return the blobs a document of ours consists of: files, release, the bytes of each try."""
    return frozenset(
        {
            *(file.digest for file in message.dispatch.files),
            *(content.attachment.digest for content in message.contents),
            *((message.release,) if message.release else ()),
            *(attempt.payload for attempt in message.attempts),
        }
    )
