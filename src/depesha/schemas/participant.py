"""A participant of a network as its register describes it. Values only, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from depesha.schemas.ids import Guid, SerialNumber
from depesha.schemas.route import ChannelFacts


class ParticipantStatus(StrEnum):
    """Effective status: the entity's, or that of its chosen service (SEOS facts 10.5)."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    TEMPORARILY_INACTIVE = "TEMPORARILY_INACTIVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """One body in the participants' register (facts 10.2)."""

    guid: Guid
    identifier: str
    """EIK."""
    name: str
    status: ParticipantStatus
    serial: SerialNumber | None
    """Serial of its transport certificate; None where the register holds no usable one."""
    url: str
    """Endpoint, verbatim: the path is case-sensitive and a final slash counts (facts 10.4)."""
    phone: str = ""
    fax: str = ""
    email: str = ""
    parent: Guid | None = None
    changed_at: datetime | None = None
    earlier_serials: tuple[SerialNumber, ...] = ()
    """Serials this participant had before, newest first, for late verification."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryState:
    """How fresh the copy of the register is."""

    loaded_at: datetime | None
    """When the copy in use was fetched; None where there never was one."""
    participants: int
    last_error: str = ""
    """Dull text of the last failed refresh; empty after a good one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelProfile:
    """One participant on one channel, as far as it is known (PRT-04)."""

    facts: ChannelFacts
    """Whether it is reached there, how old that knowledge is, and what the channel takes."""
    last_alive: datetime | None = None
    """Its last proof of life there; None where there never was one."""
    certificate_days: int | None = None
    """Whole days until its certificate ends; negative after that; None where it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantProfile:
    """Everything known of one participant, for those who want to write to it."""

    identifier: str
    """EIK."""
    name: str
    guid: Guid | None = None
    phone: str = ""
    email: str = ""
    own: bool = False
    """True: it is this gateway's own administration."""
    deviations: tuple[str, ...] = ()
    """Where the register departs from what is set up here, in words; of our own profile only."""
    channels: tuple[ChannelProfile, ...] = ()
    """In the order of choice."""
