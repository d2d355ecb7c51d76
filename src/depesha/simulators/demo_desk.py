"""What the steps with data boxes share: papers, waiting, and looks into ISDS's own state.

It looks and compares; what is sent and demanded is in `demo_boxes`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from depesha.ports import Clock
from depesha.schemas.ids import Guid
from depesha.simulators import papers
from depesha.simulators.bodies import ISDS, Body
from depesha.simulators.country import Country
from depesha.simulators.demo_paper import Paper, step, way
from depesha.simulators.demo_report import expect
from depesha.simulators.demo_witness import PATIENCE, Witness, document_of
from depesha.simulators.isds_values import Message
from depesha.simulators.traffic import Dice

BIG_PATIENCE: Final = 60.0
_PICTURE: Final = 40_960
_STEP: Final = 0.1


class Desk:
    """One office's registry and gateway, and ISDS seen from beside it."""

    def __init__(self, country: Country, body: Body, *, clock: Clock, dice: Dice) -> None:
        self.witness = Witness(country, body, clock, language="cs")
        self.registry = self.witness.registry
        self.party = body.party
        self._body = body
        self._isds = country.isds
        self._clock = clock
        self._dice = dice

    @property
    def sealed(self) -> set[str]:
        """SHA-256 of every genuine paper that ISDS gave out."""
        return self._isds.simulator.state.sealed

    def number(self, office: str) -> str:
        """Make a reference number, as Czech offices write them."""
        return f"{office} {1 + self._dice.below(999)}/{self._clock.now().year}"

    def paper(self, recipient: Body, subject: str, number: str) -> Paper:
        """Make a document with two files."""
        picture = papers.pdf(f"Document {number}", self._dice.bytes(_PICTURE))
        return Paper(
            recipient=recipient,
            subject=subject,
            guid=Guid(self._dice.guid()),
            number=number,
            files=(
                ("dopis.pdf", papers.PDF, picture),
                ("příloha.docx", papers.DOCX, papers.docx(subject, "Smyšlený dokument.")),
            ),
        )

    async def submit(self, paper: Paper, more: Mapping[str, Any] | None = None) -> None:
        """Hand it to the office's gateway; without a signature as a scan."""
        signed = any(kind == papers.DETACHED for _, kind, _ in paper.files)
        words = {
            "recipient": {"identifier": paper.recipient.party.identifier},
            "document": {
                "guid": paper.guid,
                "number": paper.number,
                "date": self._clock.now().date().isoformat(),
            },
            "kind": "Dopis",
            "subject": paper.subject,
            "scan_instead": "" if signed else "Podepsáno na papíře, odesílá se kopie.",
            **(more or {}),
        }
        taken = await self.registry.submit(words, paper.files, key=paper.guid, seconds=BIG_PATIENCE)
        paper.id = taken["id"]

    async def delivered(self, paper: Paper, patience: float = PATIENCE) -> dict[str, Any]:
        """Wait until ISDS itself says that it lies in the box."""
        return await self._stands(paper, ("DELIVERED", "REGISTERED"), patience)

    async def numbered(self, paper: Paper) -> dict[str, Any]:
        """Wait until the recipient's number has come back."""
        return await self._stands(paper, ("REGISTERED",), PATIENCE)

    async def _stands(
        self, paper: Paper, states: tuple[str, ...], patience: float
    ) -> dict[str, Any]:
        until = self._clock.monotonic() + patience
        while True:
            found = await self.registry.show(paper.id)
            if found["state"] in states:
                expect(found["network"] == ISDS, f"it went by {way(found)}")
                return found
            expect(
                self._clock.monotonic() < until,
                f"the document is still {found['state']} ({way(found)}): {step(found)}",
            )
            await self._clock.sleep(_STEP)

    def message(self, shown: Mapping[str, Any]) -> Message:
        """Return the message in ISDS's own state that the sender believes to be its own."""
        return self._isds.simulator.state.messages[shown["attempts"][-1]["reference"]]

    def sent(self) -> list[Message]:
        """Return what ISDS itself has from this office's box, by time."""
        return self._isds.simulator.state.sent(self._isds.box(self._body))

    @staticmethod
    def same_files(sent: Message, paper: Paper) -> None:
        """Demand that ISDS has the very files; blocking."""
        there = [hashlib.sha256(file.path.read_bytes()).hexdigest() for file in sent.files]
        expect(there == paper.digests, "the files in ISDS are other bytes")

    async def inbox(self, paper: Paper, patience: float = PATIENCE) -> dict[str, Any]:
        """Find a document once in an inbox."""
        until = self._clock.monotonic() + patience
        while not (found := await self.witness.waiting({paper.guid})):
            expect(self._clock.monotonic() < until, "the recipient's inbox has no such document")
            await self._clock.sleep(_STEP)
        expect(len(found) == 1, f"the recipient has it {len(found)} times")
        expect(document_of(found[0]) == paper.guid, "it has another identity there")
        return found[0]

    async def same_content(self, found: Mapping[str, Any], paper: Paper) -> None:
        """Demand that the registry gets the very files."""
        for index, (name, _, content) in enumerate(paper.files, 1):
            got = await self.registry.attachment(found["id"], index)
            expect(got == content, f"{name} came as other bytes")
