"""A register and participants on loopback, for tests of the simulators and of who talks to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from depesha.adapters.system import SystemClock, SystemIds
from depesha.schemas.envelope import Party, RegistrationNumber
from depesha.schemas.ids import Guid
from depesha.simulators.authority import Authority, Identity, make_key
from depesha.simulators.seos_documents import DocumentId, Enclosure, RegistrationRequest
from depesha.simulators.seos_entries import Entry
from depesha.simulators.seos_participant import SeosParticipant
from depesha.simulators.seos_quirks import Quirks
from depesha.simulators.seos_register import SeosRegister
from depesha.simulators.tls import write_keys

CLOCK = SystemClock()
IDS = SystemIds()

A = Party(
    identifier="000000001", name="Община Пример", guid=Guid("aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa")
)
B = Party(
    identifier="0000000020001",
    name="Агенция Образец",
    guid=Guid("bbbbbbbb-2222-4222-8222-bbbbbbbbbbbb"),
)


@cache
def _key(number: int) -> RSAPrivateKey:
    """Keys are dear to make and may be shared by tests."""
    return make_key()


@dataclass(slots=True, kw_only=True)
class World:
    """One authority and register; participants are made on demand and stopped at the end."""

    folder: Path
    authority: Authority
    register: SeosRegister
    participants: list[SeosParticipant] = field(default_factory=list)

    async def join(
        self, party: Party, *, quirks: Quirks | None = None, listed: bool = True
    ) -> SeosParticipant:
        """Start a participant and, unless told otherwise, enter it into the register."""
        identity = await self.identity(party)
        participant = SeosParticipant(
            party=party,
            identity=identity,
            keys=write_keys(
                identity, self.folder, f"p{len(self.participants)}", self.folder / "ca.cert.pem"
            ),
            find=self.register.find,
            clock=CLOCK,
            ids=IDS,
            quirks=quirks,
        )
        await participant.start()
        self.participants.append(participant)
        if listed:
            self.list(participant)
        return participant

    async def identity(self, party: Party) -> Identity:
        """Issue a certificate for a party."""
        key = await asyncio.to_thread(_key, len(self.participants))
        return self.authority.issue(party.name, eik=party.identifier, at=CLOCK.now(), key=key)

    def list(self, participant: SeosParticipant, status: str = "Active") -> None:
        """Enter a participant into the register."""
        entry = Entry(
            party=participant.party,
            serial=participant.identity.serial,
            url=participant.url,
            last_change=CLOCK.now(),
            status=status,
        )
        self.register.put(entry)


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    """Start an authority and a register; stop everything at the end."""
    authority = Authority.create("Пробен издател", at=CLOCK.now(), key=_key(-1))
    trusted = authority.write(folder, at=CLOCK.now())
    identity = authority.issue("register.example", eik="000000000", at=CLOCK.now(), key=_key(-2))
    keys = write_keys(identity, folder, "register", trusted)
    async with SeosRegister(clock=CLOCK, keys=keys) as register:
        made = World(folder=folder, authority=authority, register=register)
        try:
            yield made
        finally:
            for participant in made.participants:
                await participant.stop()


def letter(subject: str = "Искане за данни") -> RegistrationRequest:
    """A small document under a new GUID."""
    return RegistrationRequest(
        document=DocumentId(
            guid=IDS.guid(), number=RegistrationNumber(number="РД-12-34", date=date(2026, 3, 2))
        ),
        subject=subject,
        enclosures=(
            Enclosure(name="писмо.txt", content="текст".encode(), media_type="text/plain"),
        ),
    )
