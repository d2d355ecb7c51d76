"""The contract of `Audit`, on the double and on the real body."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from depesha.ports import Audit, Journal
from depesha.queue.audit import SqliteAudit
from depesha.schemas.audit import AuditPage, AuditQuery, Deed
from depesha.schemas.message import EvidenceKind, NewEvidence
from tests.support.memory import BODIES, START, body, id_of, opened_as

IVANOVA, TOKEN = "person:ivanova", "token:registry"


@dataclass(frozen=True)
class Book:
    audit: Audit
    journal: Journal

    async def write(self, *rows: NewEvidence) -> None:
        for row in rows:
            await self.journal.record(row)

    async def all(self, query: AuditQuery) -> list[int]:
        """Follow the pages to the end."""
        found: list[int] = []
        while True:
            page = await self.audit.deeds(query)
            found += numbers(page)
            if not page.next:
                return found
            query = replace(query, after=page.next)


@pytest.fixture(params=BODIES)
async def book(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Book]:
    async with body(request.param, tmp_path) as kept:
        yield Book(kept.audit, kept.journal)


def row(kind: EvidenceKind, actor: str = IVANOVA, minutes: int = 0, number: int = 0) -> NewEvidence:
    return NewEvidence(
        kind=kind,
        at=START + timedelta(minutes=minutes),
        message_id=id_of(number) if number else None,
        actor=actor,
    )


def numbers(page: AuditPage) -> list[int]:
    return [record.sequence for record in page.records]


WEEK = (
    row(EvidenceKind.LOGGED_IN),
    row(EvidenceKind.RECEIVED, "gateway", 1, 1),
    row(EvidenceKind.VIEWED, IVANOVA, 2, 1),
    row(EvidenceKind.CONTENT_OPENED, "person:petrova", 3, 1),
    row(EvidenceKind.LOGIN_FAILED, "nobody", 4),
    row(EvidenceKind.REGISTERED, TOKEN, 5, 1),
    row(EvidenceKind.SHREDDED, "gateway", 6),
    row(EvidenceKind.VIEWED, IVANOVA, 24 * 60, 2),
)


async def test_people_are_found_and_machines_work_is_not(book: Book) -> None:
    await book.write(*WEEK)
    page = await book.audit.deeds(AuditQuery())
    assert numbers(page) == [8, 7, 6, 5, 4, 3, 1]
    assert json.loads(page.records[0].body)["actor"] == IVANOVA
    assert (page.next, set(page.seals)) == ("", {0})
    await book.journal.seal()
    await book.write(row(EvidenceKind.LOGGED_OUT))
    assert (await book.audit.deeds(AuditQuery())).seals == (1, 1, 1, 1, 1, 1, 0, 1)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (AuditQuery(who=IVANOVA), [8, 3, 1]),
        (AuditQuery(who="person:ivan"), []),
        (AuditQuery(deed=Deed.VIEWED), [8, 4, 3]),
        (AuditQuery(deed=Deed.VIEWED, who=IVANOVA), [8, 3]),
        (AuditQuery(deed=Deed.DELETED), [7]),
        (AuditQuery(deed=Deed.BARRED), [5]),
        (AuditQuery(document=id_of(1)), [6, 4, 3]),
        (AuditQuery(document=id_of(1), deed=Deed.VIEWED), [4, 3]),
        (AuditQuery(document=id_of(1), who=TOKEN), [6]),
        (AuditQuery(document=id_of(9)), []),
        (AuditQuery(until=START + timedelta(minutes=4)), [4, 3, 1]),
        (AuditQuery(since=START + timedelta(minutes=4)), [8, 7, 6, 5]),
        (AuditQuery(who=IVANOVA, since=START + timedelta(minutes=1)), [8, 3]),
        (AuditQuery(document=id_of(1), since=START + timedelta(minutes=3)), [6, 4]),
        (AuditQuery(after="nonsense"), [8, 7, 6, 5, 4, 3, 1]),
    ],
)
async def test_conditions_narrow(book: Book, query: AuditQuery, found: list[int]) -> None:
    await book.write(*WEEK)
    assert await book.all(query) == found


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_pages_together_are_the_whole(book: Book, limit: int) -> None:
    await book.write(*WEEK, *(row(EvidenceKind.VIEWED, IVANOVA, 2, 1) for _ in range(4)))
    for query in (AuditQuery(), AuditQuery(document=id_of(1)), AuditQuery(who=IVANOVA)):
        whole = await book.all(query)
        assert await book.all(replace(query, limit=limit)) == whole
        assert len(set(whole)) == len(whole)
    first = await book.audit.deeds(AuditQuery(limit=limit))
    assert len(first.records) == limit


@pytest.mark.parametrize("kind", [kind for kind in BODIES if kind != "double"])
async def test_what_two_conditions_sieve_is_looked_at_in_pieces(kind: str, tmp_path: Path) -> None:
    async with opened_as(kind, tmp_path) as memory:
        book = Book(SqliteAudit(memory.db, sieved=3), memory.journal)
        views = [row(EvidenceKind.VIEWED, TOKEN, n) for n in range(10)]
        await book.write(row(EvidenceKind.REGISTERED, TOKEN, 0, 1), *views)
        query = AuditQuery(who=TOKEN, deed=Deed.CHANGED)
        assert not numbers(await book.audit.deeds(query)), "one look ends before it is found"
        assert await book.all(query) == [1]
