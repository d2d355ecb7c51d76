"""What may be noted in the notebook, and the areas there are. Values only."""

from __future__ import annotations

from enum import StrEnum

from depesha.errors import RuleError

LONGEST = 64 * 1024
"""Bytes of one value."""


class Area(StrEnum):
    """The areas of the notebook; each belongs to one part of the house."""

    PAUSES = "pauses"
    """Network → who paused it, why, and what it means."""
    TAKEN = "taken"
    """Document or need → who looks after it."""
    SEEN = "seen"
    """Declined document → that somebody has seen it."""
    CERTIFICATES = "certificates"
    """Certificate → what a person says of it (SIG-08)."""
    TOKENS = "tokens"
    """Token of the registry API → its hash, scopes and life."""
    RESTORATION = "restoration"
    """The latest putting back of the store from a back-up, and its approval."""
    DESTRUCTION = "destruction"
    """Act → list of documents whose content is to be destroyed, and who approved it."""
    LEGAL_HOLDS = "legal-holds"
    """Document → why it must not be destroyed."""


def checked(value: bytes) -> bytes:
    """Return the value; raise `RuleError` where it is too long."""
    if len(value) > LONGEST:
        raise RuleError("the note is too long", rule="note-length")
    return value
