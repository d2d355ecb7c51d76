"""The main job, step by step through real sockets: every step says what it saw on the wire.

Nothing is hard-coded but what is sent: numbers, statuses, sentences and digests are read from
answers and compared. It must never reach into the product.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from depesha.ports import Clock
from depesha.schemas.envelope import RegistrationNumber
from depesha.simulators import papers
from depesha.simulators.bodies import IZVOR, OBRAZETS
from depesha.simulators.country import Country
from depesha.simulators.demo_proof import Proof
from depesha.simulators.demo_report import Action, Told, expect
from depesha.simulators.demo_witness import PATIENCE, Witness
from depesha.simulators.seos_books import Exchange
from depesha.simulators.seos_documents import (
    REGISTERED,
    REJECTED,
    WAITING,
    DocumentId,
    Enclosure,
    RegistrationRequest,
)
from depesha.simulators.seos_participant import SeosParticipant
from depesha.simulators.traffic import Dice

ATTACHMENT_LIMIT: Final = 2 * 1024 * 1024
"""Small, so that the oversized file of the demo is quickly made and sent."""
SETTINGS: Final[dict[str, dict[str, object]]] = {"limits": {"attachment_bytes": ATTACHMENT_LIMIT}}
_PICTURE: Final = 40_960


class Story:
    """One document's way from a peer to an administration and back, and five that do not go it."""

    def __init__(self, country: Country, *, clock: Clock, dice: Dice) -> None:
        self._country = country
        self._clock = clock
        self._dice = dice
        self._peer: SeosParticipant = country.peers[IZVOR.folder]
        self._witness = Witness(country, OBRAZETS, clock)
        self._registry = self._witness.registry
        self._gateway = self._witness.gateway
        self._request = self._letter(
            "Искане за данни",
            Enclosure(
                name="искане.pdf",
                content=papers.pdf("Request for data", dice.bytes(_PICTURE)),
                media_type=papers.PDF,
                comment="основен документ",
            ),
            Enclosure(
                name="опис.docx",
                content=papers.docx("Опис на исканите данни", "Измислен документ."),
                media_type=papers.DOCX,
            ),
        )
        self._proof = Proof(self._witness, country.folder)
        self._wire = b""
        self._before: dict[str, int] = {}
        self._refused: list[RegistrationRequest] = []
        self._message_id = ""
        self._number: RegistrationNumber | None = None

    def steps(self) -> tuple[tuple[str, Action], ...]:
        """The steps in order."""
        a, b = IZVOR.party.name, OBRAZETS.party.name
        return (
            (f"{a} sends a signed document with two attachments to {b}", self.send),
            (f"the gateway of {b} has looked at it", self.look),
            (f"the registry of {b} takes both attachments", self.take),
            (f"the registry of {b} registers it", self.register),
            (f"{a} holds the number", self.hold),
            ("the same document again, in a new message", self.repeat),
            ("the very same bytes again", self.resend),
            ("a document with a virus", self.infected),
            ("an attachment over the limit", self.oversized),
            ("a signature that does not hold", self.broken),
            ("a sender nobody knows", self.stranger),
            ("the refused ones did not reach the registry", self.balance),
            ("the evidence pack verifies offline", self._prove),
            ("a pack with one changed digit does not", self._proof.forged_fails),
        )

    async def close(self) -> None:
        """Let go of the registry's connection."""
        await self._registry.close_session()

    # --- the good document ----------------------------------------------------------------

    async def send(self) -> Told:
        """Send it over TLS and read the synchronous answer."""
        self._before = await self._witness.counts()
        exchange = await self._submit(self._peer, self._request)
        body = self._witness.status(exchange, self._request.document.guid, WAITING)
        algorithm = exchange.judgement.algorithm if exchange.judgement else ""
        self._wire = exchange.sent.encode()
        size = len(self._wire)
        return Told(
            sentence=f"{size:,} bytes over TLS; answer {body.status}, its signature "
            f"({algorithm}) and certificate hold",
            facts={"status": body.status, "bytes": size, "document": self._request.document.guid},
        )

    async def look(self) -> Told:
        """Find it in the inbox; every check passed."""
        found = await self._witness.waiting({self._request.document.guid}, PATIENCE)
        expect(len(found) == 1, f"{len(found)} messages in the inbox are this document")
        message = found[0]
        self._message_id = message["id"]
        checks: list[dict[str, Any]] = message["checks"]
        expect(bool(checks), "the message names no checks")
        failed = [c["check"] for c in checks if c["verdict"] != "passed"]
        expect(not failed, f"not passed: {', '.join(failed)}")
        original = await self._registry.original(self._message_id)
        expect(original == self._wire, "the original kept is not what was sent")
        lines = tuple(
            f"{c['check']:<18} {c['verdict']:<7} {c['seconds'] * 1000:7.2f} ms{_cautions(c)}"
            for c in checks
        )
        names = ("check", "verdict", "seconds")
        total = sum(c["seconds"] for c in checks) * 1000
        return Told(
            sentence=f"{message['state']}; {len(checks)} checks passed in {total:.1f} ms; "
            "the original is kept byte for byte",
            lines=lines,
            facts={
                "state": message["state"],
                "checks": [{k: c[k] for k in names} for c in checks],
            },
        )

    async def take(self) -> Told:
        """Fetch both attachments and compare them with what was sent."""
        sizes = []
        for index, sent in enumerate(self._request.enclosures, 1):
            got = await self._registry.attachment(self._message_id, index)
            expect(got == sent.content, f"attachment {index} came as other bytes")
            sizes.append(f"{sent.name} {len(got):,} bytes")
        return Told(sentence="byte-identical: " + ", ".join(sizes), facts={"attachments": sizes})

    async def register(self) -> Told:
        """Give a number through the REST API, twice."""
        given = f"ВХ-{100 + self._dice.below(900)}"
        number = RegistrationNumber(number=given, date=self._clock.now().date())
        for _ in range(2):
            message = await self._registry.register(self._message_id, number.number, number.date)
            stands = message["number"]
            expect(
                stands == {"number": number.number, "date": number.date.isoformat()},
                f"the gateway holds the number {stands}",
            )
        self._number = number
        return Told(
            sentence=f"number {given} of {number.date}; asked twice, it stands once",
            facts={"number": given, "date": number.date.isoformat()},
        )

    async def hold(self) -> Told:
        """Wait for the notice at the peer, and for the gateway to know that it was taken."""
        document = self._request.document.guid
        seen = await self._peer.wait_for_status(document, REGISTERED, PATIENCE)
        expect(seen.number == self._number, f"the notice says {seen.number}")
        expect(seen.pushed, "the status came by an answer, not by a notice")
        expect(seen.judgement.valid, "the signature of the notice does not hold")
        expect(seen.judgement.serial == self._witness.serial, "signed with another certificate")
        state = await self._witness.state(self._message_id, "ACKNOWLEDGED")
        number = seen.number.number if seen.number else ""
        return Told(
            sentence=f"{seen.status} {number} of {seen.number and seen.number.date}, pushed by "
            f"the gateway, signature and certificate hold; state {state}",
            facts={"status": seen.status, "number": number, "state": state},
        )

    # --- repeats --------------------------------------------------------------------------

    async def repeat(self) -> Told:
        """Send the document again under a new MessageGUID."""
        before = sum((await self._witness.counts()).values())
        exchange = await self._submit(self._peer, self._request)
        return await self._repeated(exchange, before)

    async def resend(self) -> Told:
        """Send the same signed bytes again, as a peer does whose answer was lost."""
        before = sum((await self._witness.counts()).values())
        exchange = await self._peer.post(self._gateway.seos_url, self._wire.decode())
        return await self._repeated(exchange, before)

    async def _repeated(self, exchange: Exchange, before: int) -> Told:
        body = self._witness.status(exchange, self._request.document.guid, REGISTERED)
        expect(body.document.number == self._number, f"it says {body.document.number}")
        after = sum((await self._witness.counts()).values())
        expect(after == before, f"{before} messages before, {after} after")
        number = body.document.number.number if body.document.number else ""
        return Told(
            sentence=f"same answer, same number: {body.status} {number}; "
            f"still {after} message{'s' if after != 1 else ''} stored",
            facts={"status": body.status, "number": number, "stored": after},
        )

    # --- refused --------------------------------------------------------------------------

    async def infected(self) -> Told:
        """Attach the test file of the antivirus industry."""
        bad = Enclosure(name="фактура.txt", content=papers.EICAR, media_type=papers.TEXT)
        return await self._rejected(self._bad_letter("Фактура", bad))

    async def oversized(self) -> Told:
        """Attach one byte more than allowed."""
        head = papers.pdf("Too large")
        content = head + bytes(ATTACHMENT_LIMIT + 1 - len(head))
        large = Enclosure(name="голям.pdf", content=content, media_type=papers.PDF)
        return await self._rejected(self._bad_letter("Голям файл", large))

    async def _rejected(self, request: RegistrationRequest) -> Told:
        exchange = await self._submit(self._peer, request)
        body = self._witness.status(exchange, request.document.guid, REJECTED)
        expect(bool(body.reason), "a rejection without a reason")
        return Told(
            sentence=f"{body.status}: „{body.reason}“",
            facts={"status": body.status, "reason": body.reason},
        )

    async def broken(self) -> Told:
        """Change a word after signing."""
        hand = replace(self._peer.quirks.hand, broken=True)
        request = self._bad_letter("Променено след подписване")
        exchange = await self._peer.submit(
            OBRAZETS.party,
            self._gateway.seos_url,
            request,
            hand=hand,
        )
        return self._failed(exchange, "Електронният подпис")

    async def stranger(self) -> Told:
        """Send from a body that has a certificate and no place in the register."""
        unknown = self._country.peers["stranger"]
        exchange = await self._submit(unknown, self._bad_letter("Непознат подател"))
        return self._failed(exchange, "активен участник")

    def _failed(self, exchange: Exchange, fragment: str) -> Told:
        body = self._witness.failure(exchange, fragment)
        said = body.description.strip()
        return Told(
            sentence=f"MSG_Error {body.kind}: „{said}“", facts={"error": body.kind, "reason": said}
        )

    async def balance(self) -> Told:
        """Of all that came, one document is registered; the refused ones wait for nobody."""
        refused = {one.document.guid for one in self._refused}
        waiting = await self._witness.waiting(refused)
        expect(not waiting, f"{len(waiting)} refused documents wait for the registry")
        now = await self._witness.counts()
        came = {s: n - self._before.get(s, 0) for s, n in now.items() if n > self._before.get(s, 0)}
        expect(came == {"ACKNOWLEDGED": 1, "REJECTED": len(refused)}, f"what came stands as {came}")
        return Told(
            sentence=f"none of the {len(refused)} waits for the registry; "
            f"{came['REJECTED']} kept as refused, {came['ACKNOWLEDGED']} registered",
            facts={"states": came},
        )

    async def _prove(self) -> Told:
        return await self._proof.holds(self._message_id, self._wire)

    # --- helpers --------------------------------------------------------------------------

    def _letter(self, subject: str, *enclosures: Enclosure) -> RegistrationRequest:
        number = RegistrationNumber(
            number=f"РД-{10 + self._dice.below(90)}-{1 + self._dice.below(999)}",
            date=self._clock.now().date(),
        )
        return RegistrationRequest(
            document=DocumentId(guid=self._dice.guid(), number=number),
            subject=subject,
            enclosures=enclosures,
        )

    def _bad_letter(self, subject: str, *enclosures: Enclosure) -> RegistrationRequest:
        self._refused.append(self._letter(subject, *enclosures))
        return self._refused[-1]

    async def _submit(self, peer: SeosParticipant, request: RegistrationRequest) -> Exchange:
        return await peer.submit(OBRAZETS.party, self._gateway.seos_url, request)


def _cautions(check: dict[str, Any]) -> str:
    words = "; ".join(f"{f['reason']}: {f['sentence']}" for f in check["findings"])
    return f"   note: {words}" if words else ""
