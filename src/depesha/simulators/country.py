"""A small country on loopback: authority, networks, administrations with gateways, peers, scanner.

Everything lies in one folder and talks through real sockets; `demo.json` tells the addresses. The
gateways are processes of their own. It must never be used for anything real.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from depesha.ports import Clock, IdSource
from depesha.simulators.authority import Authority, Identity, make_key
from depesha.simulators.bodies import ACTING, APART, BARE, GATEWAYS, SEOS, STRANGER, Body
from depesha.simulators.console_people import Login, Post, new_password, settle_in
from depesha.simulators.country_isds import CountryIsds
from depesha.simulators.country_mail import CountryMail
from depesha.simulators.country_networks import CountryNetworks
from depesha.simulators.country_ssev import CountrySsev
from depesha.simulators.gateway_plan import Plan, free_ports, write_private
from depesha.simulators.gateway_process import SERVE, GatewayProcess
from depesha.simulators.scanner import PrivateClamd
from depesha.simulators.seos_entries import Entry
from depesha.simulators.seos_participant import SeosParticipant
from depesha.simulators.seos_register import SeosRegister
from depesha.simulators.tls import KeyFiles, write_keys
from depesha.simulators.wires import Wires

T = TypeVar("T")

HOST: Final = "127.0.0.1"
LONGEST_SOCKET: Final = 100
"""Characters a socket's address may have; the kernel's limit is 108 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bare:
    """A bare peer: its keys and the address at which it may listen."""

    body: Body
    identity: Identity
    keys: KeyFiles
    url: str


def _silent(_: str) -> None:
    """Say nothing."""


class Country:
    """`async with Country(folder, clock=…, ids=…) as country`: all up, and all down at the end."""

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock,
        ids: IdSource,
        gateways: tuple[Body, ...] = GATEWAYS,
        acting: tuple[Body, ...] = ACTING,
        bare: tuple[Body, ...] = BARE,
        networks: tuple[str, ...] = (SEOS,),
        settings: Mapping[str, Mapping[str, object]] | None = None,
        own_settings: Mapping[str, Mapping[str, Mapping[str, object]]] | None = None,
        crowd: int = 0,
        commands: bool = False,
        people: Sequence[Post] = (),
        weeks: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        program: Sequence[str] = SERVE,
        say: Callable[[str], None] = _silent,
    ) -> None:
        """`settings` goes into every gateway's file; `crowd` fills the register up to so many.

        `own_settings` goes into the files of the bodies whose folders it names, instead of the
        same sections of `settings`.

        With further `networks` every way to a gateway, an acting peer, SSEV or the mail server
        leads through one of `wires`; without them there are none, for speed.
        `people` enter the console of the first gateway; the first of them that of every gateway.
        `weeks` names the gateways that begin with a week they never lived, a busy one first.
        `commands` gives `depesha inbox -c …` and its like a token of their own. `environment` and
        `program` are for the gateways' processes (`GatewayProcess`).
        """
        self.folder = folder
        self.gateways: dict[str, GatewayProcess] = {}
        self.tokens: dict[str, str] = {}
        self.peers: dict[str, SeosParticipant] = {}
        self.bare: dict[str, Bare] = {}
        self._clock = clock
        self._ids = ids
        self._bodies = (gateways, acting, bare)
        others = (STRANGER, *APART)
        apart = tuple(b for b in others if not {*networks}.isdisjoint(b.networks))
        self._all = (*gateways, *acting, *bare, *apart)
        self._networks = CountryNetworks(networks, folder=folder, clock=clock, ids=ids, host=HOST)
        self._settings = settings or {}
        self._own_settings = own_settings or {}
        self._crowd = crowd
        self._commands = commands
        self._people = tuple(people)
        self._weeks = tuple(weeks)
        self.logins: tuple[Login, ...] = ()
        self._environment = environment
        self._program = program
        self._say = say
        self._stack = contextlib.AsyncExitStack()
        self._authority: Authority | None = None
        self._register: SeosRegister | None = None
        self._scanner: PrivateClamd | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def authority(self) -> Authority:
        """Issues the certificates of the country."""
        return _made(self._authority)

    @property
    def register(self) -> SeosRegister:
        """The participants' register; its entries and mood may be changed."""
        return _made(self._register)

    @property
    def scanner(self) -> PrivateClamd:
        """The malware scanner of all gateways."""
        return _made(self._scanner)

    @property
    def ssev(self) -> CountrySsev:
        """SSEV, where the country has it."""
        return _made(self._networks.ssev)

    @property
    def isds(self) -> CountryIsds:
        """The data boxes, where the country has them."""
        return _made(self._networks.isds)

    @property
    def mail(self) -> CountryMail:
        """The mail domain, where the country has it."""
        return _made(self._networks.mail)

    @property
    def wires(self) -> Wires:
        """The ways that may be cut, where the country has further networks."""
        return self._networks.wires

    @property
    def description(self) -> Path:
        """demo.json."""
        return self.folder / "demo.json"

    async def _start(self) -> None:
        await asyncio.to_thread(self.folder.mkdir, parents=True, exist_ok=True)
        needed = len(self._all) + 2 + self._networks.keys_for(self._all)
        self._say(f"making {needed} keys")
        self._scanner, keys = await asyncio.gather(self._start_scanner(), self._make_keys(needed))
        await self._start_register(keys)
        self._say("starting the networks: " + ", ".join(self._networks.chosen))
        await self._networks.start(self._stack, self.authority, keys)
        settled = []
        for body in self._all:
            identity, files = await asyncio.to_thread(self._issue, body, next(keys))
            await self._networks.join(body, identity, files, keys)
            settled.append((body, identity, files))
        for one in settled:
            await self._settle(*one)
        self.register.fill(self._crowd)
        await self._start_gateways()
        await asyncio.to_thread(self._write_description)

    async def _settle(self, body: Body, identity: Identity, files: KeyFiles) -> None:
        gateways, _, bare = self._bodies
        if body in gateways:
            gateway = await self._plan_gateway(body, files)
            if gateway.plan.seos:
                self._enter(body, identity, gateway.seos_url)
        elif body in bare:
            self._add_bare(body, identity, files)
        elif SEOS in body.networks:
            await self._start_peer(body, identity, files)

    async def _start_scanner(self) -> PrivateClamd:
        folder = self.folder / "clamd"
        if len(str(folder / "clamd.sock")) > LONGEST_SOCKET:
            folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="depesha-"))
            self._stack.push_async_callback(asyncio.to_thread, shutil.rmtree, folder)
        self._say("starting clamd")
        scanner = PrivateClamd(folder, clock=self._clock)
        return await self._stack.enter_async_context(scanner)

    @staticmethod
    async def _make_keys(count: int) -> Iterator[RSAPrivateKey]:
        return iter(await asyncio.gather(*(asyncio.to_thread(make_key) for _ in range(count))))

    async def _start_register(self, keys: Iterator[RSAPrivateKey]) -> None:
        now = self._clock.now()
        name = "Depesha Example Exchange CA"
        self._authority = await asyncio.to_thread(Authority.create, name, at=now, key=next(keys))
        trusted = await asyncio.to_thread(self._authority.write, self.folder / "ca", at=now)
        identity = self._authority.issue(
            "register.example", eik="000000000", at=now, key=next(keys)
        )
        files = write_keys(identity, self.folder / "register", "register", trusted)
        register = SeosRegister(clock=self._clock, keys=files, host=HOST)
        self._register = await self._stack.enter_async_context(register)

    def _issue(self, body: Body, key: RSAPrivateKey) -> tuple[Identity, KeyFiles]:
        identity = self.authority.issue(
            f"{body.folder}.example", eik=body.party.identifier, at=self._clock.now(), key=key
        )
        trusted = self.folder / "ca" / "ca.cert.pem"
        return identity, write_keys(identity, self.folder / body.folder, body.folder, trusted)

    def _enter(self, body: Body, identity: Identity, url: str) -> None:
        entry = Entry(
            party=body.party,
            serial=identity.serial,
            url=url,
            last_change=self._clock.now(),
            phone="02 000 000",
            email=body.address,
        )
        self.register.put(entry)

    async def _announced(self, body: Body, url: str) -> str:
        """Lay a wire to a participant's address, where the country has wires."""
        if not self._networks.wired:
            return url
        place = urlsplit(url)
        wire = await self.wires.lay(
            self._stack, f"{SEOS}.{body.folder}", HOST, place.port or 0, *free_ports(1, HOST)
        )
        return place._replace(netloc=f"{HOST}:{wire.port}").geturl()

    async def _plan_gateway(self, body: Body, files: KeyFiles) -> GatewayProcess:
        partners, registry, operators = free_ports(3, HOST)
        seos = self._networks.has(body, SEOS)
        url = f"https://{HOST}:{partners}/seos"
        plan = Plan(
            folder=self.folder / f"gateway-{body.folder}",
            party=body.party,
            keys=files,
            scanner=self.scanner.address,
            register_url=self.register.url,
            revocation_list=self.folder / "ca" / "ca.crl.pem",
            partners_port=partners,
            registry_port=registry,
            operators_port=operators,
            host=HOST,
            announced_url=await self._announced(body, url) if seos else "",
            seos=seos,
            networks=self._networks.sections(body),
            settings={**self._settings, **self._own_settings.get(body.folder, {})},
        )
        environment = {**(self._environment or {}), **self._networks.environment(body)}
        self.gateways[body.folder] = GatewayProcess(
            plan, clock=self._clock, environment=environment, program=self._program
        )
        return self.gateways[body.folder]

    def _add_bare(self, body: Body, identity: Identity, files: KeyFiles) -> None:
        url = f"https://{HOST}:{free_ports(1, HOST)[0]}/seos"
        self.bare[body.folder] = Bare(body=body, identity=identity, keys=files, url=url)
        self._enter(body, identity, url)

    async def _start_peer(self, body: Body, identity: Identity, files: KeyFiles) -> None:
        peer = SeosParticipant(
            party=body.party,
            identity=identity,
            keys=files,
            find=self.register.find,
            clock=self._clock,
            ids=self._ids,
            quirks=body.quirks,
            host=HOST,
        )
        self.peers[body.folder] = await self._stack.enter_async_context(peer)
        if body is not STRANGER:
            self._enter(body, identity, await self._announced(body, peer.url))

    async def _start_gateways(self) -> None:
        names = " and ".join(g.plan.party.name for g in self.gateways.values())
        self._say(f"starting the gateways of {names}")
        self._stack.push_async_callback(self._stop_gateways)
        try:
            async with asyncio.TaskGroup() as group:
                for one in self.gateways.items():
                    group.create_task(self._start_gateway(*one))
            await self._settle_people()
        except ExceptionGroup as several:
            raise several.exceptions[0] from None

    async def _settle_people(self) -> None:
        """Let people into the consoles, all gateways at the same time."""
        if not self._people:
            return
        given, own = new_password(self._ids), new_password(self._ids)

        async def enter(gateway: GatewayProcess, posts: Sequence[Post]) -> tuple[Login, ...]:
            made = []
            for post in posts:
                await gateway.admit(post, given)
                made.append(await settle_in(gateway.operators, post, given, own, self._clock))
            return tuple(made)

        first, *others = self.gateways.values()
        async with asyncio.TaskGroup() as group:
            entered = group.create_task(enter(first, self._people))
            for gateway in others:
                group.create_task(enter(gateway, self._people[:1]))
        self.logins = entered.result()

    async def _stop_gateways(self) -> None:
        await asyncio.gather(*(gateway.stop() for gateway in self.gateways.values()))

    async def _start_gateway(self, name: str, gateway: GatewayProcess) -> None:
        await asyncio.to_thread(gateway.write)
        part = self._ids.guid()[:8]
        self.tokens[name] = await gateway.token(f"demo-{part}")
        if self._commands:
            await gateway.let_commands_ask(f"commands-{part}")
        if name in self._weeks:
            await gateway.live_a_week(busy=name == self._weeks[0])
        await gateway.start()
        await gateway.ready()
        self._say(f"the gateway of {gateway.plan.party.name} is ready")

    def _write_description(self) -> None:
        content = json.dumps(self.described(), ensure_ascii=False, indent=2) + "\n"
        write_private(self.description, content.encode())  # it holds tokens

    def described(self) -> dict[str, Any]:
        """What demo.json holds (design, section 4)."""
        return {
            "gateways": [g.described(self.tokens[name]) for name, g in self.gateways.items()],
            "peers": [
                {
                    "name": one.body.party.name,
                    "eik": one.body.party.identifier,
                    "guid": "{" + str(one.body.party.guid) + "}",
                    "key": str(one.keys.key),
                    "certificate": str(one.keys.certificate),
                    "url": one.url,
                }
                for one in self.bare.values()
            ],
            "networks": {"seos_register": self.register.url, **self._networks.described()},
            "console_login": self._console_login(),
            "console_people": [login.described() for login in self.logins],
            "trusted": str(self.folder / "ca" / "ca.cert.pem"),
        }

    def _console_login(self) -> dict[str, str]:
        if not self.logins:
            return {"user": "", "password": ""}
        return {"user": self.logins[0].post.login, "password": self.logins[0].password}


def _made(thing: T | None) -> T:
    if thing is None:
        raise RuntimeError("the country is not started")
    return thing
