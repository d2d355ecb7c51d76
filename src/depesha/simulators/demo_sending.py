"""The second main job: the registry's documents leave by SEOS, else SSEV, else signed mail.

Every step looks at the network itself (its wire, its state, the very mail) and at what the
recipient holds, never only at what the sender believes.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from depesha.ports import Clock
from depesha.schemas.outbound import SignalKind
from depesha.simulators import papers
from depesha.simulators.bodies import DOLINA, EMAIL, OBRAZETS, POLYANA, PRIMER, SEOS, SSEV, Body
from depesha.simulators.country import Country
from depesha.simulators.demo_mail import Letterbox, Operators
from depesha.simulators.demo_paper import Paper, described, step, way
from depesha.simulators.demo_report import Action, DemoFailedError, Told, expect
from depesha.simulators.demo_witness import PATIENCE, Witness, document_of
from depesha.simulators.ssev_values import Copy, Message
from depesha.simulators.traffic import Dice

FALLBACK: Final = SignalKind.FALLBACK
_PICTURE: Final = 40_960
_STEP: Final = 0.1
_HANDED_OVER: Final = ("ACCEPTED", "DELIVERED", "REGISTERED")


class SendingStory:
    """Five documents of one administration, and the troubles they meet."""

    def __init__(self, country: Country, *, clock: Clock, dice: Dice) -> None:
        self._country = country
        self._clock = clock
        self._dice = dice
        self._sender = Witness(country, PRIMER, clock)
        self._recipient = Witness(country, OBRAZETS, clock)
        self._operators = Operators(country, clock)
        self._letters = Letterbox(country, clock)
        self._given = 1_000 + dice.below(8_000)
        """The recipient's last number; a registry never gives one twice."""
        self._mended_at = 0

    def steps(self) -> tuple[tuple[str, Action], ...]:
        """The steps in order."""
        a, b = PRIMER.party.name, OBRAZETS.party.name
        return (
            (f"the registry of {a} submits a document to {b}: it goes by SEOS", self.by_seos),
            ("SEOS is cut", self.cut),
            ("the next document goes by SSEV and is opened there", self.by_ssev),
            (f"{DOLINA.party.name} is not in SSEV: signed mail", self.by_mail),
            (f"{POLYANA.party.name} has nothing but mail", self.by_mail_alone),
            ("SEOS lives again, and A finds out by itself", self.mend),
            ("the following document goes by SEOS again", self.again),
        )

    async def close(self) -> None:
        """Let go of the registries' connections."""
        await self._sender.registry.close_session()
        await self._recipient.registry.close_session()

    # --- steps ----------------------------------------------------------------------------

    async def by_seos(self) -> Told:
        """Submit, watch the wire, register at the recipient, wait for the number."""
        return await self._over_seos(self._paper(OBRAZETS, "Искане за становище"))

    async def cut(self) -> Told:
        """Cut every way to every participant; a plain connection is refused."""
        await self._country.wires.cut(SEOS)
        wire = self._country.wires[f"{SEOS}.{OBRAZETS.folder}"]
        try:
            _, writer = await asyncio.open_connection(wire.host, wire.port)
        except ConnectionRefusedError:
            ways = len(self._country.wires.of(SEOS))
            return Told(sentence=f"{ways} ways cut; a connection to {wire.port} is refused")
        writer.close()
        raise DemoFailedError("the cut wire takes connections")

    async def by_ssev(self) -> Told:
        """Submit while SEOS is down: SSEV holds it, opened by the recipient's own software."""
        since = self._operators.mark(SEOS)
        paper = self._paper(OBRAZETS, "Покана за съвещание")
        await self._submit(paper)
        sent = await self._handed_over(paper, SSEV)
        message, copy = await self._opened(paper)
        signal = await self._operators.signalled(SEOS, since, FALLBACK, about=paper.id)
        number = await self._answered(paper)
        opened = copy.opened_at.isoformat(timespec="seconds") if copy.opened_at else ""
        return Told(
            sentence=f"{way(sent)}; SSEV message {message.message_id} opened at {opened} by the "
            f"gateway of {OBRAZETS.party.name}; its number {number} came back",
            lines=(f"operator of SEOS: „{signal}“",),
            facts={
                "network": SSEV,
                "ssev_message": message.message_id,
                "their_number": number,
                "signal": signal,
            },
        )

    async def by_mail(self) -> Told:
        """Submit to a body that SEOS does not reach and SSEV does not know."""
        since = self._operators.mark(SEOS)
        paper = self._paper(DOLINA, "Уведомление")
        told = await self._mailed(paper)
        signal = await self._operators.signalled(SEOS, since, FALLBACK, about=paper.id)
        return Told(
            sentence=told.sentence,
            lines=(*told.lines, f"operator of SEOS: „{signal}“"),
            facts={**told.facts, "signal": signal},
        )

    async def by_mail_alone(self) -> Told:
        """Submit to a body that is in no network at all."""
        return await self._mailed(self._paper(POLYANA, "Покана за обучение"))

    async def mend(self) -> Told:
        """Mend the ways, and wait until the sender would take SEOS again."""
        self._mended_at = self._operators.mark(SEOS)
        await self._country.wires.mend(SEOS)
        paper = self._paper(OBRAZETS, "Въпрос")
        until = self._clock.monotonic() + PATIENCE
        while True:
            route = await self._sender.registry.explain(described(paper))
            line = next(one for one in route["lines"] if one["network"] == SEOS)
            if line["taken"]:
                return Told(
                    sentence=f"the dry run says: {route['step']}",
                    lines=tuple(f"{one['network']:<6} {one['verdict']}" for one in route["lines"]),
                )
            expect(self._clock.monotonic() < until, f"SEOS is not taken: {line['reasons']}")
            await self._clock.sleep(_STEP)

    async def again(self) -> Told:
        """The next document takes SEOS; the operator hears that the channel is back."""
        told = await self._over_seos(self._paper(OBRAZETS, "Допълнение"))
        signal = await self._operators.signalled(SEOS, self._mended_at, SignalKind.CHANNEL_BACK)
        return Told(
            sentence=told.sentence,
            lines=(*told.lines, f"operator of SEOS: „{signal}“"),
            facts={**told.facts, "signal": signal},
        )

    # --- what steps share -----------------------------------------------------------------

    async def _over_seos(self, paper: Paper) -> Told:
        wire = self._country.wires[f"{SEOS}.{OBRAZETS.folder}"].wire
        before = wire.bytes_up
        await self._submit(paper)
        sent = await self._handed_over(paper, SEOS)
        grown = wire.bytes_up - before
        expect(grown > paper.size, f"only {grown} bytes reached {OBRAZETS.party.name}")
        number = await self._answered(paper)
        return Told(
            sentence=f"{way(sent)}; {grown:,} bytes over the wire, files byte-identical there; "
            f"its number {number} came back by itself",
            facts={"network": SEOS, "their_number": number, "document": paper.guid},
        )

    async def _mailed(self, paper: Paper) -> Told:
        await self._submit(paper)
        sent = await self._handed_over(paper, EMAIL)
        letter = await self._letters.verified(paper.recipient, paper.guid)
        missing = set(paper.digests) - set(letter.digests)
        expect(not missing, f"{len(missing)} of the files are not in the mail")
        return Told(
            sentence=f"{way(sent)}; openssl accepts the mail in the box of "
            f"{paper.recipient.address}, all {len(paper.files)} files in it byte-identical",
            lines=(f"openssl cms -verify: {letter.said}",),
            facts={"network": EMAIL, "openssl": letter.said, "document": paper.guid},
        )

    def _paper(self, recipient: Body, subject: str) -> Paper:
        picture = papers.pdf(f"Document {self._dice.below(10_000)}", self._dice.bytes(_PICTURE))
        annex = papers.docx(subject, "Измислен документ.")
        return Paper(
            recipient=recipient,
            subject=subject,
            guid=self._dice.guid(),
            number=f"ИЗХ-{10 + self._dice.below(90)}-{1 + self._dice.below(999)}",
            files=(
                ("писмо.pdf", papers.PDF, picture),
                ("приложение.docx", papers.DOCX, annex),
            ),
        )

    async def _submit(self, paper: Paper) -> None:
        words = {
            "recipient": {"identifier": paper.recipient.party.identifier},
            "document": {
                "guid": paper.guid,
                "number": paper.number,
                "date": self._clock.now().date().isoformat(),
            },
            "kind": "Писмо",
            "subject": paper.subject,
            "scan_instead": "Подписан на хартия; изпраща се сканирано копие.",
        }
        for _ in range(2):  # a repeat with the same key is the same submission
            taken = await self._sender.registry.submit(words, paper.files, key=paper.guid)
            expect(paper.id in {"", taken["id"]}, "a repeat became another document")
            paper.id = taken["id"]

    async def _handed_over(self, paper: Paper, network: str) -> dict[str, Any]:
        """Wait until a network took it, and demand that it is this one."""
        until = self._clock.monotonic() + PATIENCE
        while True:
            found = await self._sender.registry.show(paper.id)
            if found["state"] in _HANDED_OVER:
                expect(found["network"] == network, f"it went by {way(found)}")
                return found
            expect(
                self._clock.monotonic() < until,
                f"the document is still {found['state']} ({way(found)}): {step(found)}",
            )
            await self._clock.sleep(_STEP)

    async def _opened(self, paper: Paper) -> tuple[Message, Copy]:
        """Find the message in SSEV's own state, opened and with the very files."""
        ssev = self._country.ssev
        sender, recipient = ssev.profiles[PRIMER.folder], ssev.profiles[OBRAZETS.folder]
        until = self._clock.monotonic() + PATIENCE
        while True:
            for message in ssev.simulator.state.outbox(sender):
                files = {b.sha256.lower() for b in ssev.simulator.state.blobs_of(message)}
                copy = message.copy_for(recipient.profile_id)
                if copy and copy.opened_at and files >= set(paper.digests):
                    return message, copy
            expect(self._clock.monotonic() < until, "SSEV has no opened message with these files")
            await self._clock.sleep(_STEP)

    async def _answered(self, paper: Paper) -> str:
        """Register it once at the recipient, and wait for the number at the sender."""
        message = await self._arrived(paper)
        self._given += 1
        given = f"ВХ-{self._given}"
        day = self._clock.now().date()
        await self._recipient.registry.register(message["id"], given, day)
        until = self._clock.monotonic() + PATIENCE
        while True:
            found = await self._sender.registry.show(paper.id)
            if found["state"] == "REGISTERED":
                number = found["number"]
                expect(
                    number == {"number": given, "date": day.isoformat()},
                    f"the number that came back is {number}",
                )
                return given
            expect(self._clock.monotonic() < until, f"the document is still {found['state']}")
            await self._clock.sleep(_STEP)

    async def _arrived(self, paper: Paper) -> dict[str, Any]:
        """Find it once in the recipient's inbox, its files byte for byte."""
        until = self._clock.monotonic() + PATIENCE
        while not (found := await self._recipient.waiting({paper.guid})):
            expect(self._clock.monotonic() < until, "the recipient's inbox has no such document")
            await self._clock.sleep(_STEP)
        expect(len(found) == 1, f"the recipient has it {len(found)} times")
        message = found[0]
        expect(document_of(message) == paper.guid, "it has another identity there")
        said = message["envelope"]["document"]["number"]
        expect(said is not None and said["number"] == paper.number, f"its number there is {said}")
        for index, (name, _, content) in enumerate(paper.files, 1):
            got = await self._recipient.registry.attachment(message["id"], index)
            expect(got == content, f"{name} came as other bytes")
        return message
