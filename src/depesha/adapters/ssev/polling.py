"""What a poll of the inbox tells, and the reasons for which a message is put by. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from depesha.adapters.ssev.mapping import NETWORK
from depesha.adapters.ssev.problems import SsevError
from depesha.errors import DepeshaError


@dataclass(frozen=True, slots=True, kw_only=True)
class PollReport:
    """What one poll did."""

    documents: int = 0
    words: int = 0
    """Letters about documents of ours."""
    opened_there: int = 0
    """Messages of ours that were found opened."""
    parked: int = 0
    """Messages that wait, all told."""
    trouble: str = ""
    """Code of what ended the poll early; empty where nothing did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedMessage:
    """A message in SSEV's inbox that could not be taken in yet, for the operator's list."""

    name: str
    """`ssev:<message id>`."""
    reason: str
    sent_at: datetime
    tries: int
    next_at: datetime | None
    opened: bool
    """It was, or may have been, opened by us."""


class LeftClosedError(Exception):
    """A message is not to be opened."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OwedError(DepeshaError):
    """A message is taken in, and the letter that its sender is owed has not surely left."""

    temporary = True
    code = "ANSWER_OWED"


def code_of(error: DepeshaError) -> str:
    """Return the bounded word for a failure."""
    return error.problem.value if isinstance(error, SsevError) else error.code


def name_of(key: int) -> str:
    """Return the name under which a message waits."""
    return f"{NETWORK}:{key}"


@dataclass(slots=True, kw_only=True)
class Round:
    """The counts of one poll."""

    documents: int = 0
    words: int = 0
    opened_there: int = 0
    trouble: str = ""

    def report(self, parked: int) -> PollReport:
        """Return the counts, for whoever polls."""
        return PollReport(
            documents=self.documents,
            words=self.words,
            opened_there=self.opened_there,
            parked=parked,
            trouble=self.trouble,
        )
