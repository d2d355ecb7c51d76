"""Reads a row of the journal for people's pages. Pure."""

from __future__ import annotations

import json
from datetime import datetime

from depesha.schemas.evidence import EvidenceRecord
from depesha.schemas.ids import Digest
from depesha.schemas.message import EvidenceKind
from depesha.schemas.overview import StoryEvent

MOST_EVENTS = 2000
"""Of one document: a peer that repeats itself for ever must not make its page endless."""


def event_of(record: EvidenceRecord) -> StoryEvent:
    """Return what a row says."""
    body = json.loads(record.body)
    wire = body.get("wire")
    return StoryEvent(
        sequence=record.sequence,
        at=datetime.fromisoformat(body["at"]),
        kind=EvidenceKind(body["kind"]),
        actor=body["actor"],
        facts=body["facts"],
        wire=None if wire is None else Digest(wire),
        hash=record.hash,
    )
