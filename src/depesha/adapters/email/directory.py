"""The bodies that write by mail, as a participants' directory. Only looks up."""

from __future__ import annotations

import hashlib

from depesha.adapters.email.partners import Partner, PartnerBook
from depesha.ports import Clock
from depesha.schemas.ids import Guid
from depesha.schemas.participant import DirectoryState, Participant, ParticipantStatus


class MailDirectory:
    """`ports.Directory` over the settings' partners, and the register's bodies with an address.

    Nothing is fetched here: settings are known as long as we run, and the register is refreshed by
    its own channel. No serial is told: the certificate of a mail is bound to its address instead.
    """

    def __init__(self, book: PartnerBook, *, clock: Clock) -> None:
        self._book = book
        self._clock = clock
        self._by_guid = {mail_guid(one.identifier): one for one in book.partners}

    def find(self, guid: Guid) -> Participant | None:
        """Return the participant with this GUID, which mail makes from the identifier."""
        found = self._by_guid.get(guid)
        return None if found is None else _participant(found)

    def by_identifier(self, identifier: str) -> Participant | None:
        """Return the participant with this EIK."""
        found = self._book.find(identifier)
        return None if found is None else _participant(found)

    def search(self, words: str, limit: int) -> tuple[Participant, ...]:
        """Return partners whose name or identifier holds all the words."""
        wanted = words.casefold().split()
        found = (
            one
            for one in sorted(self._book.partners, key=lambda one: one.name.casefold())
            if all(word in f"{one.name} {one.identifier}".casefold() for word in wanted)
        )
        return tuple(_participant(one) for _, one in zip(range(limit), found, strict=False))

    def state(self) -> DirectoryState:
        """Tell how fresh the copy is: settings never age."""
        return DirectoryState(loaded_at=self._clock.now(), participants=len(self._book.partners))

    async def refresh(self) -> DirectoryState:
        """Return the state: there is nothing to fetch."""
        return self.state()


def mail_guid(identifier: str) -> Guid:
    """Return the GUID that stands for a body where mail needs one: always the same."""
    return guid_from("body", identifier.strip())


def guid_from(*words: str) -> Guid:
    """Return a GUID that follows from texts (in the form of UUID version 8, RFC 9562, 5.8)."""
    data = bytearray(hashlib.sha256("\n".join(("depesha mail", *words)).encode()).digest()[:16])
    data[6] = data[6] & 0x0F | 0x80
    data[8] = data[8] & 0x3F | 0x80
    text = data.hex()
    return Guid(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")


def _participant(partner: Partner) -> Participant:
    return Participant(
        guid=mail_guid(partner.identifier),
        identifier=partner.identifier,
        name=partner.name,
        status=ParticipantStatus.ACTIVE,
        serial=None,
        url=f"mailto:{partner.address}",
        phone=partner.phone,
        email=partner.address,
    )
