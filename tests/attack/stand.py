"""The stand of all attacks: one real gateway, those who may write to it, and what came of it.

TLS with client certificates, a real clamd, the registry API. Nothing here asserts; it must never
be pointed at a gateway it did not start itself.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import ssl
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
from lxml import etree

from depesha.adapters.system import SystemClock, SystemIds
from depesha.errors import DepeshaError
from depesha.schemas.envelope import Correspondent, Party, RegistrationNumber
from depesha.schemas.ids import Guid
from depesha.schemas.lifecycle import InboundState
from depesha.simulators import papers, seos_signing
from depesha.simulators.authority import Authority, Identity
from depesha.simulators.bodies import BARE, OBRAZETS, Body
from depesha.simulators.country import Country
from depesha.simulators.gateway_process import GatewayProcess
from depesha.simulators.seos_documents import (
    Body as MessageBody,
)
from depesha.simulators.seos_documents import (
    DocumentId,
    Enclosure,
    Failure,
    Header,
    RegistrationRequest,
    StatusResponse,
)
from depesha.simulators.seos_reading import read
from depesha.simulators.seos_soap import ACTION, CONTENT_TYPE, SERVICE, SOAP, unwrap_answer
from depesha.simulators.seos_writing import build
from depesha.simulators.tls import KeyFiles, client_context

CLOCK: Final = SystemClock()
IDS: Final = SystemIds()

MARKED_NAME: Final = "Тайнослав Белязан Образцов"
MARKED_EGN: Final = "7501010010"
MARKED_SUBJECT: Final = "Поверително за Белязаните"
MARKERS: Final = (MARKED_NAME, MARKED_EGN, MARKED_SUBJECT, "Тайнослав", "Белязан")
"""Personal data of every document here: none of it may come out of the gateway by a side door."""

INACTIVE: Final = Body(
    folder="bare-3",
    party=replace(
        BARE[0].party,
        identifier="000000013",
        guid=Guid("33333333-1111-4111-8111-333333333333"),
        name="Агенция Закрита",
    ),
)
EXPIRED: Final = Body(
    folder="bare-4",
    party=replace(
        BARE[0].party,
        identifier="000000014",
        guid=Guid("44444444-1111-4111-8111-444444444444"),
        name="Агенция Изтекла",
    ),
)
REVOKED: Final = Body(
    folder="bare-5",
    party=replace(
        BARE[0].party,
        identifier="000000015",
        guid=Guid("55555555-1111-4111-8111-555555555555"),
        name="Агенция Отнета",
    ),
)

IDLE_SECONDS: Final = 2.0
QUIET: Final = 15
"""Seconds within which the gateway must know what changed in the register."""
SETTINGS: Final[Mapping[str, Mapping[str, object]]] = {
    "log": {"level": "debug"},
    "listen": {"idle_seconds": 4.0},
    "networks.seos": {
        "idle_seconds": IDLE_SECONDS,
        "register_refresh_seconds": 1.0,
    },
    "networks.seos.trust": {"revocation_refresh_seconds": 1.0},
}
"""Short patience, so that the slow attacks are told in seconds; all sizes are the defaults."""
BAD: Final = 400
_ALL_STATES: Final = "&".join(f"state={state}" for state in InboundState)
_CODE: Final = re.compile(r"\[([A-Z_]{3,40})\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """What came back for one attack."""

    http: int
    """Status; 0 where the connection was closed without a word."""
    said: str
    """Status or kind of the answer: `DS_…`, `MSG_Error`, `fault`, `problem`, `text`, `closed`."""
    code: str = ""
    """The reason code in it."""
    body: bytes = b""
    number: str = ""
    """The registration number it tells."""
    answers: int = 1
    """Answers given on the connection."""

    @property
    def told(self) -> str:
        """What came back, in short."""
        return " ".join(word for word in (self.said, self.code) if word)

    @property
    def words(self) -> set[str]:
        """All that may be expected of it."""
        return {w for w in (self.said, self.code, f"HTTP {self.http}") if w}


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    """A good message of the victim that was admitted."""

    id: str
    document: Guid
    message_guid: Guid
    wire: bytes


_NOTHING: Final = Good(id="", document=Guid(""), message_guid=Guid(""), wire=b"")
CLOSED: Final = Came(http=0, said="closed", answers=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What the gateway keeps of one message."""

    id: str
    state: str
    reasons: tuple[str, ...]
    """Codes of what kept it back, or of its cautions where nothing did."""
    document: str


def understand(http: int, body: bytes) -> Came:
    """Read an answer of the partners' listener or of the API."""
    if body.startswith(b"{"):
        return _problem(http, body)
    try:
        text = unwrap_answer(body)
    except DepeshaError:
        code = _code(body.decode("utf-8", "replace"))
        return Came(http=http, said="fault" if b"Fault>" in body else "text", code=code, body=body)
    return _answer(http, body, text) if text else Came(http=http, said="empty", body=body)


def _answer(http: int, body: bytes, text: str) -> Came:
    heard = read(text).body
    if not seos_signing.judge(text).valid:
        return Came(http=http, said="an answer whose signature does not hold", body=body)
    if isinstance(heard, Failure):
        return Came(http=http, said="MSG_Error", code=_code(heard.description), body=body)
    if not isinstance(heard, StatusResponse):
        return Came(http=http, said="a request", body=body)
    number = heard.document.number
    return Came(
        http=http,
        said=heard.status,
        code=_code(heard.reason or ""),
        body=body,
        number="" if number is None else number.number,
    )


def _problem(http: int, body: bytes) -> Came:
    try:
        found = json.loads(body)
    except ValueError:
        return Came(http=http, said="text", body=body)
    code = str(found.get("code", ""))
    return Came(http=http, said="problem" if code else "data", code=code, body=body)


def _code(text: str) -> str:
    found = _CODE.findall(text)
    return found[-1] if found else ""


def escape(document: bytes) -> bytes:
    """Escape bytes, whatever they are, for the text of an element."""
    for sign, written in ((b"&", b"&amp;"), (b"<", b"&lt;"), (b">", b"&gt;"), (b"\r", b"&#13;")):
        document = document.replace(sign, written)
    return document


def envelope(document: bytes, *, before: bytes = b"", around: bytes = b"") -> bytes:
    """Return the SOAP call with a document; `before` and `around` stand where attackers like."""
    return (
        b'<?xml version="1.0" encoding="utf-8"?>'
        + before
        + b'<s:Envelope xmlns:s="'
        + SOAP.encode()
        + b'">'
        + around
        + b'<s:Body><Submit xmlns="'
        + SERVICE.encode()
        + b'"><request>'
        + escape(document)
        + b"</request></Submit></s:Body></s:Envelope>"
    )


def letter(
    *enclosures: Enclosure,
    document: Guid | None = None,
    number: str = "",
    subject: str = MARKED_SUBJECT,
) -> RegistrationRequest:
    """Return a document about the marked person; without files a small harmless one."""
    person = Correspondent(
        name=MARKED_NAME, city="Непосочен", personal_number=MARKED_EGN, applicant=True
    )
    guid = document or IDS.guid()
    files = enclosures or (
        Enclosure(name="pismo.pdf", content=papers.pdf(guid), media_type=papers.PDF),
    )
    day = CLOCK.now().date()
    return RegistrationRequest(
        document=DocumentId(
            guid=guid, number=RegistrationNumber(number=number or f"РД-{guid[:8]}", date=day)
        ),
        subject=subject,
        correspondents=(person,),
        enclosures=files,
    )


class Stand:
    """The running country, seen by an attacker and by whoever counts what he reached."""

    def __init__(self, country: Country, sessions: Mapping[str, aiohttp.ClientSession]) -> None:
        self.country = country
        self.gateway: GatewayProcess = country.gateways[OBRAZETS.folder]
        self.us: Party = OBRAZETS.party
        self.victim = country.bare["bare-1"]
        self.neighbour = country.bare["bare-2"]
        self.stranger = country.peers["stranger"]
        self.attacker = Authority.create("Foreign CA", at=CLOCK.now()).issue(
            "attacker.example", eik="000000099", at=CLOCK.now()
        )
        """Somebody with an authority of his own."""
        self.kept: Good = _NOTHING
        """Admitted and registered."""
        self.waiting: Good = _NOTHING
        """Admitted, and waiting for its number."""
        self._sessions = sessions
        self._cursor = ""
        self.expired: Identity | None = None
        """A certificate that ran out, though the register still names it."""
        self.answers: list[bytes] = []
        """Everything that came back for bad messages, to be searched for the markers."""

    # --- writing --------------------------------------------------------------------------

    def message(
        self,
        body: MessageBody,
        *,
        sender: Party | None = None,
        identity: Identity | None = None,
        recipient: Party | None = None,
        guid: Guid | None = None,
        hand: seos_signing.Hand = seos_signing.PLAIN,
    ) -> bytes:
        """Build and sign; the victim's own hand unless told otherwise."""
        header = Header(
            message_guid=guid or IDS.guid(),
            created_at=CLOCK.now(),
            sender=sender or self.victim.body.party,
            recipient=recipient or self.us,
        )
        tree: etree._Element = build(header, body)
        return seos_signing.sign(tree, identity or self.victim.identity, hand).encode()

    # --- calling --------------------------------------------------------------------------

    async def send(self, document: bytes, *, who: str = "bare-1") -> Came:
        """Send a document in a proper call."""
        return await self.post(envelope(document), who=who)

    async def post(
        self, body: bytes | AsyncIterator[bytes], *, who: str = "bare-1", **headers: str
    ) -> Came:
        """Send a body to the partners' listener."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        data = io.BytesIO(body) if isinstance(body, bytes) else body
        sent = {"Content-Type": CONTENT_TYPE, "SOAPAction": ACTION, **named}
        try:
            async with self._sessions[who].post(
                self.gateway.seos_url, data=data, headers=sent
            ) as response:
                status, answer = response.status, await response.read()
        except (aiohttp.ClientError, ConnectionError, TimeoutError):
            return CLOSED
        return self.heard(understand(status, answer))

    async def ask(self, method: str, url: str, **options: Any) -> Came:
        """Call the registry API or the operators' listener."""
        try:
            async with self._sessions["plain"].request(method, url, **options) as response:
                status, answer = response.status, await response.read()
        except (aiohttp.ClientError, ConnectionError, TimeoutError):
            return CLOSED
        came = understand(status, answer)
        return self.heard(came) if status >= BAD else came

    def heard(self, came: Came) -> Came:
        """Keep an answer for the search."""
        self.answers.append(came.body[:100_000])
        return came

    def tls(self, who: str = "bare-1") -> ssl.SSLContext:
        """The context of somebody with a certificate."""
        return client_context(self.keys(who))

    def keys(self, who: str) -> KeyFiles:
        """Where somebody's keys lie."""
        folder = self.country.folder
        return KeyFiles(
            key=folder / who / f"{who}.key.pem",
            certificate=folder / who / f"{who}.cert.pem",
            trusted=folder / "ca" / "ca.cert.pem",
        )

    async def good(self) -> tuple[Good, Came]:
        """Send a good message; what it became is asked for by its document."""
        document, guid = IDS.guid(), IDS.guid()
        wire = self.message(letter(document=document), guid=guid)
        came = await self.send(wire)
        news = [one for one in await self.news() if one.document == document]
        found = news[0].id if news and news[0].state == "ADMITTED" else ""
        return Good(id=found, document=document, message_guid=guid, wire=wire), came

    async def register(self, good: Good, number: str) -> None:
        """Give a good message its number, as the registry would."""
        body = {"number": number, "date": CLOCK.now().date().isoformat()}
        await self.ask(
            "POST", f"{self.api}/messages/{good.id}/registration", json=body, headers=self.token
        )

    # --- looking --------------------------------------------------------------------------

    @property
    def api(self) -> str:
        """The registry API."""
        return self.gateway.registry_api + "/api/v1"

    @property
    def token(self) -> dict[str, str]:
        """The registry's own token, as a header."""
        return {"Authorization": f"Bearer {self.country.tokens[OBRAZETS.folder]}"}

    async def get(self, path: str) -> Any:
        """Read JSON from the API as the registry."""
        async with self._sessions["plain"].get(self.api + path, headers=self.token) as response:
            response.raise_for_status()
            return await response.json()

    async def original(self, message: str) -> bytes:
        """Read the stored original of a message."""
        url = f"{self.api}/messages/{message}/original"
        async with self._sessions["plain"].get(url, headers=self.token) as response:
            response.raise_for_status()
            return await response.read()

    async def disposition(self, url: str) -> str:
        """The header under which a clerk's machine saves an attachment."""
        async with self._sessions["plain"].get(url, headers=self.token) as response:
            return response.headers.get("Content-Disposition", "")

    async def stored(self, after: str = "") -> list[dict[str, Any]]:
        """Every message stored after this one, oldest first."""
        found: list[dict[str, Any]] = []
        while True:
            page = await self.get(f"/inbox?limit=200&after={after}&{_ALL_STATES}")
            found += page["items"]
            if not page["next"]:
                return found
            after = page["next"]

    async def news(self) -> list[Stored]:
        """What was stored since the last look."""
        found = await self.stored(self._cursor)
        if found:
            self._cursor = found[-1]["id"]
        return [_stored(message) for message in found]

    async def sees(self, words: str, status: str) -> None:
        """Wait until the gateway's copy of the register says so."""
        until = CLOCK.monotonic() + QUIET
        while CLOCK.monotonic() < until:
            found = await self.get(f"/participants?q={words}")
            if any(item["status"] == status for item in found["items"]):
                return
            await asyncio.sleep(0.1)
        raise RuntimeError(f"the gateway never saw {words} as {status}")

    async def text(self, path: str) -> tuple[int, str]:
        """Read something from the operators' listener."""
        async with self._sessions["plain"].get(self.gateway.operators + path) as response:
            return response.status, await response.text()

    def memory(self, what: str) -> int:
        """Bytes from /proc: `VmRSS` or `VmHWM`."""
        text = Path(f"/proc/{self.gateway.pid}/status").read_text()
        found = re.search(rf"{what}:\s+(\d+) kB", text)
        return int(found[1]) * 1024 if found else 0

    def forget_peak(self) -> None:
        """Let the peak start anew."""
        Path(f"/proc/{self.gateway.pid}/clear_refs").write_text("5")

    def log(self) -> list[dict[str, Any]]:
        """Every line of the gateway's log; a line that is no JSON is an event of its own."""
        lines = self.gateway.log.read_text("utf-8", "replace").splitlines()
        return [_line(line) for line in lines if line.strip()]


def _line(line: str) -> dict[str, Any]:
    try:
        made = json.loads(line)
    except ValueError:
        return {"level": "error", "event": f"not a log line: {line[:200]}"}
    return made if isinstance(made, dict) else {"level": "error", "event": line[:200]}


def _stored(message: dict[str, Any]) -> Stored:
    kept = [c for c in message["checks"] if c["verdict"] != "passed"] or message["checks"]
    reasons = [f["reason"] for check in kept for f in check["findings"]]
    document = message["envelope"]["document"]["guid"] if message["envelope"] else ""
    return Stored(
        id=message["id"], state=message["state"], reasons=tuple(reasons), document=document
    )


async def _spoil(country: Country) -> Identity:
    """Close one participant, let another's certificate run out, revoke a third's."""
    register, now = country.register, CLOCK.now()
    guids = {body.folder: body.party.guid or Guid("") for body in (INACTIVE, EXPIRED, REVOKED)}
    entries = {name: register.find(guid) for name, guid in guids.items()}
    old = country.authority.issue(
        "old.example",
        eik=EXPIRED.party.identifier,
        at=now - timedelta(days=90),
        days=30,
        key=country.bare[EXPIRED.folder].identity.key,
    )
    for name, entry in entries.items():
        if entry is not None and name == INACTIVE.folder:
            register.put(replace(entry, status="Inactive"))
        if entry is not None and name == EXPIRED.folder:
            register.put(replace(entry, serial=old.serial))
    country.authority.revoke(country.bare[REVOKED.folder].identity)
    await asyncio.to_thread(country.authority.write, country.folder / "ca", at=now)
    return old


@asynccontextmanager
async def stand(
    folder: Path, *, settings: Mapping[str, Mapping[str, object]] = SETTINGS
) -> AsyncIterator[Stand]:
    """Start everything; the gateway is ready and knows the register when this begins."""
    async with AsyncExitStack() as stack:
        country = await stack.enter_async_context(
            Country(
                folder,
                clock=CLOCK,
                ids=IDS,
                gateways=(OBRAZETS,),
                acting=(),
                bare=(*BARE, INACTIVE, EXPIRED, REVOKED),
                settings=settings,
                crowd=50,
            )
        )
        sessions: dict[str, aiohttp.ClientSession] = {}
        made = Stand(country, sessions)
        made.expired = await _spoil(country)
        for who in ("bare-1", "bare-2", "stranger"):
            sessions[who] = await stack.enter_async_context(
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(ssl=made.tls(who), keepalive_timeout=1),
                    timeout=aiohttp.ClientTimeout(total=60),
                )
            )
        sessions["plain"] = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(keepalive_timeout=1))
        )
        await made.sees(INACTIVE.party.identifier, "INACTIVE")
        yield made


def say(line: str = "") -> None:
    """Tell whoever looks on."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
