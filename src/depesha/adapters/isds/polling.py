"""What a poll of a box tells, and the reasons for which a message is put by. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from depesha.adapters.isds.mapping import NETWORK

PERSONAL: Final = "PERSONAL_DELIVERY"
"""Into own hands: the settings leave such messages to people."""
SYSTEM: Final = "SYSTEM_MESSAGE"
"""ISDS itself wrote it: never an ordinary submission (facts 6.9); its paper is kept."""
ERASED: Final = "ERASED"
"""Its content is gone at ISDS; it was never fetched."""
OWED: Final = "ANSWER_OWED"
SEAL: Final = "SEAL_BROKEN"
"""Fetched twice, and not genuine: the gateway has refused it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PollReport:
    """What one poll did."""

    documents: int = 0
    words: int = 0
    """Messages about documents of ours."""
    reported: int = 0
    """Words of ISDS about messages of ours that the gateway took."""
    parked: int = 0
    """Messages that wait, all told."""
    more: bool = False
    """The list was not read to its end: the next poll goes on."""
    trouble: str = ""
    """Code of what ended the poll early; empty where nothing did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedMessage:
    """A message in the box that is not taken in yet, or a person's, for the operator's list."""

    name: str
    """`isds:<box>:<message number>`."""
    reason: str
    delivered_at: datetime
    tries: int
    next_at: datetime | None
    """None: it waits for a person."""


@dataclass(slots=True, kw_only=True)
class Round:
    """The counts of one poll, and how many messages it may still fetch."""

    budget: int
    documents: int = 0
    words: int = 0
    reported: int = 0
    broken: int = 0
    """Failures in a row that may be the network's or the disk's."""
    trouble: str = ""

    def report(self, parked: int, *, more: bool) -> PollReport:
        """Return the counts, for whoever polls."""
        return PollReport(
            documents=self.documents,
            words=self.words,
            reported=self.reported,
            parked=parked,
            more=more,
            trouble=self.trouble,
        )


def name_of(box_id: str, dm_id: str) -> str:
    """Return the name under which a message waits."""
    return f"{NETWORK}:{box_id}:{dm_id}"
