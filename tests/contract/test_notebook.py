"""The contract of `Notebook`, on the double and on the real bodies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from depesha.errors import RuleError
from depesha.schemas.message import EvidenceKind
from depesha.schemas.notes import LONGEST
from tests.support.memory import BODIES, Body, body, evidence


@pytest.fixture(params=BODIES)
async def memory(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Body]:
    async with body(request.param, tmp_path) as opened:
        yield opened


NOTED = evidence(1, EvidenceKind.PARKED)


async def rows(memory: Body) -> int:
    return len(await memory.journal.after(0, 100))


async def test_an_area_is_read_whole_and_apart_from_others(memory: Body) -> None:
    book = memory.notebook
    await book.write("pauses", "ssev", b"\x00two", NOTED)
    await book.write("pauses", "seos", b"one", NOTED)
    await book.write("taken", "seos", b"other", NOTED)
    assert await book.read("pauses") == {"seos": b"one", "ssev": b"\x00two"}
    assert await book.read("nothing") == {}


async def test_a_later_value_replaces_the_earlier_and_none_removes_it(memory: Body) -> None:
    book = memory.notebook
    await book.write("pauses", "seos", b"one", NOTED)
    await book.write("pauses", "seos", b"two", NOTED)
    assert await book.read("pauses") == {"seos": b"two"}
    await book.write("pauses", "seos", None, NOTED)
    await book.write("pauses", "seos", None, NOTED)
    assert await book.read("pauses") == {}
    assert await rows(memory) == 4


async def test_of_two_who_add_one_wins_and_only_he_leaves_evidence(memory: Body) -> None:
    book = memory.notebook
    added = await asyncio.gather(
        book.add("taken", "a", b"first", NOTED), book.add("taken", "a", b"second", NOTED)
    )
    assert sorted(added) == [False, True]
    assert await rows(memory) == 1
    assert list((await book.read("taken")).values()) == [b"first" if added[0] else b"second"]


async def test_a_value_that_is_too_long_leaves_nothing(memory: Body) -> None:
    book = memory.notebook
    for attempt in (book.write, book.add):
        with pytest.raises(RuleError):
            await attempt("pauses", "seos", bytes(LONGEST + 1), NOTED)
    assert await book.read("pauses") == {}
    assert await rows(memory) == 0
