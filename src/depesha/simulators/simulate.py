"""`depesha simulate seos`: a register and a participant for partners who try their own software.

The partner gets a key, a certificate and a place in the register; the participant answers it as
the state's own node does, registers what it gets, and tells the number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from depesha.ports import Clock, IdSource
from depesha.schemas.envelope import Party, RegistrationNumber
from depesha.schemas.ids import Guid, SerialNumber
from depesha.simulators.authority import Authority, Identity
from depesha.simulators.bodies import IZVOR, Body
from depesha.simulators.demo_witness import shown
from depesha.simulators.gateway_plan import free_ports
from depesha.simulators.interrupting import interruptible
from depesha.simulators.seos_documents import WAITING
from depesha.simulators.seos_entries import Entry
from depesha.simulators.seos_participant import SeosParticipant
from depesha.simulators.seos_register import SeosRegister
from depesha.simulators.tls import KeyFiles, write_keys

YOU: Final = Body(
    folder="you",
    party=Party(
        identifier="000000099",
        name="Вашата администрация",
        guid=Guid("99999999-2222-4222-8222-999999999999"),
    ),
)
OFFICE_SECONDS: Final = 3.0
"""How long the simulated office thinks before it registers."""
_STEP: Final = 0.5
_REGISTER: Final = Body(
    folder="register", party=Party(identifier="000000000", name="Регистър на участниците")
)


async def simulate_seos(
    folder: Path,
    host: str,
    port: int,
    *,
    say: Callable[[str], None],
    clock: Clock,
    ids: IdSource,
    partner_url: str = "",
) -> int:
    """Run until Ctrl-C or SIGTERM; the participant listens on `port` (0: a free one).

    `partner_url` is where the partner's own software listens; without it a free address is
    entered into the register and told.
    """
    with interruptible() as interrupted:
        try:
            async with AsyncExitStack() as stack:
                stand = Stand(folder, host, clock, ids)
                await stand.start(stack, port, partner_url)
                for line in stand.told():
                    say(line)
                await stand.work(say)
        except asyncio.CancelledError:
            if not interrupted.is_set():
                raise
    return 0


class Stand:
    """A register and one participant, with keys for a partner."""

    def __init__(self, folder: Path, host: str, clock: Clock, ids: IdSource) -> None:
        self._folder = folder
        self._host = host
        self._clock = clock
        self._ids = ids
        self._numbers = 0
        self.register: SeosRegister
        self.peer: SeosParticipant
        self.partner_url = ""
        self.partner: Identity
        self.partner_keys: KeyFiles

    async def start(self, stack: AsyncExitStack, port: int, partner_url: str) -> None:
        """Make keys, listen, and enter both bodies; the stack stops everything."""
        now, clock = self._clock.now(), self._clock
        authority = await asyncio.to_thread(Authority.create, "Depesha Simulator CA", at=now)
        await asyncio.to_thread(authority.write, self._folder / "ca", at=now)
        _, register_keys = await asyncio.to_thread(self._issue, authority, _REGISTER)
        identity, keys = await asyncio.to_thread(self._issue, authority, IZVOR)
        self.partner, self.partner_keys = await asyncio.to_thread(self._issue, authority, YOU)
        self.register = SeosRegister(clock=clock, keys=register_keys, host=self._host)
        await stack.enter_async_context(self.register)
        self.peer = SeosParticipant(
            party=IZVOR.party,
            identity=identity,
            keys=keys,
            find=self.register.find,
            clock=clock,
            ids=self._ids,
            host=self._host,
            port=port,
        )
        await stack.enter_async_context(self.peer)
        free = f"https://{self._host}:{free_ports(1, self._host)[0]}/"
        self.partner_url = partner_url or free
        self._enter(IZVOR.party, identity.serial, self.peer.url)
        self._enter(YOU.party, self.partner.serial, self.partner_url)

    def _issue(self, authority: Authority, body: Body) -> tuple[Identity, KeyFiles]:
        identity = authority.issue(
            f"{body.folder}.example", eik=body.party.identifier, at=self._clock.now()
        )
        trusted = self._folder / "ca" / "ca.cert.pem"
        return identity, write_keys(identity, self._folder / body.folder, body.folder, trusted)

    def _enter(self, party: Party, serial: SerialNumber, url: str) -> None:
        now = self._clock.now()
        self.register.put(Entry(party=party, serial=serial, url=url, last_change=now))

    @staticmethod
    def _named(party: Party) -> str:
        return f"{party.name}, EIK {party.identifier}, GUID {{{party.guid}}}"

    def told(self) -> tuple[str, ...]:
        """What a partner needs to know."""
        return (
            f"Participants' register  {self.register.url}",
            f"Participant             {self._named(IZVOR.party)}",
            f"  listens at            {self.peer.url}",
            f"You are                 {self._named(YOU.party)}",
            f"  listen at             {self.partner_url}",
            f"  your key              {self.partner_keys.key}",
            f"  your certificate      {self.partner_keys.certificate}",
            f"  trust                 {self.partner_keys.trusted}",
            "Documents you send are registered after a moment; Ctrl-C ends it.",
        )

    async def work(self, say: Callable[[str], None]) -> None:
        """Register what comes, a moment later, and tell its sender; until cancelled."""
        while True:
            await self._clock.sleep(_STEP)
            for document, received in list(self.peer.books.received.items()):
                if received.status != WAITING:
                    continue
                self._numbers += 1
                today = self._clock.now().date()
                number = RegistrationNumber(number=f"ВХ-{self._numbers}", date=today)
                await self._clock.sleep(OFFICE_SECONDS)
                exchange = await self.peer.register(document, number)
                told = exchange.trouble or (shown(exchange) if exchange.heard else "taken")
                say(f"{{{document}}} registered as {number.number}; the notice: {told}")
