"""A seeded generator of documents of every kind: the same seed gives the same traffic.

For the demo, the bench and the tests. All subjects and bodies are fictional.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final, TypeVar

from depesha.schemas.envelope import Correspondent, RegistrationNumber, Service
from depesha.schemas.ids import Guid
from depesha.simulators import papers
from depesha.simulators.seos_documents import DocumentId, Enclosure, RegistrationRequest

T = TypeVar("T")


class Sort(StrEnum):
    """What becomes of a document, if the gateway is right."""

    GOOD = "good"
    """Registered."""
    CLOSED = "closed"
    """Registered, then its case is ended."""
    DECLINED = "declined"
    """Refused by the registry, with a reason."""
    DUPLICATE = "duplicate"
    """Sent, then sent again under a new MessageGUID."""
    RESENT = "resent"
    """Sent, then the very same bytes once more."""
    INQUIRED = "inquired"
    """Sent, then asked about."""
    INFECTED = "infected"
    FORBIDDEN = "forbidden"
    """A program dressed as a letter."""
    TOO_MANY = "too many"
    """More attachments than the limit."""
    BROKEN = "broken"
    """A signature that does not hold."""
    STRANGER = "stranger"
    """A sender the register does not know."""
    MISDIRECTED = "misdirected"
    """Addressed to another body."""


WEIGHTS: Final[tuple[tuple[Sort, int], ...]] = (
    (Sort.GOOD, 50),
    (Sort.CLOSED, 8),
    (Sort.DECLINED, 6),
    (Sort.DUPLICATE, 6),
    (Sort.RESENT, 5),
    (Sort.INQUIRED, 8),
    (Sort.INFECTED, 4),
    (Sort.FORBIDDEN, 3),
    (Sort.TOO_MANY, 1),
    (Sort.BROKEN, 4),
    (Sort.STRANGER, 3),
    (Sort.MISDIRECTED, 2),
)
"""Out of a hundred, about as seldom as trouble is in a real office."""

KINDS: Final = ("Писмо", "Искане", "Жалба", "Заповед", "Становище", "Доклад", "Сигнал")
SUBJECTS: Final = (
    "Искане за данни от регистър",
    "Отговор на запитване",
    "Становище по проект на наредба",
    "Покана за работна среща",
    "Годишен доклад за дейността",
    "Препращане по компетентност",
    "Сигнал за нередност по улица Примерна",
    "Съгласуване на график",
)
FILES: Final = ("писмо", "приложение", "справка", "опис", "становище")
PICTURE_BYTES: Final = (0, 0, 2_048, 20_480, 102_400, 409_600)
"""Size of the picture in a PDF: most letters are small."""
TOO_MANY_FILES: Final = 101
"""One more than the default limit."""


class Dice:
    """Numbers that look like chance and depend on the seed alone."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._drawn = 0

    def bytes(self, count: int) -> bytes:
        """The next `count` bytes; no compressor can shorten them."""
        self._drawn += 1
        return hashlib.shake_256(f"{self._seed}/{self._drawn}".encode()).digest(count)

    def below(self, limit: int) -> int:
        """A whole number from 0 up to, not including, `limit`."""
        return int.from_bytes(self.bytes(8)) % limit

    def pick(self, choices: Sequence[T]) -> T:
        """One of these."""
        return choices[self.below(len(choices))]

    def guid(self) -> Guid:
        """A GUID of version 4."""
        digits = self.bytes(16).hex()
        variant = "89ab"[int(digits[16], 16) % 4]
        parts = (digits[:8], digits[8:12], "4" + digits[13:16], variant + digits[17:20])
        return Guid("-".join((*parts, digits[20:])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One piece of traffic."""

    number: int
    sort: Sort
    request: RegistrationRequest


class Traffic:
    """Makes one item after another; never ends."""

    def __init__(self, seed: str, today: date) -> None:
        self._dice = Dice(seed)
        self._today = today
        self._made = 0

    def next(self, sort: Sort | None = None) -> Item:
        """Make the next item, of this sort or of one drawn by weight."""
        self._made += 1
        sort = sort or self._sort()
        return Item(number=self._made, sort=sort, request=self._request(sort))

    def _sort(self) -> Sort:
        left = self._dice.below(sum(weight for _, weight in WEIGHTS))
        for sort, weight in WEIGHTS:
            left -= weight
            if left < 0:
                return sort
        return Sort.GOOD

    def _request(self, sort: Sort) -> RegistrationRequest:
        dice = self._dice
        day = self._today - timedelta(days=dice.below(5))
        number = f"{dice.pick(('РД', 'АБ', '12', '94-00'))}-{self._made}"
        subject = f"{dice.pick(SUBJECTS)} № {self._made}"
        return RegistrationRequest(
            document=DocumentId(
                guid=dice.guid(), number=RegistrationNumber(number=number, date=day)
            ),
            kind=dice.pick(KINDS),
            subject=subject,
            correspondents=(Correspondent(name="Агенция Образец", city="Непосочен"),),
            enclosures=self._enclosures(sort, subject),
            service=_SERVICE if dice.below(4) == 0 else None,
            deadline=self._today + timedelta(days=14) if dice.below(3) == 0 else None,
            attention_to="отдел „Регистри“" if dice.below(3) == 0 else None,
        )

    def _enclosures(self, sort: Sort, subject: str) -> tuple[Enclosure, ...]:
        if sort is Sort.TOO_MANY:
            return tuple(
                Enclosure(name=f"лист-{n}.txt", content=b"%d\n" % n, media_type=papers.TEXT)
                for n in range(1, TOO_MANY_FILES + 1)
            )
        letter = self._letter(subject)
        if sort is Sort.INFECTED:
            bad = Enclosure(name="фактура.txt", content=papers.EICAR, media_type=papers.TEXT)
            return (letter, bad)
        if sort is Sort.FORBIDDEN:
            program = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\x3e\x00" + bytes(200)
            return (letter, Enclosure(name="отчет.pdf", content=program, media_type=papers.PDF))
        return (letter, *(self._annex(n) for n in range(1, self._dice.below(3) + 1)))

    def _letter(self, subject: str) -> Enclosure:
        dice = self._dice
        name = f"{dice.pick(FILES)}-{self._made}"
        if dice.below(3) == 0:
            content = papers.docx(subject, "Уважаеми колеги,", "това е измислен документ.")
            return Enclosure(name=f"{name}.docx", content=content, media_type=papers.DOCX)
        content = papers.pdf(f"Letter {self._made}", dice.bytes(dice.pick(PICTURE_BYTES)))
        return Enclosure(name=f"{name}.pdf", content=content, media_type=papers.PDF)

    def _annex(self, number: int) -> Enclosure:
        if self._dice.below(2):
            content = papers.csv(5 + self._dice.below(200))
            return Enclosure(name=f"данни-{number}.csv", content=content, media_type=papers.CSV)
        text = f"Опис № {number} към документ {self._made}.\n".encode()
        return Enclosure(name=f"опис-{number}.txt", content=text, media_type=papers.TEXT)


_SERVICE = Service(name="Издаване на справка", kind="Нормална", code="9999")
