"""The stand: a whole country, a sender A and a recipient B, both kept alive, and what B really has.

A and B are processes of their own that may be killed at any step; everything between them are real
sockets through wires that may be cut. It knows nothing of cases and judges nothing.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

from depesha.adapters.system import SystemClock, SystemIds
from depesha.errors import BrokenOffError, UnreachableError
from depesha.schemas.ids import Guid
from depesha.schemas.outbound import Decision
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.simulators import papers
from depesha.simulators.bodies import ACTING, NETWORKS, OBRAZETS, PRIMER, Body
from depesha.simulators.country import Country
from depesha.simulators.country_isds import CountryIsds
from depesha.simulators.country_mail import CountryMail
from depesha.simulators.country_ssev import CountrySsev
from depesha.simulators.registry import RegistryClient, RegistryProblemError
from depesha.simulators.wires import Wires
from tests.crash import child
from tests.crash.audit import Ledger
from tests.truth.books import Books, Reader
from tests.truth.keeper import Keeper, ended
from tests.truth.registry import Registry
from tests.truth.settings import Settings, laid_over, of_networks

PAUSE = 0.05
PATIENCE = 40.0
A, B = PRIMER, OBRAZETS
_S = OutboundState
SETTLED = frozenset(
    {
        _S.REGISTERED,
        _S.DECLINED,
        _S.STOPPED,
        _S.CLOSED,
        _S.RETURNED,
        _S.UNDELIVERABLE,
        _S.PARKED,
    }
)
"""States in which nothing more happens by itself."""
_HOW = {"ATTEMPT_SETTLED": "", "ASKED": " asked", "HEARD": " heard"}
HANDED_OVER = frozenset({_S.ACCEPTED, _S.DELIVERED, _S.REGISTERED})


@dataclass(slots=True, kw_only=True)
class Letter:
    """A document of A's registry."""

    guid: Guid
    recipient: Body = B
    channels: tuple[str, ...] = ()
    """Networks that it may take; empty: all."""
    content: bytes = field(repr=False)
    id: str = ""
    """A's, once it was submitted."""

    def words(self, day: str) -> dict[str, Any]:
        """As the registry API takes them."""
        return {
            "recipient": {"identifier": self.recipient.party.identifier},
            "document": {"guid": self.guid, "number": f"ИЗХ-{self.guid[:8]}", "date": day},
            "kind": "Писмо",
            "subject": f"Проба {self.guid[:8]}",
            "scan_instead": "Подписан на хартия; изпраща се сканирано копие.",
            "channels": list(self.channels),
        }


class Stand:
    """`async with Stand(folder) as stand`."""

    def __init__(
        self,
        folder: Path,
        *,
        pair: tuple[Body, Body] = (A, B),
        networks: tuple[str, ...] = NETWORKS,
        acting: tuple[Body, ...] = ACTING,
        settings: Settings | None = None,
        own_settings: Mapping[str, Settings] | None = None,
        ledgers: Mapping[str, Ledger] | None = None,
    ) -> None:
        """`pair`: sender and recipient. `settings` are laid over `BRISK`, for both gateways.

        `own_settings` are those of one gateway alone, by its body's folder; `ledgers` read
        databases that lie elsewhere than in the gateways' folders.
        """
        self._own_settings = own_settings
        self._ledgers = ledgers
        self.clock = SystemClock()
        self.ids = SystemIds(self.clock)
        self.folder = folder
        self.letters: list[Letter] = []
        """Everything that was submitted."""
        self.pair = pair
        self._networks = networks
        self._acting = acting
        self._settings = laid_over(settings)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        prefix = sys.pycache_prefix or str(self.folder / "pycache")
        self.country = Country(
            self.folder / "country",
            clock=self.clock,
            ids=self.ids,
            gateways=self.pair,
            acting=self._acting,
            bare=(),
            networks=self._networks,
            settings=of_networks(self._settings, self._networks),
            own_settings=self._own_settings,
            program=(sys.executable, child.__file__),
            environment={
                child.ORDERS: "orders",
                "PYTHONDONTWRITEBYTECODE": "",
                "PYTHONPYCACHEPREFIX": prefix,
            },
        )
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _open(self) -> None:
        country = await self._stack.enter_async_context(self.country)
        sender, recipient = self.pair
        self.a, self.b = (self._kept(body) for body in self.pair)
        for keeper in (self.a, self.b):
            keeper.start()
            self._stack.push_async_callback(keeper.stop)
        self.office = Registry(
            self.b.gateway.registry_api, country.tokens[recipient.folder], self.clock
        )
        self._stack.push_async_callback(self.office.client.close_session)
        self.registry = RegistryClient(
            self.a.gateway.registry_api, country.tokens[sender.folder], seconds=10.0
        )
        self._stack.push_async_callback(self.registry.close_session)
        self.ledgers = self._ledgers or {
            body.folder: Ledger(country.gateways[body.folder].plan.folder / "store")
            for body in self.pair
        }
        theirs = {recipient.folder: self.ledgers[recipient.folder]}
        self._reader = Reader(country, theirs, self.office.book)
        working = asyncio.create_task(self.office.work())
        self._stack.push_async_callback(ended, working)

    def _kept(self, body: Body) -> Keeper:
        gateway = self.country.gateways[body.folder]
        return Keeper(gateway, gateway.plan.folder / "orders", self.clock)

    # --- what may be broken ---------------------------------------------------------------

    @property
    def wires(self) -> Wires:
        """`seos.obrazets`, `ssev.soap`, `ssev.api`, `ssev.oauth`, `isds.ws1`, `email.smtp` …"""
        return self.country.wires

    @property
    def ssev(self) -> CountrySsev:
        """`ssev.simulator.quirks` are its switches."""
        return self.country.ssev

    @property
    def isds(self) -> CountryIsds:
        """`isds.simulator.quirks` are its switches."""
        return self.country.isds

    @property
    def mail(self) -> CountryMail:
        """`mail.domain.smtp.faults` and `mail.domain.fates` are its switches."""
        return self.country.mail

    @property
    def deaths(self) -> int:
        """Of both gateways together."""
        return len(self.a.deaths) + len(self.b.deaths)

    # --- what A's registry does -----------------------------------------------------------

    def letter(
        self,
        *channels: str,
        recipient: Body = B,
        size: int = 4096,
        guid: Guid | None = None,
        content: bytes | None = None,
    ) -> Letter:
        """Write a document; one that is larger than `SOAP_UP_TO` goes over SSEV's REST."""
        name = guid or self.ids.guid()
        picture = name.encode() * (1 + size // len(name))
        data = papers.pdf(name, picture) if content is None else content
        return Letter(guid=name, recipient=recipient, channels=channels, content=data)

    async def submit(self, letter: Letter) -> str:
        """Submit it, under the same key until A answered; return A's id of it."""
        words = letter.words(self.clock.now().date().isoformat())
        files = [("писмо.pdf", papers.PDF, letter.content)]
        self.letters.append(letter)
        while True:
            try:
                taken = await self.registry.submit(words, files, key=letter.guid)
            except (UnreachableError, BrokenOffError):
                await self._pause()
            except RegistryProblemError as problem:
                if problem.status != HTTPStatus.SERVICE_UNAVAILABLE:
                    raise
                await self._pause()
            else:
                letter.id = taken["id"]
                return letter.id

    async def show(self, message_id: str) -> dict[str, Any]:
        """Return A's word on it, waiting while A does not run."""
        while True:
            try:
                return await self.registry.show(message_id)
            except (UnreachableError, BrokenOffError):
                await self._pause()
            except RegistryProblemError as problem:
                if problem.status != HTTPStatus.SERVICE_UNAVAILABLE:
                    raise
                await self._pause()

    async def decide(self, message_id: str, decision: Decision) -> None:
        """Decide as a person would."""
        await self.registry.decide(message_id, str(decision), "проверено по телефона")

    async def state(self, message_id: str) -> OutboundState:
        """Return A's word on it as it stands on disk: it may be read while A is dead."""
        rows = await self._sender("SELECT state FROM outbound WHERE id = ?", message_id)
        return OutboundState(rows[0][0])

    async def reaches(
        self, message_id: str, states: Iterable[OutboundState], seconds: float = PATIENCE
    ) -> OutboundState:
        """Wait until A says one of these states, or the time is over; return A's last word."""
        wanted = frozenset(states)
        until = self.clock.monotonic() + seconds
        while True:
            self.a.judge()
            found = await self.state(message_id)
            if found in wanted or self.clock.monotonic() > until:
                return found
            await asyncio.sleep(PAUSE)

    async def settle(self, message_id: str, seconds: float = PATIENCE) -> OutboundState:
        """Wait for a state in which nothing more happens by itself; return A's last word."""
        return await self.reaches(message_id, SETTLED, seconds)

    async def went(self, message_id: str, what: str = "", seconds: float = PATIENCE) -> bool:
        """Wait until A went through this; empty: until the first try has ended in whatever way."""
        until = self.clock.monotonic() + seconds
        while self.clock.monotonic() < until:
            self.a.judge()
            way = await self.way(message_id)
            if (what in way) if what else way:
                return True
            await asyncio.sleep(PAUSE)
        return False

    async def way(self, message_id: str) -> list[str]:
        """What A went through: `seos unclear`, `seos asked delivered` … in order."""
        rows = await self._sender(
            "SELECT body FROM evidence WHERE message_id = ? AND body ->> '$.kind' IN "
            "('ATTEMPT_SETTLED', 'ASKED', 'HEARD') ORDER BY sequence",
            message_id,
        )
        said = []
        for body in (json.loads(row[0]) for row in rows):
            facts = body["facts"]
            word = facts.get("outcome") or facts["status"].lower()
            said.append(f"{facts['network']}{_HOW[body['kind']]} {word}")
        return said

    async def _sender(self, statement: str, *values: str) -> list[tuple[Any, ...]]:
        return await asyncio.to_thread(self.ledgers[self.pair[0].folder].rows, statement, *values)

    async def _pause(self) -> None:
        self.a.judge()
        await asyncio.sleep(PAUSE)

    # --- what B really has ----------------------------------------------------------------

    async def books(self, letter: Letter) -> Books:
        """Look where the recipient's copies may lie."""
        return await self._reader.read(letter.guid, letter.recipient)
