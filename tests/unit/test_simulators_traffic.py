"""Seeded traffic and the files made by code."""

from __future__ import annotations

import zipfile
from collections import Counter
from datetime import date
from io import BytesIO

import magic

from depesha.schemas.ids import guid
from depesha.simulators import papers
from depesha.simulators.traffic import Dice, Sort, Traffic

TODAY = date(2026, 3, 2)


def test_the_same_seed_gives_the_same_traffic() -> None:
    one, two, other = Traffic("семе", TODAY), Traffic("семе", TODAY), Traffic("друго", TODAY)
    first = [one.next() for _ in range(20)]
    assert first == [two.next() for _ in range(20)]
    assert first != [other.next() for _ in range(20)]


def test_no_document_comes_twice_and_every_sort_comes() -> None:
    traffic = Traffic("1", TODAY)
    items = [traffic.next() for _ in range(600)]
    assert len({i.request.document.guid for i in items}) == 600
    sorts = Counter(i.sort for i in items)
    assert set(sorts) == set(Sort)
    assert sorts[Sort.GOOD] > 200


def test_a_sort_may_be_asked_for() -> None:
    item = Traffic("1", TODAY).next(Sort.INFECTED)
    assert item.sort is Sort.INFECTED
    assert any(e.content == papers.EICAR for e in item.request.enclosures)
    assert len(Traffic("1", TODAY).next(Sort.TOO_MANY).request.enclosures) == 101


def test_guids_are_guids_of_version_four() -> None:
    dice = Dice("x")
    for _ in range(50):
        value = dice.guid()
        assert guid(value) == value
        assert value[14] == "4"
        assert value[19] in "89ab"


def test_the_files_are_what_they_say() -> None:
    for content, kind in (
        (papers.pdf("Letter (1) \\"), papers.PDF),
        (papers.pdf("Писмо", bytes(5000)), papers.PDF),
        (papers.docx("Здравейте & <довиждане>"), papers.DOCX),
        (papers.csv(10), papers.CSV),
    ):
        assert magic.from_buffer(content, mime=True) == kind
    assert len(papers.EICAR) == 68


def test_a_pdf_points_at_its_own_parts() -> None:
    content = papers.pdf("Letter", bytes(256 * 4))
    start = int(content.rsplit(b"startxref\n", 1)[1].split()[0])
    table = content[start:].splitlines()
    assert table[0] == b"xref"
    for number, row in enumerate(table[3:9], 1):
        place = int(row.split()[0])
        assert content[place:].startswith(b"%d 0 obj" % number)


def test_a_docx_opens_and_is_the_same_every_time() -> None:
    content = papers.docx("а", "б")
    assert content == papers.docx("а", "б")
    with zipfile.ZipFile(BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert "а</w:t>" in archive.read("word/document.xml").decode()
