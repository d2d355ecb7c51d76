"""Whom letters go to and come from: the settings' partners, and the register's contact addresses.

It only looks up. An address that two bodies share belongs to neither where a letter comes from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509

from depesha.adapters.email.addresses import address, same
from depesha.errors import WireError
from depesha.ports import Clock, Directory
from depesha.schemas.participant import Participant, ParticipantStatus
from depesha.schemas.route import Reach


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """One body as mail knows it."""

    identifier: str
    """EIK."""
    name: str
    address: str
    """In wire form."""
    language: str
    certificate: x509.Certificate | None = field(default=None, repr=False)
    """For encryption to it; None: letters to it are signed only."""
    phone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """What is known of a body's way of being reached, and since when."""

    reach: Reach
    as_of: datetime | None
    partner: Partner | None = None


class PartnerBook:
    """The partners, and behind them the participants' register where its addresses are used."""

    def __init__(
        self,
        partners: Sequence[Partner],
        *,
        clock: Clock,
        language: str,
        register: Directory | None = None,
    ) -> None:
        """`language` is written to those of whom no other is known; no `register`: only partners.

        Raises `WireError` for an address that no letter can go to.
        """
        self._partners = {one.identifier: one for one in partners}
        self._by_address = {address(one.address).lower(): one for one in partners}
        self._clock = clock
        self._language = language
        self._register = register

    @property
    def partners(self) -> tuple[Partner, ...]:
        """Those of the settings."""
        return tuple(self._partners.values())

    def reached(self, identifier: str) -> Reached:
        """Tell where letters to a body go; never blocks."""
        now = self._clock.now()
        known = self._partners.get(identifier.strip())
        if known is not None:
            return Reached(reach=Reach.REGISTERED, as_of=now, partner=known)
        if self._register is None:
            return Reached(reach=Reach.NOT_REGISTERED, as_of=now)
        as_of = self._register.state().loaded_at
        if as_of is None:
            return Reached(reach=Reach.UNKNOWN, as_of=None)
        found = self._announced(identifier)
        reach = Reach.NOT_REGISTERED if found is None else Reach.REGISTERED
        return Reached(reach=reach, as_of=as_of, partner=found)

    def find(self, identifier: str) -> Partner | None:
        """Return a body that letters can go to."""
        return self.reached(identifier).partner

    def sender(self, where: str, identifier: str = "") -> Partner | None:
        """Return whose letters come from an address; `identifier` is whom the letter names.

        The register is not searched by address: whoever is only there must name itself.
        """
        known = self._by_address.get(where.lower())
        if known is not None or not identifier:
            return known
        found = self.find(identifier)
        return found if found is not None and same(found.address, where) else None

    def _announced(self, identifier: str) -> Partner | None:
        """Return a body of the register that names a usable address and has not gone."""
        if self._register is None:
            return None
        found = self._register.by_identifier(identifier)
        if found is None or found.status is ParticipantStatus.INACTIVE:
            return None
        return self._from(found)

    def _from(self, participant: Participant) -> Partner | None:
        try:
            where = address(participant.email)
        except WireError:
            return None
        if where.lower() in self._by_address:
            return None  # a partner's own address, announced by somebody else
        return Partner(
            identifier=participant.identifier.strip(),
            name=participant.name,
            address=where,
            language=self._language,
            phone=participant.phone,
        )
