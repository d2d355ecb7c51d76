"""Who writes what in a simulated week: bodies, subjects, small files. All plainly fictional.

Everything follows from the seed of the dice. No network and no product is known here.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from depesha.schemas.envelope import Party, RegistrationNumber
from depesha.schemas.ids import Guid
from depesha.simulators import papers
from depesha.simulators.bodies import (
    BRYAG,
    DOLINA,
    EMAIL,
    ISDS,
    IZVOR,
    POLYANA,
    SEOS,
    SSEV,
    VRAH,
    Body,
)
from depesha.simulators.seos_documents import Enclosure
from depesha.simulators.traffic import KINDS, SUBJECTS, Dice


def _body(folder: str, identifier: str, name: str, *networks: str, letter: str = "") -> Body:
    guid = Guid(f"{letter * 8}-2222-4222-8222-{letter * 12}") if letter else None
    party = Party(identifier=identifier, name=name, guid=guid)
    return Body(folder=folder, party=party, networks=networks)


OBLAST: Final = _body("oblast", "000000021", "Област Примерна", SEOS, SSEV, EMAIL, letter="3")
BASEYN: Final = _body("baseyn", "000000022", "Басейнова дирекция „Образец“", SEOS, SSEV, letter="4")
INSPEKT: Final = _body("inspekt", "000000023", "Инспекторат Пример", SEOS, letter="5")
NEPOZNAT: Final = _body("nepoznat", "000000029", "Непознат подател", SEOS, letter="8")
UKAZKOV: Final = _body("ukazkov", "00000201", "Město Ukázkov", ISDS, EMAIL)
KRAJ: Final = _body("kraj", "00000202", "Krajský úřad Příkladný", ISDS, EMAIL)
SKOLA: Final = _body("skola", "00000203", "Základní škola Vzorová", EMAIL)
CIZI: Final = _body("cizi", "00000209", "Neznámý odesílatel", ISDS)

BULGARIAN: Final = (IZVOR, DOLINA, VRAH, OBLAST, BASEYN, INSPEKT, BRYAG, POLYANA)
CZECH: Final = (UKAZKOV, KRAJ, SKOLA)
PLAYED: Final = frozenset({IZVOR.folder, DOLINA.folder, VRAH.folder})
"""Those that the demo plays live: what they sent must not wait when the week is over."""
CZECH_SUBJECTS: Final = (
    "Žádost o údaje z rejstříku",
    "Odpověď na dotaz",
    "Stanovisko k návrhu vyhlášky",
    "Pozvánka na pracovní setkání",
    "Výroční zpráva o činnosti",
    "Postoupení věci podle příslušnosti",
    "Podnět k závadě v ulici Vzorové",
    "Odsouhlasení harmonogramu",
)
CZECH_KINDS: Final = ("Dopis", "Žádost", "Rozhodnutí", "Stanovisko", "Zpráva")
_KINDS_OF_FILES: Final = ("pdf", "pdf", "docx")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One document as its author wrote it."""

    sender: Party
    recipient: Party
    transport_id: Guid
    document: Guid
    number: RegistrationNumber | None
    kind: str
    subject: str
    at: datetime
    files: tuple[Enclosure, ...]


class Writer:
    """Makes letters; the same seed makes the same ones."""

    def __init__(self, dice: Dice, *, czech: bool) -> None:
        self.dice = dice
        self._subjects = CZECH_SUBJECTS if czech else SUBJECTS
        self._kinds = CZECH_KINDS if czech else KINDS
        self._sign = ("VZ", "MU", "KÚ") if czech else ("РД", "АБ", "94-00")
        self._made = 0

    def letter(
        self,
        sender: Party,
        recipient: Party,
        at: datetime,
        files: Sequence[Enclosure] = (),
        *,
        numbered: bool = True,
        sign: str = "",
    ) -> Letter:
        """Write one; without files it gets one or two of its own."""
        self._made += 1
        dice, made = self.dice, self._made
        number = RegistrationNumber(
            number=f"{sign or dice.pick(self._sign)}-{1200 + made}", date=at.date()
        )
        subject = f"{dice.pick(self._subjects)} № {1200 + made}"
        return Letter(
            sender=sender,
            recipient=recipient,
            transport_id=dice.guid(),
            document=dice.guid(),
            number=number if numbered else None,
            kind=dice.pick(self._kinds),
            subject=subject,
            at=at,
            files=tuple(files) or self._files(subject),
        )

    def _files(self, subject: str) -> tuple[Enclosure, ...]:
        name = f"pismo-{1200 + self._made}"
        letter = self.document(name, subject)
        if self.dice.below(3):
            return (letter,)
        table = Enclosure(
            name=f"danni-{1200 + self._made}.csv",
            content=papers.csv(5 + self.dice.below(60)),
            media_type=papers.CSV,
        )
        return (letter, table)

    def document(self, name: str, subject: str) -> Enclosure:
        """Return a letter as a file of its own bytes."""
        if self.dice.pick(_KINDS_OF_FILES) == "docx":
            content = papers.docx(subject, "Измислен документ. Smyšlený dokument.")
            return Enclosure(name=f"{name}.docx", content=content, media_type=papers.DOCX)
        return self.pdf(name)

    def pdf(self, name: str, tail: bytes = b"") -> Enclosure:
        """Return a PDF that nobody sent before."""
        content = papers.pdf(name, self.dice.bytes(2048)) + tail
        return Enclosure(name=f"{name}.pdf", content=content, media_type=papers.PDF)

    def infected(self) -> tuple[Enclosure, ...]:
        """Return a letter with the test file of the antivirus industry."""
        bad = Enclosure(name="faktura.txt", content=papers.EICAR, media_type=papers.TEXT)
        return (self.pdf("pridruzhitelno"), bad)

    def program(self) -> tuple[Enclosure, ...]:
        """Return a program dressed as a letter."""
        content = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\x3e\x00" + self.dice.bytes(200)
        return (Enclosure(name="otchet.pdf", content=content, media_type=papers.PDF),)

    def locked(self) -> tuple[Enclosure, ...]:
        """Return an archive under a password."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(zipfile.ZipInfo("spravka.txt"), self.dice.bytes(64).hex())
        data = bytearray(out.getvalue())
        for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            data[data.index(mark) + place] |= 1  # the flag of an encrypted member
        return (
            Enclosure(name="prilozhenia.zip", content=bytes(data), media_type="application/zip"),
        )

    def nameless(self) -> tuple[Enclosure, ...]:
        """Return a file of a kind that nobody knows."""
        content = b"\x9d\x01\xfe\x03" + self.dice.bytes(300)
        kind = "application/octet-stream"
        return (Enclosure(name="izmervania.dat", content=content, media_type=kind),)
