"""What lies in the data boxes of ISDS when all is over, and the judging of it against the books.

Gathering looks into the simulated service alone; the judging is pure.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from depesha.adapters.isds.mapping import referenced
from depesha.simulators.bodies import ISDS
from tests.chaos.books import AT_ONCE, Books, Judgement
from tests.truth.books import NEVER_THERE

if TYPE_CHECKING:
    from depesha.simulators.country import Country

_ANSWER: Final = "DPA-"
"""Begins the file mark of an answer (`adapters/isds/answering.py`)."""
_GOT: Final = frozenset({"REGISTERED", "DECLINED"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxes:
    """Messages in the boxes; what ISDS itself stored twice (a quirk of its) is one."""

    documents: Counter[str] = field(default_factory=Counter)
    """Document → messages that carry it."""
    big: int = 0
    """Of those, big messages."""
    answers: Counter[str] = field(default_factory=Counter)
    """File mark of an answer → messages that carry it."""
    repeated: int = 0
    """Stored twice by ISDS itself."""

    def told(self, books: Books) -> str:
        """Say both sides' counts."""
        here = sum(guid in books.found for guid in self.documents)
        sent = [one for several in books.told.values() for one in several if one.network == ISDS]
        return (
            f"{self.documents.total()} messages ({self.big} big) about {len(self.documents)} "
            f"documents, {here} of them in the registries, {len(sent)} went by ISDS in the "
            f"senders' words; {self.answers.total()} answers, each once: "
            f"{self.answers.total() == len(self.answers)}; "
            f"{self.repeated} stored twice by ISDS itself"
        )


def read_boxes(country: Country) -> Boxes:
    """Count all messages; blocking."""
    documents, answers = Counter[str](), Counter[str]()
    last: dict[str, datetime] = {}
    big = repeated = 0
    for message in tuple(country.isds.simulator.state.messages.values()):
        if message.status in NEVER_THERE:
            continue
        texts = message.draft.texts
        document = referenced(texts.get("dmSenderRefNumber", ""))
        mark = texts.get("dmSenderIdent", "")
        name = document or (mark if mark.startswith(_ANSWER) else "")
        if not name:
            continue
        at, before = message.submitted_at, last.get(name)
        last[name] = at
        if before is not None and at - before < AT_ONCE:
            repeated += 1
            continue
        big += message.big
        (documents if document else answers)[name] += 1
    return Boxes(documents=documents, big=big, answers=answers, repeated=repeated)


def judge_boxes(boxes: Boxes, books: Books, made: Judgement) -> None:
    """Compare the boxes with what both sides say."""
    for guid, count in boxes.documents.items():
        if count > 1:
            made.doubled.append(f"{guid}: {count} messages in ISDS")
        if guid not in books.found:
            made.lost.append(f"{guid}: it lies in ISDS, and in no registry")
    for mark, count in boxes.answers.items():
        if count > 1:
            made.doubled.append(f"{mark}: {count} answers in ISDS")
    for guid, told in books.told.items():
        by = any(one.network == ISDS and one.state in _GOT for one in told)
        if by and guid not in boxes.documents:
            made.untrue.append(f"{guid}: it went by ISDS, they say, and no message carries it")
