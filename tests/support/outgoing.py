"""One country with every network for the acceptance tests of the way out. Nothing here asserts.

Община Пример sends, Агенция Образец receives, both with gateways as processes; Образец's own late
thresholds are moments, so that what it sends itself is asked about at once. Every way leads through
a wire that may be cut.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from depesha.schemas.ids import Guid
from depesha.simulators import papers
from depesha.simulators.bodies import (
    DOLINA,
    IZVOR,
    NETWORKS,
    OBRAZETS,
    PRIMER,
    SEOS,
    Body,
)
from depesha.simulators.country import Country
from depesha.simulators.demo_mail import Letterbox, Operators
from depesha.simulators.demo_paper import BRISK
from depesha.simulators.demo_witness import STATES
from depesha.simulators.gateway_process import GatewayProcess
from depesha.simulators.registry import RegistryClient
from depesha.simulators.seos_participant import SeosParticipant
from depesha.simulators.tls import KeyFiles
from tests.support.acceptance import until
from tests.support.country import CLOCK, IDS

PATIENCE: Final = 60.0
HANDED_OVER: Final = ("ACCEPTED", "DELIVERED", "REGISTERED")
File = tuple[str, str, bytes]
Settings = dict[str, dict[str, object]]

COMMON: Final[Settings] = {
    **BRISK,
    "retry": {"notice": [0.3, 0.3, 0.5, 1.0, 1.0, 2.0, 2.0, 4.0], "jitter": 0.0},
}
IMPATIENT: Final[Settings] = {
    "follow_up": {"late_hours": 0.0002, "again_hours": 0.0002, "unclear_again_hours": 0.0002},
    "calendar": {
        "zone": "UTC",
        "country": "",
        "hours": [["00:00", "00:00"]],
        "weekdays": [0, 1, 2, 3, 4, 5, 6],
    },
}
"""Late after 0.7 s, in an office that never closes."""


class Roads(Country):
    """A country with every network, in which one gateway is impatient."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            folder,
            clock=CLOCK,
            ids=IDS,
            gateways=(PRIMER, OBRAZETS),
            acting=(IZVOR, DOLINA),
            bare=(),
            networks=NETWORKS,
            settings=COMMON,
            commands=True,
        )

    async def _plan_gateway(self, body: Body, files: KeyFiles) -> GatewayProcess:
        process = await super()._plan_gateway(body, files)
        if body is OBRAZETS:
            settings = {**process.plan.settings, **IMPATIENT}
            process.plan = replace(process.plan, settings=settings)
        return process


@dataclass(slots=True, kw_only=True)
class Paper:
    """A document to be sent, as its registry describes it."""

    recipient: Body
    words: dict[str, Any]
    files: tuple[File, ...] = field(repr=False)
    key: str

    @property
    def guid(self) -> Guid:
        return Guid(self.words["document"]["guid"])

    @property
    def number(self) -> str:
        return str(self.words["document"]["number"])

    @property
    def digests(self) -> set[str]:
        return {hashlib.sha256(content).hexdigest() for _, _, content in self.files}


def paper(recipient: Body, subject: str = "Искане за становище", **more: Any) -> Paper:
    """A document under a new GUID and number; `more` replaces words, `files` its files."""
    guid = IDS.guid()
    files = more.pop("files", None) or (
        ("писмо.pdf", papers.PDF, papers.pdf(guid, guid.encode() * 256)),
        ("приложение.docx", papers.DOCX, papers.docx(subject, guid)),
    )
    words: dict[str, Any] = {
        "recipient": {"identifier": recipient.party.identifier},
        "document": {
            "guid": guid,
            "number": f"ИЗХ-{guid[:8]}",
            "date": CLOCK.now().date().isoformat(),
        },
        "kind": "Писмо",
        "subject": subject,
        "scan_instead": "Подписан на хартия; изпраща се сканирано копие.",
    }
    return Paper(recipient=recipient, words=words | more, files=tuple(files), key=guid)


@dataclass(slots=True, kw_only=True)
class Post:
    """Everything a test of the way out may touch; `mended` puts every wire right again."""

    country: Country
    sender: RegistryClient
    """The registry of Община Пример."""
    recipient: RegistryClient
    """The registry of Агенция Образец."""
    operators: Operators
    letters: Letterbox

    @property
    def settings(self) -> Path:
        """Of the sender's gateway, for its command line."""
        return self.country.gateways[PRIMER.folder].settings

    @property
    def izvor(self) -> SeosParticipant:
        return self.country.peers[IZVOR.folder]

    def keys(self, body: Body) -> KeyFiles:
        folder = self.country.folder / body.folder
        return KeyFiles(
            key=folder / f"{body.folder}.key.pem",
            certificate=folder / f"{body.folder}.cert.pem",
            trusted=self.country.folder / "ca" / "ca.cert.pem",
        )

    async def submit(self, document: Paper, by: RegistryClient | None = None) -> str:
        taken = await (by or self.sender).submit(document.words, document.files, key=document.key)
        return str(taken["id"])

    async def reaches(
        self, identity: str, *states: str, by: RegistryClient | None = None
    ) -> dict[str, Any]:
        """Wait until a document of ours stands in one of the states; return how it stands."""
        registry = by or self.sender

        async def look() -> dict[str, Any] | None:
            found = await registry.show(identity)
            return found if found["state"] in states else None

        return await until(look, PATIENCE) or await registry.show(identity)

    async def sent(self, document: Paper) -> dict[str, Any]:
        """Submit, and wait until some network took it."""
        return await self.reaches(await self.submit(document), *HANDED_OVER)

    async def at_recipient(self, guid: Guid) -> list[dict[str, Any]]:
        """What the recipient's gateway holds under this GUID, in whatever state."""
        query = "&".join(f"state={state}" for state in STATES)
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            page = await self.recipient._json("GET", f"/inbox?limit=200&{query}&after={after}")
            found += [m for m in page["items"] if _guid(m) == guid]
            after = page["next"]
            if not after:
                return found

    async def arrived(self, guid: Guid) -> dict[str, Any]:
        """Wait for the one message at the recipient."""

        async def look() -> list[dict[str, Any]]:
            return await self.at_recipient(guid)

        [found] = await until(look, PATIENCE)
        return await self.recipient.message(found["id"])

    async def contents(self, message: Mapping[str, Any]) -> set[str]:
        """Digests of the files as the recipient's registry gets them."""
        indices = [one["index"] for one in message["attachments"]]
        got = [await self.recipient.attachment(message["id"], n) for n in indices]
        return {hashlib.sha256(content).hexdigest() for content in got}

    async def register(self, guid: Guid, number: str) -> dict[str, Any]:
        message = await self.arrived(guid)
        await self.recipient.register(message["id"], number, CLOCK.now().date())
        return message

    async def facts(
        self, identity: str, kind: str, by: RegistryClient | None = None
    ) -> list[dict[str, Any]]:
        """Facts of the evidence rows of one kind, in order."""
        rows = await (by or self.sender).events(identity)
        return [row["body"]["facts"] for row in rows if row["body"]["kind"] == kind]

    async def blob(self, body: Body, digest: str) -> bytes:
        """Bytes that a gateway keeps, from its own disk."""
        folder = self.country.gateways[body.folder].plan.folder / "store"

        def read() -> bytes:
            found = [p for p in folder.rglob(f"*{digest[8:]}*") if p.is_file()]
            return next(
                content
                for content in (path.read_bytes() for path in found)
                if hashlib.sha256(content).hexdigest() == digest
            )

        return await asyncio.to_thread(read)

    async def mended(self) -> None:
        """Mend every wire, and wait until SEOS would be taken again."""
        for network in NETWORKS:
            await self.country.wires.mend(network)
        ask = {"recipient": {"identifier": OBRAZETS.party.identifier}, "files": []}

        async def look() -> bool:
            route = await self.sender.explain(ask)
            return any(line["taken"] and line["network"] == SEOS for line in route["lines"])

        await until(look, PATIENCE)


def _guid(message: Mapping[str, Any]) -> str:
    envelope = message["envelope"]
    return str(envelope["document"]["guid"]) if envelope else ""


def tries(shown: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    """Network and outcome of every try, in order."""
    return [(one["network"], one["outcome"]) for one in shown["attempts"]]


@asynccontextmanager
async def post(folder: Path) -> AsyncIterator[Post]:
    """Start everything; stop it at the end."""
    async with AsyncExitStack() as stack:
        land = await stack.enter_async_context(Roads(folder))
        clients = [
            await stack.enter_async_context(
                RegistryClient(land.gateways[body.folder].registry_api, land.tokens[body.folder])
            )
            for body in (PRIMER, OBRAZETS)
        ]
        yield Post(
            country=land,
            sender=clients[0],
            recipient=clients[1],
            operators=Operators(land, CLOCK),
            letters=Letterbox(land, CLOCK),
        )
