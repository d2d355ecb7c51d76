"""The short form of `make chaos`: sixty documents under faults and deaths, and planted faults.

The planted ones show that the comparison of the books sees what it is there for.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.books import Books, Judgement, judge
from tests.chaos.boxes import judge_boxes
from tests.chaos.field import Field, Outcome
from tests.chaos.lands import CZECHIA
from tests.chaos.plan import Document, Lot, make_plan

pytestmark = pytest.mark.slow
SEED = 8


def first(outcome: Outcome, place: str) -> Document:
    """Return a document that lies there, and whose number its sender was told."""
    return next(
        d
        for d in outcome.plan.documents
        if d.lot is Lot.GOOD and [f.place for f in outcome.books.found.get(d.guid, [])] == [place]
    )


def planted(outcome: Outcome) -> tuple[Books, Document]:
    """Return books to be falsified, and a document of theirs."""
    return copy.deepcopy(outcome.books), first(outcome, "registry")


def judged(outcome: Outcome, books: Books) -> tuple[int, int, int]:
    found: Judgement = judge(outcome.plan.documents, books)
    return len(found.lost), len(found.doubled), len(found.untrue)


async def test_sixty_documents_under_faults_and_deaths_are_each_there_once(tmp_path: Path) -> None:
    async with Field(make_plan(60, SEED), tmp_path, print) as field:
        outcome = await field.play()
    assert outcome.judgement.lost == []
    assert outcome.judgement.doubled == []
    assert outcome.judgement.untrue == []
    assert outcome.faults == []
    assert sum(outcome.deaths.values()) > 0
    assert outcome.packs > 0

    books, document = planted(outcome)
    books.found[document.guid] *= 2
    assert judged(outcome, books) == (0, 1, 0), "a second copy is seen"

    books, document = planted(outcome)
    books.found[document.guid] = []
    assert judged(outcome, books) == (1, 0, 0), "a missing copy is seen"

    books, document = planted(outcome)
    del books.told[document.guid]
    assert judged(outcome, books) == (1, 0, 0), "a document without an owner is seen"

    books, document = planted(outcome)
    books.told[document.guid][0] = replace(books.told[document.guid][0], number="ВХ-0")
    assert judged(outcome, books) == (0, 0, 1), "another number is seen"

    books, document = planted(outcome)
    books.told[document.guid][0] = replace(books.told[document.guid][0], state="UNDELIVERABLE")
    assert judged(outcome, books) == (0, 0, 1), "an untrue state is seen"

    books, document = planted(outcome)
    books.found[document.guid][0] = replace(books.found[document.guid][0], digests=frozenset())
    assert judged(outcome, books) == (0, 0, 1), "other bytes are seen"


async def test_a_seed_is_a_plan() -> None:
    assert make_plan(1000, 7).digest == make_plan(1000, 7).digest
    assert make_plan(1000, 7).digest != make_plan(1000, 8).digest


async def test_a_czech_seed_is_a_plan_without_bodies_that_have_mail_alone() -> None:
    plan = make_plan(300, 7, CZECHIA)
    assert plan.digest == make_plan(300, 7, CZECHIA).digest != make_plan(300, 7).digest
    assert {d.recipient for d in plan.documents} == {body.folder for body in CZECHIA.pair}
    assert all(d.sender != d.recipient and d.lot is not Lot.BARRED for d in plan.documents)


async def test_forty_documents_by_data_box_are_each_there_once(tmp_path: Path) -> None:
    async with Field(make_plan(40, SEED, CZECHIA), tmp_path, print) as field:
        outcome = await field.play()
    assert outcome.judgement.lost == []
    assert outcome.judgement.doubled == []
    assert outcome.judgement.untrue == []
    assert outcome.faults == []
    assert outcome.boxes.documents.total() > 20
    assert outcome.boxes.answers.total() > 20

    guid = next(iter(outcome.boxes.documents))
    made, boxes = Judgement(), copy.deepcopy(outcome.boxes)
    boxes.documents[guid] += 1
    judge_boxes(boxes, outcome.books, made)
    assert len(made.doubled) == 1, "a second message is seen"

    made, boxes = Judgement(), copy.deepcopy(outcome.boxes)
    del boxes.documents[guid]
    judge_boxes(boxes, outcome.books, made)
    assert len(made.untrue) == 1, "a missing message is seen"

    made, boxes = Judgement(), copy.deepcopy(outcome.boxes)
    boxes.answers[next(iter(boxes.answers))] += 1
    judge_boxes(boxes, outcome.books, made)
    assert len(made.doubled) == 1, "a second answer is seen"

    made, books = Judgement(), copy.deepcopy(outcome.books)
    del books.found[guid]
    judge_boxes(outcome.boxes, books, made)
    assert len(made.lost) == 1, "a message that came to no registry is seen"
