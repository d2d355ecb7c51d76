"""Two Czech offices with data boxes and mail, for acceptance tests. Nothing here asserts.

Both run the product as processes of their own, without SEOS; every way to ISDS leads through a
wire that may be cut.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from depesha.schemas.ids import Guid
from depesha.simulators import papers
from depesha.simulators.bodies import EMAIL, ISDS, OFFICES, PRIKLAD, VZOROV, Body
from depesha.simulators.country import Country
from depesha.simulators.demo_paper import BRISK
from depesha.simulators.isds_values import Message
from depesha.simulators.registry import RegistryClient
from tests.support.acceptance import until
from tests.support.country import CLOCK, IDS

PATIENCE: Final = 40.0
File = tuple[str, str, bytes]


@dataclass(slots=True, kw_only=True)
class Letter:
    """A document to be sent, as its registry describes it."""

    words: dict[str, Any]
    files: tuple[File, ...] = field(repr=False)

    @property
    def guid(self) -> Guid:
        return Guid(self.words["document"]["guid"])

    @property
    def digests(self) -> list[str]:
        return [hashlib.sha256(content).hexdigest() for _, _, content in self.files]


def letter(recipient: Body, number: str, *files: File, **more: Any) -> Letter:
    """A document under a new GUID; `more` replaces words."""
    guid = IDS.guid()
    own = (("dopis.pdf", papers.PDF, papers.pdf(guid, guid.encode() * 256)),)
    words: dict[str, Any] = {
        "recipient": {"identifier": recipient.party.identifier},
        "document": {"guid": guid, "number": number, "date": today()},
        "kind": "Dopis",
        "subject": "Žádost o součinnost",
        "scan_instead": "Podepsáno na papíře, odesílá se kopie.",
    }
    return Letter(words=words | more, files=files or own)


def today() -> str:
    return CLOCK.now().date().isoformat()


@dataclass(slots=True, kw_only=True)
class Boxes:
    """Everything a test may touch; `mended` puts every wire right again."""

    country: Country
    vzorov: RegistryClient
    priklad: RegistryClient

    async def submit(self, document: Letter, by: RegistryClient) -> str:
        key = document.guid
        taken = await by.submit(document.words, document.files, key=key, seconds=PATIENCE)
        return str(taken["id"])

    async def reaches(self, identity: str, by: RegistryClient, *states: str) -> dict[str, Any]:
        """Wait until a document stands in one of the states; return how it stands."""

        async def look() -> dict[str, Any] | None:
            found = await by.show(identity)
            return found if found["state"] in states else None

        return await until(look, PATIENCE) or await by.show(identity)

    async def arrived(self, guid: Guid, at: RegistryClient) -> dict[str, Any]:
        """Wait for the one message that waits for its number."""

        async def look() -> list[dict[str, Any]]:
            return [one for one in await at.waiting() if _guid(one) == guid]

        [found] = await until(look, PATIENCE)
        return await at.message(found["id"])

    async def contents(self, message: Mapping[str, Any], at: RegistryClient) -> list[str]:
        """Digests of the files as the registry gets them."""
        got = [await at.attachment(message["id"], n["index"]) for n in message["attachments"]]
        return [hashlib.sha256(content).hexdigest() for content in got]

    async def facts(self, identity: str, kind: str, by: RegistryClient) -> list[dict[str, Any]]:
        """Facts of the evidence rows of one kind, in order."""
        rows = await by.events(identity)
        return [row["body"]["facts"] for row in rows if row["body"]["kind"] == kind]

    async def blob(self, body: Body, digest: str) -> Path:
        """Where a gateway keeps these bytes."""
        folder = self.country.gateways[body.folder].plan.folder / "store"

        def find() -> Path:
            return next(
                path
                for path in folder.rglob(f"*{digest[8:]}*")
                if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest
            )

        return await asyncio.to_thread(find)

    def message(self, shown: Mapping[str, Any]) -> Message:
        """What ISDS itself has under the number of the latest try."""
        return self.country.isds.simulator.state.messages[shown["attempts"][-1]["reference"]]

    def sent(self, body: Body, document: Letter) -> list[Message]:
        """Every message in ISDS's own state that carries a document."""
        isds = self.country.isds
        mark = "DPS-" + document.guid.replace("-", "")
        every = isds.simulator.state.sent(isds.box(body))
        return [m for m in every if mark in m.draft.texts.get("dmSenderRefNumber", "")]

    @property
    def sealed(self) -> set[str]:
        """SHA-256 of every genuine paper that ISDS gave out."""
        return self.country.isds.simulator.state.sealed

    async def mended(self) -> None:
        """Mend every wire, and wait until ISDS would be taken again."""
        for network in (ISDS, EMAIL):
            await self.country.wires.mend(network)
        ask = {"recipient": {"identifier": PRIKLAD.party.identifier}, "files": []}

        async def look() -> bool:
            route = await self.vzorov.explain(ask)
            return any(line["taken"] and line["network"] == ISDS for line in route["lines"])

        await until(look, PATIENCE)


def _guid(message: Mapping[str, Any]) -> str:
    envelope = message["envelope"]
    return str(envelope["document"]["guid"]) if envelope else ""


@asynccontextmanager
async def boxes(folder: Path) -> AsyncIterator[Boxes]:
    """Start both offices; stop them at the end."""
    async with AsyncExitStack() as stack:
        land = await stack.enter_async_context(
            Country(
                folder,
                clock=CLOCK,
                ids=IDS,
                gateways=OFFICES,
                acting=(),
                bare=(),
                networks=(ISDS, EMAIL),
                settings=BRISK,
            )
        )
        clients = [
            await stack.enter_async_context(
                RegistryClient(
                    land.gateways[body.folder].registry_api,
                    land.tokens[body.folder],
                    language="cs",
                )
            )
            for body in (VZOROV, PRIKLAD)
        ]
        yield Boxes(country=land, vzorov=clients[0], priklad=clients[1])
