"""Sections of the settings file about documents that leave. Values only, as in `sections.py`."""

from __future__ import annotations

from datetime import date, time
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from depesha.config.sections import Rooted, Seconds, Section, _zone

Waits = Annotated[tuple[Seconds, ...], Field(min_length=1)]
_MINUTE, _HOUR = 60.0, 3600.0
SEOS_WAITS: Waits = (
    *(10.0, _MINUTE, 5 * _MINUTE),
    *(15.0 * 2**n * _MINUTE for n in range(10)),
)
"""Three quick tries, then the network's own table (SEOS facts 9)."""
SSEV_WAITS: Waits = (
    *(_MINUTE, 5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE),
    *(h * _HOUR for h in (1, 2, 4, 8, 16, 24, 24, 24)),
)
EMAIL_WAITS: Waits = (
    *(5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE),
    *(h * _HOUR for h in (1, 2, 4, 4, 8, 8, 12, 12, 24, 24)),
)
FAULT_WAITS: Waits = (
    *(_MINUTE, 15 * _MINUTE, _HOUR),
    *(h * _HOUR for h in (4, 12, 24)),
)
QUESTION_WAITS: Waits = (
    *(5.0, 30.0, 2 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE),
    *(h * _HOUR for h in (1, 2, 4, 8)),
)


class OutboundRetry(Section):
    """Seconds before each further try of a document, one list for each network."""

    seos: Waits = SEOS_WAITS
    ssev: Waits = SSEV_WAITS
    isds: Waits = SSEV_WAITS
    email: Waits = EMAIL_WAITS
    faults: Waits = FAULT_WAITS
    """After an answer that was a fault: a budget of its own, on every network."""
    questions: Waits = QUESTION_WAITS
    """Between questions after a try that may have got through; then a person decides."""


class OutboundBreaker(Section):
    """When a channel, or one peer on it, is left alone for a while."""

    failures: Annotated[int, Field(ge=1)] = 3
    """In a row, that open the circuit."""
    peers: Annotated[int, Field(ge=1)] = 2
    """Different peers that must fail before a whole direct network (SEOS) is left alone."""
    rest_seconds: Seconds = 60.0
    rest_longest_seconds: Seconds = 1800.0
    probe_seconds: Seconds = 300.0
    """A probe without outcome for so long is taken for dead."""


class OutboundSection(Section):
    """Documents of the registry that leave: rules, order of networks, patience."""

    channels: tuple[str, ...] = ("seos", "ssev", "isds", "email")
    """First choice first; one that is not set up under `[networks]` is passed over."""
    kinds: tuple[str, ...] | None = None
    """Media types that may leave, by content; None: Word, Excel, PDF, RTF (CHK-08)."""
    macros_allowed: bool = False
    signature_needed: bool = True
    """A file bears a signature, or the document says why a scan goes instead (SND-02)."""
    confirm_fallback: bool = False
    """True: a person says yes before a later choice is used (FBK-08)."""
    patience_seconds: Seconds = 900.0
    """For how long later choices wait while an earlier one only awaits its next try."""
    look_again_seconds: Seconds = 300.0
    """When a plan is made again where nothing says when a bar falls."""
    stale_seconds: Seconds = 24 * _HOUR
    """Older knowledge about a recipient is marked so; it bars nothing."""
    workers: Annotated[int, Field(ge=1, le=64)] = 8
    """Documents on their way at the same time."""
    folder: Rooted | None = None
    """Where a registry that can only write files puts its documents; None: nowhere."""
    folder_seconds: Seconds = 5.0
    retry: OutboundRetry = OutboundRetry()
    breaker: OutboundBreaker = OutboundBreaker()


class FollowUpSection(Section):
    """When an answer is late, in hours of working time (LAT-03)."""

    late_hours: Annotated[float, Field(gt=0)] = 16.0
    """From the handing over to the first question."""
    again_hours: Annotated[float, Field(gt=0)] = 8.0
    unclear_again_hours: Annotated[float, Field(gt=0)] = 1.0
    unclear: Annotated[int, Field(ge=1)] = 1
    """Questions in a row without a clear answer, after which a person telephones (LAT-02)."""
    waiting: Annotated[int, Field(ge=1)] = 5
    """Answers "still waiting", after which a person telephones all the same."""


class CalendarSection(Section):
    """When this administration works (DDL-04)."""

    zone: Annotated[str, AfterValidator(_zone)] = "Europe/Sofia"
    country: Literal["BG", "CZ", "UA", ""] = "BG"
    """Whose public holidays count; empty: only those named here."""
    hours: tuple[tuple[time, time], ...] = ((time(8), time(12)), (time(13), time(17)))
    weekdays: frozenset[Annotated[int, Field(ge=0, le=6)]] = frozenset(range(5))
    """Monday is 0."""
    holidays: frozenset[date] = frozenset()
    working: frozenset[date] = frozenset()
    """Days worked although they are holidays or no weekdays."""


class SignalsSection(Section):
    """Whom the gateway tells of trouble on a network (FBK-03)."""

    addresses: dict[str, str] = Field(default_factory=dict)
    """Network → its operator's mail address; they are told by `[networks.email]`'s server."""
    language: Literal["bg", "cs", "uk", "en"] = "bg"

    @model_validator(mode="after")
    def _addresses(self) -> Self:
        if any("@" not in address for address in self.addresses.values()):
            raise ValueError("an operator's address is a mail address")
        return self
