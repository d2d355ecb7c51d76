"""The third main job: a data message and its answer between two Czech data boxes (S20).

Every step looks at ISDS itself (its state, the very papers it sealed) and at what both offices
hold, never only at what the sender believes.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from depesha.ports import Clock
from depesha.simulators import papers
from depesha.simulators.bodies import ISDS, PRIKLAD, VZOROV
from depesha.simulators.country import Country
from depesha.simulators.demo_desk import BIG_PATIENCE, Desk
from depesha.simulators.demo_mail import openssl
from depesha.simulators.demo_owners import owners_in, owners_out
from depesha.simulators.demo_paper import way
from depesha.simulators.demo_report import Action, Told, expect
from depesha.simulators.gateway_process import command
from depesha.simulators.isds_values import Message
from depesha.simulators.traffic import Dice

BIG: Final = 60_000_000
"""Bytes of the file of the big message; over 20 MB another service takes it."""
_MEGABYTE: Final = 1_000_000


class BoxStory:
    """A question, its answer under the same reference number, and a message of 60 MB."""

    def __init__(self, country: Country, *, clock: Clock, dice: Dice) -> None:
        self._country = country
        self._clock = clock
        self._dice = dice
        self._asking = Desk(country, VZOROV, clock=clock, dice=dice)
        self._answering = Desk(country, PRIKLAD, clock=clock, dice=dice)
        self._question = self._asking.paper(
            PRIKLAD, "Žádost o součinnost", self._asking.number("OV")
        )
        self._sent: Message
        self._arrived: dict[str, Any] = {}
        self._zfo = country.folder / "received.zfo"
        self._reference = ""

    def steps(self) -> tuple[tuple[str, Action], ...]:
        """The steps in order."""
        a, b = VZOROV.party.name, PRIKLAD.party.name
        return (
            (f"the registry of {a} submits a document to the data box of {b}", self.submit),
            (f"it is delivered, and the gateway of {b} keeps the ZFO", self.receive),
            ("openssl and `depesha zfo verify` accept the very ZFO", self.verify),
            (f"the registry of {b} registers it", self.register),
            (f"{b} answers, signed, under the same reference number", self.answer),
            ("the signed delivery information is kept on both sides", self.proofs),
            ("at every moment it had one owner", self.owners),
            ("a message of 60 MB goes as a big one (VoDZ)", self.big),
        )

    async def close(self) -> None:
        """Let go of the registries' connections."""
        await self._asking.registry.close_session()
        await self._answering.registry.close_session()

    # --- the question -------------------------------------------------------------------------

    async def submit(self) -> Told:
        """Submit, and find the message in ISDS's own state under the number that we were told."""
        await self._asking.submit(self._question)
        shown = await self._asking.delivered(self._question)
        self._sent = self._asking.message(shown)
        await asyncio.to_thread(self._asking.same_files, self._sent, self._question)
        reference = self._sent.draft.texts["dmSenderRefNumber"]
        expect(self._question.number in reference, f"dmSenderRefNumber is {reference}")
        dm_id = self._sent.message_id
        return Told(
            sentence=f"{way(shown)}; data message {dm_id}, its files byte-identical in ISDS; "
            f"dmSenderRefNumber {reference}",
            facts={"network": ISDS, "dm_id": dm_id, "reference": reference},
        )

    async def receive(self) -> Told:
        """Find it in the inbox: original, identifier and times are fixed."""
        found = self._arrived = await self._answering.inbox(self._question)
        await self._answering.same_content(found, self._question)
        zfo = await self._answering.registry.original(found["id"])
        digest = hashlib.sha256(zfo).hexdigest()
        expect(digest in self._asking.sealed, "the original kept is not what ISDS sealed")
        expect(digest == found["original_sha256"], "the message names another original")
        await asyncio.to_thread(self._zfo.write_bytes, zfo)
        filing = found["filing"]
        expect(filing["pid"] == found["id"], f"its PID is {filing['pid']}")
        expect(filing["delivered_by"] == "network", "the time of delivery is not that of ISDS")
        delivered = datetime.fromisoformat(filing["delivered_at"])
        there = self._sent.delivered_at
        expect(there is not None and _apart(delivered, there) < 1, f"{delivered}, not {there}")
        return Told(
            sentence=f"{len(zfo):,} bytes, kept bit by bit as ISDS sealed them; PID {found['id']}, "
            f"delivered at {delivered.isoformat(timespec='milliseconds')} by the clock of ISDS",
            lines=tuple(f"{name:<18} {value}" for name, value in filing.items() if value),
            facts={"pid": found["id"], "delivered_at": filing["delivered_at"], "zfo": digest},
        )

    async def verify(self) -> Told:
        """Let two programs judge the file, each with the authority's certificate only."""
        seals, content = self._country.isds.seals, self._zfo.with_suffix(".xml")
        said = await openssl(
            *("cms", "-verify", "-inform", "DER", "-in", str(self._zfo)),
            *("-out", str(content), "-CAfile", str(seals), "-purpose", "any"),
        )
        inside = await asyncio.to_thread(content.read_bytes)
        expect(self._sent.message_id.encode() in inside, "openssl found another message inside")
        file = str(self._zfo)
        ours = json.loads(await command("zfo", "verify", file, "--trusted", str(seals), "--json"))
        expect(ours["genuine"] and ours["trusted"], f"zfo verify says {ours}")
        expect(ours["message"] == self._sent.message_id, f"zfo verify names {ours['message']}")
        return Told(
            sentence=f"openssl cms -verify: {said}; zfo verify: genuine, {ours['algorithm']}, "
            f"sealed at {ours['sealed_at']}",
            facts={"openssl": said, "algorithm": ours["algorithm"]},
        )

    async def register(self) -> Told:
        """Give a number; it comes back as a data message, under both reference numbers."""
        self._reference = self._answering.number("UP")
        day = self._clock.now().date()
        before = self._arrived["filing"]
        registry = self._answering.registry
        registered = await registry.register(self._arrived["id"], self._reference, day)
        filing = registered["filing"]
        expect(filing["serial"]["number"] == self._reference, f"the serial is {filing['serial']}")
        for fixed in ("pid", "delivered_at", "sender_reference"):
            expect(filing[fixed] == before[fixed], f"{fixed} changed to {filing[fixed]}")
        shown = await self._asking.numbered(self._question)
        expect(
            shown["number"] == {"number": self._reference, "date": day.isoformat()},
            f"the number that came back is {shown['number']}",
        )
        reply = self._answering.sent()[-1].draft.texts
        self._refers(reply)
        return Told(
            sentence=f"{self._reference} came back by itself, in a data message with "
            f"dmRecipientRefNumber {reply['dmRecipientRefNumber']}",
            facts={"their_number": self._reference},
        )

    # --- the answer ---------------------------------------------------------------------------

    async def answer(self) -> Told:
        """Send the answer under the number that the question was registered by."""
        paper = self._answering.paper(VZOROV, "Odpověď na žádost", self._reference)
        name, kind, content = paper.files[0]
        identity = self._country.authority.issue(
            "Referent Příklad", eik=PRIKLAD.party.identifier, at=self._clock.now()
        )
        signature = await asyncio.to_thread(papers.detached, content, identity)
        paper.files = ((name, kind, content), (f"{name}.p7s", papers.DETACHED, signature))
        parent = {"guid": self._question.guid, "number": self._question.number}
        more = {"parent": {**parent, "date": self._clock.now().date().isoformat()}}
        await self._answering.submit(paper, more)
        sent = self._asking.message(await self._answering.delivered(paper))
        texts = sent.draft.texts
        self._refers(texts)
        expect(self._reference in texts["dmSenderRefNumber"], f"it says {texts}")
        metas = [file.meta for file in sent.files]
        expect(metas == ["main", "signature"], f"its parts are {metas}")
        got = await self._asking.inbox(paper)
        await self._asking.same_content(got, paper)
        expect(got["filing"]["sender_reference"] == self._reference, f"it says {got['filing']}")
        expect(got["envelope"]["parent"]["guid"] == self._question.guid, "it answers another one")
        expect(
            got["original_sha256"] in self._asking.sealed, "the original is not what ISDS sealed"
        )
        given = self._asking.number("OV")
        await self._asking.registry.register(got["id"], given, self._clock.now().date())
        number = (await self._answering.numbered(paper))["number"]["number"]
        expect(number == given, f"the number that came back is {number}")
        return Told(
            sentence=f"data message {sent.message_id}: dmSenderRefNumber "
            f"{texts['dmSenderRefNumber']}, dmRecipientRefNumber {texts['dmRecipientRefNumber']}; "
            f"registered there as {given}",
            facts={"dm_id": sent.message_id, "their_number": given},
        )

    def _refers(self, texts: Mapping[str, str]) -> None:
        wanted = self._sent.draft.texts["dmSenderRefNumber"]
        told = texts.get("dmRecipientRefNumber")
        expect(told == wanted, f"dmRecipientRefNumber is {told}")

    # --- what is kept -------------------------------------------------------------------------

    async def proofs(self) -> Told:
        """Find the sealed papers' digests in both chains; one chain verifies offline."""
        told = {}
        for desk, message, word, least in (
            (self._asking, self._question.id, ("outcome", "delivered"), 2),
            (self._answering, self._arrived["id"], ("word", "delivery-information"), 1),
        ):
            rows = await desk.registry.events(message)
            facts = [row["body"]["facts"] for row in rows]
            papers_there = {one.get("original") for one in facts if word in one.items()}
            kept = papers_there & self._asking.sealed
            expect(len(kept) >= least, f"{len(kept)} papers of ISDS at {desk.party.name}")
            told[desk.party.name] = len(kept)
        pack = self._country.folder / "evidence.isds.json"
        content = await self._answering.registry.evidence(self._arrived["id"])
        await asyncio.to_thread(pack.write_bytes, content)
        key = str(self._answering.witness.gateway.seal_key)
        report = json.loads(await command("evidence", "verify", str(pack), "--key", key, "--json"))
        expect(report["trusted"] is True, "the seals are not of the expected key")
        kinds = [row["kind"] for row in report["rows"]]
        expect("WORD_RECEIVED" in kinds, f"no such row among {', '.join(kinds)}")
        papers_kept = ", ".join(f"{name} {count}" for name, count in told.items())
        return Told(
            sentence=f"sealed papers of ISDS beside the message: {papers_kept}; "
            f"{len(kinds)} rows verify offline",
            facts={"papers": told},
        )

    async def owners(self) -> Told:
        """Read from both journeys who had to act, from submission to the number's return."""
        out = owners_out(await self._asking.registry.events(self._question.id))
        into = owners_in(await self._answering.registry.events(self._arrived["id"]))
        return Told(
            sentence=f"{VZOROV.party.name}: {' → '.join(out)}; "
            f"{PRIKLAD.party.name}: {' → '.join(into)}",
            facts={"owners": {VZOROV.party.name: out, PRIKLAD.party.name: into}},
        )

    async def big(self) -> Told:
        """Send a file that the ordinary service does not take."""
        begun = self._clock.monotonic()
        picture = self._dice.bytes(_MEGABYTE) * (BIG // _MEGABYTE)
        content = await asyncio.to_thread(papers.pdf, "Plan of the village", picture)
        paper = self._asking.paper(PRIKLAD, "Územní plán", self._asking.number("OV"))
        paper.files = (("plán.pdf", papers.PDF, content),)
        await self._asking.submit(paper)
        shown = await self._asking.delivered(paper, BIG_PATIENCE)
        sent = self._asking.message(shown)
        expect(sent.big, "it went as an ordinary message")
        got = await self._answering.inbox(paper, BIG_PATIENCE)
        await self._answering.same_content(got, paper)
        expect(
            got["original_sha256"] in self._asking.sealed, "the original is not what ISDS sealed"
        )
        took = self._clock.monotonic() - begun
        return Told(
            sentence=f"{way(shown)}; data message {sent.message_id}, {len(content):,} bytes there "
            f"byte for byte after {took:.1f} s; its ZFO has {got['original_size']:,} bytes",
            facts={"dm_id": sent.message_id, "bytes": len(content)},
        )


def _apart(one: datetime, other: datetime) -> float:
    """Return milliseconds between two moments."""
    return abs((one - other).total_seconds()) * 1000
