"""Letters that no program may handle, left in a mailbox for a person. Values only.

Sender and subject are personal data: pages show them to those who may see subjects.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftLetter:
    """One letter that lies in the mailbox, unseen."""

    key: str
    """By which it is cleared from the list."""
    why: str
    """A bounded word: `UNSIGNED`, `SENDER_UNKNOWN`, `TOO_LARGE` …"""
    at: datetime
    """When it was left."""
    size: int
    """Bytes."""
    sender: str = ""
    subject: str = ""
