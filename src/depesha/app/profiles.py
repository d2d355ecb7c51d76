"""Everything known of one participant, from registers, channels and what outcomes taught (PRT-04).

Of our own administration it also says where the register departs from the settings (PRT-05).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from depesha.schemas.dispatch import Dispatch
from depesha.schemas.envelope import DocumentReference, Party
from depesha.schemas.ids import Guid
from depesha.schemas.participant import (
    ChannelProfile,
    Participant,
    ParticipantProfile,
    ParticipantStatus,
)
from depesha.schemas.route import Reach

if TYPE_CHECKING:
    from collections.abc import Mapping

    from depesha.gateway.breakers import Breakers
    from depesha.ports import Clock, Directory, OutboundChannel

_NOTHING = Guid("00000000-0000-0000-0000-000000000000")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiles:
    """Finds and compares; sends nothing but the questions that a plan asks, too."""

    own: Party
    phone: str
    """Ours, as the settings have it; empty: not compared."""
    email: str
    channels: Mapping[str, OutboundChannel]
    register: Directory
    breakers: Breakers
    clock: Clock

    async def of(self, identifier: str) -> ParticipantProfile | None:
        """Return what is known; None where no network names it."""
        found = self.register.by_identifier(identifier)
        asked = self._imagined(identifier, found)
        channels = []
        for network, channel in self.channels.items():
            facts = await channel.facts(asked)
            health = self.breakers.of(network, identifier)
            channels.append(ChannelProfile(facts=facts, last_alive=health.last_alive))
        reached = any(one.facts.reach is not Reach.NOT_REGISTERED for one in channels)
        if found is None and not reached:
            return None
        own = identifier == self.own.identifier
        return ParticipantProfile(
            identifier=identifier,
            name="" if found is None else found.name,
            guid=None if found is None else found.guid,
            phone="" if found is None else found.phone,
            email="" if found is None else found.email,
            own=own,
            deviations=self._deviations(found) if own else (),
            channels=tuple(channels),
        )

    def _imagined(self, identifier: str, found: Participant | None) -> Dispatch:
        """A document that is never sent: channels tell of a recipient by one."""
        return Dispatch(
            idempotency_key="profile",
            submitted_at=self.clock.now(),
            sender=self.own,
            recipient=Party(
                identifier=identifier,
                name="" if found is None else found.name,
                guid=None if found is None else found.guid,
            ),
            document=DocumentReference(guid=_NOTHING),
            kind="",
        )

    def _deviations(self, found: Participant | None) -> tuple[str, ...]:
        if found is None:
            return ("the register does not name us",)
        told = []
        if found.status is not ParticipantStatus.ACTIVE:
            told.append(f"the register says that we are {found.status}")
        if found.guid != self.own.guid:
            told.append("the register has another GUID")
        if found.name != self.own.name:
            told.append("the register has another name")
        if self.phone and found.phone != self.phone:
            told.append("the register has another telephone")
        if self.email and found.email != self.email:
            told.append("the register has another mail address")
        return tuple(told)
