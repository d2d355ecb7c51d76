"""One country for all acceptance tests of a worker, and what they ask of it. Nothing here asserts.

Two administrations run the product as processes of their own: one whose registry stands outside
(and wants webhooks), one that uses the built-in registry. Everything talks through real sockets.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import aiohttp
from aiohttp import web

from depesha.schemas.envelope import Party, RegistrationNumber
from depesha.schemas.ids import Guid
from depesha.simulators.bodies import DOLINA, IZVOR, OBRAZETS, PRIMER, VRAH, Body
from depesha.simulators.country import Country
from depesha.simulators.gateway_plan import free_ports
from depesha.simulators.gateway_process import GatewayProcess
from depesha.simulators.registry import RegistryClient
from depesha.simulators.seos_books import Exchange, Sent
from depesha.simulators.seos_documents import (
    DocumentId,
    Enclosure,
    Failure,
    Header,
    RegistrationRequest,
    StatusResponse,
)
from depesha.simulators.seos_participant import SeosParticipant
from depesha.simulators.seos_signing import Hand, sign
from depesha.simulators.seos_soap import ACTION, CONTENT_TYPE
from depesha.simulators.seos_writing import build
from depesha.simulators.tls import KeyFiles
from tests.support.country import CLOCK, IDS

SECRET: Final = "whsec_" + base64.b64encode(bytes(range(32))).decode()
ATTACHMENT_LIMIT: Final = 512 * 1024
MESSAGE_LIMIT: Final = 2 * 1024 * 1024
NOTICE_SECONDS: Final = 2
"""Longest call of a sender; short, so that slow ones are told from lost ones quickly."""
PATIENCE: Final = 20.0
STATES: Final = (
    "ADMITTED",
    "HELD",
    "REJECTED",
    "REGISTERED",
    "ACKNOWLEDGED",
    "REFUSED",
    "REFUSAL_ACKNOWLEDGED",
    "CLOSED",
    "STOPPED",
)
Settings = dict[str, dict[str, object]]


def external(hook_port: int, secret: Path) -> Settings:
    """A registry of its own, told by webhooks; small limits; notices tried again at once."""
    return {
        "limits": {"attachment_bytes": ATTACHMENT_LIMIT, "message_bytes": MESSAGE_LIMIT},
        "retry": {"notice": [0.3, 0.3, 0.5, 1.0, 1.0, 2.0, 2.0, 2.0, 4.0], "jitter": 0.0},
        "[registry.webhooks]": {
            "url": f"http://127.0.0.1:{hook_port}/hook",
            "name": "registry",
            "secret_file": str(secret),
            "plain_http": True,
        },
        "networks.seos": {"notice_seconds": NOTICE_SECONDS},
        "networks.seos.algorithms": {str(VRAH.party.guid): "rsa-sha256"},
    }


BUILTIN: Final[Settings] = {"registry": {"kind": "builtin"}}


class Land(Country):
    """A country in which every gateway has settings of its own."""

    def __init__(self, folder: Path, own: dict[str, Settings]) -> None:
        super().__init__(
            folder,
            clock=CLOCK,
            ids=IDS,
            gateways=(OBRAZETS, PRIMER),
            acting=(IZVOR, DOLINA, VRAH),
            bare=(),
            commands=True,
        )
        self._own = own

    async def _plan_gateway(self, body: Body, files: KeyFiles) -> GatewayProcess:
        process = await super()._plan_gateway(body, files)
        process.plan = replace(process.plan, settings=self._own[body.folder])
        return process


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One webhook call as it came."""

    headers: dict[str, str]
    body: bytes
    answered: int

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
        return event

    @property
    def about(self) -> str:
        return str(self.event["data"]["message_id"])


@dataclass(slots=True)
class Hooks:
    """Listens to webhooks; the next calls of a type may be made to fail."""

    port: int
    came: list[Delivery] = field(default_factory=list)
    failing: dict[str, int] = field(default_factory=dict)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        kind = json.loads(body)["type"]
        fail = self.failing.get(kind, 0) > 0
        if fail:
            self.failing[kind] -= 1
        status = 500 if fail else 204
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.came.append(Delivery(headers=headers, body=body, answered=status))
        return web.Response(status=status)

    def about(self, message_id: str, kind: str) -> list[Delivery]:
        return [d for d in self.came if d.about == message_id and d.event["type"] == kind]


@dataclass(slots=True, kw_only=True)
class Stage:
    """Everything a test may touch. Whoever breaks something mends it before leaving."""

    country: Country
    office: RegistryClient
    hooks: Hooks

    @property
    def gateway(self) -> GatewayProcess:
        return self.country.gateways[OBRAZETS.folder]

    @property
    def builtin(self) -> GatewayProcess:
        return self.country.gateways[PRIMER.folder]

    @property
    def sender(self) -> SeosParticipant:
        return self.country.peers[IZVOR.folder]

    def peer(self, body: Body) -> SeosParticipant:
        return self.country.peers[body.folder]

    def keys(self, body: Body) -> KeyFiles:
        folder = self.country.folder / body.folder
        return KeyFiles(
            key=folder / f"{body.folder}.key.pem",
            certificate=folder / f"{body.folder}.cert.pem",
            trusted=self.country.folder / "ca" / "ca.cert.pem",
        )

    async def submit(
        self,
        request: RegistrationRequest,
        by: SeosParticipant | None = None,
        hand: Hand | None = None,
    ) -> Exchange:
        peer = by or self.sender
        return await peer.submit(OBRAZETS.party, self.gateway.seos_url, request, hand=hand)

    async def all(self) -> list[dict[str, Any]]:
        """Every message of the gateway with an outside registry, in full."""
        return [
            await self.office.message(m["id"])
            for page in [await self.page(*STATES)]
            for m in page["items"]
        ]

    async def page(self, *states: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = []
        after, query = "", "&".join(f"state={s}" for s in states)
        headers = {"Authorization": f"Bearer {self.country.tokens[OBRAZETS.folder]}"}
        url = f"{self.gateway.registry_api}/api/v1/inbox?limit=200&{query}"
        async with aiohttp.ClientSession(headers=headers) as session:
            while True:
                async with session.get(f"{url}&after={after}") as response:
                    page = await response.json()
                found += page["items"]
                after = page["next"]
                if not after:
                    return {"items": found}

    async def stored(self, request: RegistrationRequest) -> list[dict[str, Any]]:
        """What is stored under this document GUID, oldest first."""
        page = await self.page(*STATES)
        return [m for m in page["items"] if document_of(m) == request.document.guid]

    async def one(self, request: RegistrationRequest) -> dict[str, Any]:
        [found] = await self.stored(request)
        return await self.office.message(found["id"])

    async def reaches(
        self, message_id: str, state: str, seconds: float = PATIENCE
    ) -> dict[str, Any]:
        """Wait until the message stands so; return it as it stands at last."""

        async def look() -> dict[str, Any] | None:
            found = await self.office.message(message_id)
            return found if found["state"] == state else None

        return await until(look, seconds) or await self.office.message(message_id)

    async def register(self, message_id: str, number: str) -> None:
        await self.office.register(message_id, number, CLOCK.now().date())

    async def readiness(self, process: GatewayProcess | None = None) -> tuple[int, dict[str, Any]]:
        url = (process or self.gateway).operators + "/readyz"
        async with aiohttp.ClientSession() as session:
            try:
                async with session.get(url) as response:
                    parts = (await response.json())["parts"]
                    return response.status, {p["name"]: p for p in parts}
            except aiohttp.ClientError:
                return 0, {}

    async def ready_is(self, status: int, seconds: float = PATIENCE) -> dict[str, Any]:
        """Wait until `/readyz` answers so; return its parts."""

        async def look() -> dict[str, Any] | None:
            found, parts = await self.readiness()
            return parts if found == status else None

        return await until(look, seconds) or {}

    async def write(
        self,
        by: SeosParticipant,
        request: RegistrationRequest,
        *,
        hand: Hand | None = None,
        recipient: Party = OBRAZETS.party,
    ) -> str:
        """Sign a document by hand, for senders that post in their own way; books know of it."""
        header = Header(
            message_guid=IDS.guid(), created_at=CLOCK.now(), sender=by.party, recipient=recipient
        )

        def work() -> str:
            tree = build(header, request, by.quirks.spelling)
            return sign(tree, by.identity, hand or by.quirks.hand)

        wire = await asyncio.to_thread(work)
        by.books.sent[request.document.guid] = Sent(
            request=request,
            recipient=recipient,
            url=self.gateway.seos_url,
            message_guid=header.message_guid,
            wire=wire,
        )
        return wire


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    """Start everything; stop it at the end."""
    [port] = free_ports(1)
    secret = folder / "webhook.secret"
    secret.write_text(SECRET + "\n", "ascii")
    hooks = Hooks(port)
    application = web.Application()
    application.router.add_post("/hook", hooks.take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    own = {OBRAZETS.folder: external(port, secret), PRIMER.folder: BUILTIN}
    try:
        async with Land(folder / "c", own) as land:
            gateway = land.gateways[OBRAZETS.folder]
            token = land.tokens[OBRAZETS.folder]
            async with RegistryClient(gateway.registry_api, token) as office:
                yield Stage(country=land, office=office, hooks=hooks)
    finally:
        await runner.cleanup()


async def until(look: Callable[[], Awaitable[Any]], seconds: float = PATIENCE) -> Any:
    """Look again and again until there is something, or the time is over; return the last look."""
    end = CLOCK.monotonic() + seconds
    while True:
        found = await look()
        if found or CLOCK.monotonic() > end:
            return found
        await asyncio.sleep(0.05)


# --- documents and answers ---------------------------------------------------------------------


def letter(
    subject: str = "Искане за данни", *files: Enclosure, number: bool = True, **more: Any
) -> RegistrationRequest:
    """A document under a new GUID with content of its own, so that no two are repeats."""
    document = IDS.guid()
    content = Enclosure(
        name="писмо.txt", content=f"текст {document}".encode(), media_type="text/plain"
    )
    given = RegistrationNumber(number=f"РД-{document[:8]}", date=CLOCK.now().date())
    return RegistrationRequest(
        document=DocumentId(guid=document, number=given if number else None),
        subject=subject,
        enclosures=files or (content,),
        **more,
    )


def status(exchange: Exchange) -> StatusResponse | str:
    """The signed status that came back; else what came instead, in words."""
    body = exchange.heard.body if exchange.heard else None
    return body if isinstance(body, StatusResponse) else shown(exchange)


def word(exchange: Exchange) -> str:
    """The status's own word, or what came instead."""
    said = status(exchange)
    return said.status if isinstance(said, StatusResponse) else said


def failure(exchange: Exchange) -> str:
    """The text of the error that came back; empty where none came."""
    body = exchange.heard.body if exchange.heard else None
    return body.description if isinstance(body, Failure) else ""


def shown(exchange: Exchange) -> str:
    said = failure(exchange)
    return f"MSG_Error: {said}" if said else exchange.trouble or f"HTTP {exchange.http_status}"


def document_of(message: dict[str, Any]) -> Guid:
    envelope = message["envelope"]
    return Guid(envelope["document"]["guid"] if envelope else "")


def check(message: dict[str, Any], name: str) -> dict[str, Any]:
    """What one check said of a message."""
    found: dict[str, Any] = next(c for c in message["checks"] if c["check"] == name)
    return found


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [e["body"]["kind"] for e in events]


# --- the command line --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a program ended and what it said."""

    status: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode("utf-8")

    @property
    def json(self) -> Any:
        return json.loads(self.out)


async def run(*words: str | Path, stdin: bytes | None = None) -> Ran:
    """Run a program to its end."""
    process = await asyncio.create_subprocess_exec(
        *map(str, words),
        stdin=asyncio.subprocess.PIPE if stdin is not None else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "COLUMNS": "200"},
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate(stdin)
    return Ran(status=process.returncode or 0, out=out, err=err.decode("utf-8", "replace"))


async def depesha(*words: str | Path) -> Ran:
    """Run a command of the product."""
    return await run(sys.executable, "-m", "depesha", *words)


async def curl(
    keys: KeyFiles, url: str, body: bytes, *more: str, action: bool = True
) -> tuple[int, bytes]:
    """Post with curl, as any client of the network could; return the status and the body."""
    head = ("-H", f"SOAPAction: {ACTION}") if action else ()
    done = await run(
        *("curl", "-sS", "--max-time", "20", "--cert", keys.certificate, "--key", keys.key),
        *("--cacert", keys.trusted, "-H", f"Content-Type: {CONTENT_TYPE}", *head, *more),
        *("--data-binary", "@-", "-w", "%{stderr}%{http_code}", url),
        stdin=body,
    )
    return int(done.err[-3:]), done.out


async def verifies(folder: Path, text: str, keys: KeyFiles) -> list[str]:
    """Have Debian's xmlsec1 verify what the owner of `keys` signed: by CA, and by certificate.

    Returns what it complained of; nothing where both ways hold.
    """
    path = folder / f"{IDS.guid()}.xml"
    await asyncio.to_thread(path.write_bytes, text.encode())
    common = ("xmlsec1", "--verify", "--enabled-reference-uris", "empty")
    ways = (("--trusted-pem", keys.trusted), ("--pubkey-cert-pem", keys.certificate))
    said = [await run(*common, *way, path) for way in ways]
    return [done.err for done in said if done.status != 0 or "OK" not in done.err + done.text]
