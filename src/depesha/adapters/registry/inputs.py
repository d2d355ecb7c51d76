"""What callers of the registry API may send: queries and bodies, with their limits. Pure.

Unknown members are refused everywhere: a misspelt one must be seen, not ignored.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from depesha.schemas.lifecycle import InboundState
from depesha.schemas.outbound import Decision
from depesha.schemas.outbound_lifecycle import OutboundState

NUMBER_CHARACTERS = 255
"""Length of a number that receivers of the network store (SEOS facts, 14)."""
REASON_CHARACTERS = 450
"""The reference receiver's own limit of a refusal reason (SEOS facts 3.12)."""
LONGEST_WAIT = 60.0
"""Seconds of a long poll: no longer than common proxies let a silent connection live."""
PAGE_ITEMS = 200
"""Most messages on one page: about 400 kB of JSON."""

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\ud800-\udfff]")
"""What neither XML nor a register's line can hold, line breaks included."""
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")


def one_line(text: str) -> str:
    """Trim; refuse what XML or a register's line cannot hold."""
    if CONTROL.search(text):
        raise ValueError("control characters and line breaks are not allowed")
    if not text.strip():
        raise ValueError("must not be empty")
    return text.strip()


def lines(text: str) -> str:
    """Trim; refuse control characters other than line breaks and tabs."""
    text = text.replace("\r\n", "\n")
    if _CONTROL_BUT_LINES.search(text):
        raise ValueError("control characters are not allowed")
    if not text.strip():
        raise ValueError("must not be empty")
    return text.strip()


Reason = Annotated[
    str,
    Field(min_length=1, max_length=REASON_CHARACTERS, description="In a person's words"),
    AfterValidator(lines),
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Registration(_Body):
    """The number and the day that the registry gave (REG-04)."""

    number: Annotated[
        str,
        Field(min_length=1, max_length=NUMBER_CHARACTERS, examples=["ВХ-567/03.03.2026"]),
        AfterValidator(one_line),
    ]
    date: date


class Refusal(_Body):
    """Why the document is not registered; the sender reads it (REF-02)."""

    reason: Reason


class Closure(_Body):
    """The end of the case."""

    finished: bool = Field(description="true: settled; false: stopped early")
    reason: Reason


class Release(_Body):
    """Why a held message may go on; it stays in the evidence."""

    reason: Reason


class Ruling(_Body):
    """A person's decision about a document on its way out."""

    decision: Decision = Field(
        description="resume: try again; ask_again: ask the network once more; rule_absent, "
        "rule_there: it is not, it is there, as found out by another road; return: back to its "
        "author; confirm_fallback: a later choice of network may be used"
    )
    reason: Reason


class Nothing(_Body):
    """An empty object, or no body at all."""


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NoQuery(_Query):
    """No parameters."""


class PageQuery(_Query):
    """A page, oldest first."""

    after: str = Field(default="", pattern=r"^(?:[0-9a-f]{32})?$", description="Cursor: `next`")
    limit: int = Field(default=50, ge=1, le=PAGE_ITEMS)


class InboxQuery(PageQuery):
    """Which messages, and how long to wait for one."""

    state: tuple[InboundState, ...] = Field(
        default=(InboundState.ADMITTED,), max_length=len(InboundState), description="May repeat"
    )
    wait: float = Field(
        default=0, ge=0, le=LONGEST_WAIT, description="Seconds to wait while there is nothing"
    )


class OutboxQuery(PageQuery):
    """Which documents of ours."""

    state: tuple[OutboundState, ...] = Field(
        default=(), max_length=len(OutboundState), description="May repeat; none: all"
    )


class ExportQuery(_Query):
    """Which messages, and in which form."""

    format: Literal["csv", "json"] = "csv"
    state: tuple[InboundState, ...] = Field(
        default=(InboundState.ADMITTED,), max_length=len(InboundState), description="May repeat"
    )
    bom: bool = Field(default=False, description="CSV: a byte order mark, for spreadsheets")


class ParticipantsQuery(_Query):
    """Words of the name, or the identifier."""

    q: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(one_line)]
    limit: int = Field(default=20, ge=1, le=100)


class ParkedQuery(_Query):
    """How many at most."""

    limit: int = Field(default=100, ge=1, le=500)


class FeedQuery(_Query):
    """Where to begin; the header Last-Event-ID, where sent, goes before."""

    after: int | None = Field(
        default=None, ge=0, le=2**62, description="Sequence; absent: from now on; 0: all there is"
    )
