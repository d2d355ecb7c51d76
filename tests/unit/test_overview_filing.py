"""What the console's index keeps and forgets, and what a typed line asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from depesha.errors import StorageError
from depesha.queue import overview, overview_lines
from depesha.queue.filing import file_words
from depesha.queue.opening import Memory
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import EvidenceKind
from depesha.schemas.overview import LineQuery, Need
from depesha.schemas.overview_filing import pulses_of
from depesha.schemas.overview_terms import MOST_TERMS, asked, matches
from tests.support.memory import START, evidence, id_of, new_message, opened, registration
from tests.support.outbound_memory import new_outbound, out_id
from tests.unit.test_memory_schema import first_schema


@pytest.mark.parametrize(
    ("typed", "terms"),
    [
        ("", ()),
        ("—, .", ()),
        ("Заявлението", ("заявлени",)),
        ("ВХ-17/2026", ("вх172026",)),
        ("ВХ-17/02.03.2026", ("вх17", "20260302")),
        ("2.3.2026", ("20260302",)),
        ("2026-03-02", ("20260302",)),
        ("31.02.2026", ("31022026",)),
        ("Žádost č. 5", ("zadost", "c", "5")),
        ("{0000000C-0000-4000-8000-000000000007}", ("0000000c000040008000000000000007",)),
        ("два два", ("два",)),
    ],
)
def test_a_typed_line_becomes_terms(typed: str, terms: tuple[str, ...]) -> None:
    assert asked(typed) == terms


def test_a_long_line_asks_for_no_more_than_so_much() -> None:
    assert len(asked(" ".join(f"дума{n}" for n in range(99)))) == MOST_TERMS


def test_two_letters_are_no_beginning() -> None:
    assert matches("писмо 17", ("пис",))
    assert not matches("писмо 17", ("пи",))
    assert matches("писмо 17", ("17",))


def test_a_fallback_is_told_by_the_plan() -> None:
    plan = ["send:ssev", "seos:BREAKER_OPEN", "ssev:taken"]
    begun = evidence(1, EvidenceKind.ATTEMPT_BEGUN, network="ssev", plan=plan)
    assert pulses_of(begun) == (("ssev", "tried"), ("ssev", "fallback"))


def test_the_only_network_of_a_recipient_is_no_fallback() -> None:
    plan = ["send:email", "seos:NOT_REGISTERED_THERE", "email:taken"]
    begun = evidence(1, EvidenceKind.ATTEMPT_BEGUN, network="email", plan=plan)
    assert pulses_of(begun) == (("email", "tried"),)


async def _words(memory: Memory) -> bytes:
    """Every byte the index has on disk."""
    rows = await memory.db.read(lambda t: t.all("SELECT block FROM words_data"))
    texts = await memory.db.read(lambda t: t.all("SELECT c0 FROM words_content"))
    return b"".join(bytes(row[0]) for row in rows) + "".join(row[0] for row in texts).encode()


async def test_what_is_erased_is_not_found_nor_left_in_the_index(tmp_path: Path) -> None:
    async with opened(tmp_path) as memory:
        for number in (1, 2):
            await memory.store.admit(new_message(number))
            await memory.store.change(registration(number, f"ВХ-77{number}"))
        await memory.outbound.submit(new_outbound(1))
        assert await memory.overview.catch_up() == 3
        assert "вх771".encode() in await _words(memory)
        for statement in (
            "DELETE FROM identities WHERE message = 1",
            "DELETE FROM messages WHERE row = 1",
        ):
            await memory.db.write(lambda t, s=statement: t.run(s))  # type: ignore[misc]  # a loop
        left = await _words(memory)
        assert b"771" not in left
        assert str(id_of(1)).encode() not in left
        assert b"772" in left
        page = await memory.overview.lines(LineQuery(words="преписка"))
        assert [line.document.id for line in page.lines] == [out_id(1), id_of(2)]
        check = "INSERT INTO words (words) VALUES ('integrity-check')"
        await memory.db.write(lambda t: t.run(check))
        balance = (await memory.overview.home(START.replace(hour=0))).balance
        assert sum(one.registered for one in balance.received) == 2  # the day was so


async def test_what_an_earlier_version_stored_is_filed_by_and_by(tmp_path: Path) -> None:
    first_schema(tmp_path)
    async with opened(tmp_path) as memory:
        assert (await memory.overview.lines(LineQuery())).lines != ()
        await memory.store.change(registration(1, "ВХ-5"))
        assert await memory.overview.catch_up() == 2
        assert await memory.overview.catch_up() == 0
        for words, found in (("преписка", [id_of(2), id_of(1)]), ("вх-5", [id_of(1)])):
            page = await memory.overview.lines(LineQuery(words=words))
            assert [line.document.id for line in page.lines] == found


async def test_words_are_filed_apart_and_each_text_holds_the_earlier_ones(tmp_path: Path) -> None:
    async with opened(tmp_path) as memory:
        await memory.store.admit(new_message(1))
        assert b"pdf" not in await _words(memory)
        assert await memory.overview.catch_up() == 1
        first = await memory.db.read(lambda t: t.all("SELECT rowid, terms FROM words"))
        await memory.store.change(registration(1, "ВХ-5"))
        assert await memory.overview.catch_up() == 1
        texts = await memory.db.read(lambda t: t.all("SELECT rowid, terms FROM words"))
        assert (texts[0], texts[1][0]) == (first[0], first[0][0] + 1)
        assert set(texts[1][1].split()) > set(first[0][1].split())


async def test_what_moved_since_it_was_read_is_read_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as memory:
        await memory.store.admit(new_message(1))
        stale = await memory.db.look(overview._waiting)
        await memory.store.change(registration(1, "ВХ-5"))
        assert await memory.db.write(lambda t: file_words(t, stale)) == 0
        assert await memory.overview.catch_up() == 1
        page = await memory.overview.lines(LineQuery(words="вх-5"))
        assert [line.document.id for line in page.lines] == [id_of(1)]


async def test_a_search_finds_what_was_stored_a_moment_ago(tmp_path: Path) -> None:
    async with opened(tmp_path) as memory:
        await memory.store.admit(new_message(1))
        page = await memory.overview.lines(LineQuery(words="преписка"))
        assert [line.document.id for line in page.lines] == [id_of(1)]
        assert await memory.overview.catch_up() == 0


async def test_a_change_that_fails_files_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as memory:
        await memory.store.admit(new_message(1, state=InboundState.HELD))
        with pytest.raises(StorageError):  # the same id again
            await memory.store.admit(new_message(1, state=InboundState.HELD))
        home = await memory.overview.home(START.replace(hour=0))
        assert [item.need for item in home.needs] == [Need.HELD]
        assert len((await memory.overview.lines(LineQuery())).lines) == 1


async def test_sieving_goes_on_where_a_page_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview_lines, "SIEVED", 3)
    monkeypatch.setattr(overview_lines, "TEXTS_AT_ONCE", 6)
    async with opened(tmp_path) as memory:
        await memory.store.admit(new_message(1, state=InboundState.HELD))
        for number in range(2, 12):
            await memory.store.admit(new_message(number))
            await memory.store.change(registration(number, f"ВХ-{number}"))
        found, after, pages = [], "", 0
        while pages == 0 or after:
            query = LineQuery(words="преписка", states=(InboundState.HELD,), after=after)
            page = await memory.overview.lines(query)
            found += [line.document.id for line in page.lines]
            after, pages = page.next, pages + 1
        assert (found, pages) == ([id_of(1)], 4)
