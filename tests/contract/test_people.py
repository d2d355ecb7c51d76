"""The contracts of `Accounts` and `Sessions`, on the doubles and on real databases."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from depesha.adapters.memory.journal import MemoryJournal
from depesha.adapters.memory.people import MemoryAccounts, MemorySessions
from depesha.adapters.memory.state import MemoryState
from depesha.adapters.memory.system import HandClock
from depesha.errors import ConflictError, StorageError, UnknownMessageError
from depesha.ports import Accounts, Journal, Sessions
from depesha.queue import people_statements
from depesha.schemas.people import Block, Closing, Deputy, Role, Secrets, Stage
from tests.support.console import account, person, row, session, step
from tests.support.memory import BODIES, SEAL_KEY, START, opened, opened_as


@dataclass
class Kept:
    accounts: Accounts
    sessions: Sessions
    journal: Journal

    async def kinds(self) -> list[str]:
        return [json.loads(r.body)["kind"] for r in await self.journal.after(0, 100)]


@pytest.fixture(params=BODIES)
async def kept(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kept]:
    if request.param == "double":
        state = MemoryState()
        journal = MemoryJournal(state, HandClock(START), SEAL_KEY)
        yield Kept(MemoryAccounts(state), MemorySessions(state), journal)
        return
    async with opened_as(request.param, tmp_path) as memory:
        yield Kept(memory.accounts, memory.sessions, memory.journal)


FULL = person(
    "ivanova",
    Secrets(
        password="$argon2id$x",
        must_change=False,
        changed_at=START,
        expires_at=START + timedelta(days=3),
        totp=b"\x00\xff\x80sealed",
        totp_step=7,
        recovery=(session("one").token, session("two").token),
        failures=3,
        locked_until=START,
        last_login=START,
    ),
    roles=frozenset({Role.CLERK, Role.OPERATOR}),
    position="деловодител",
    unit="Деловодство",
    contact="тел. 000",
    language="bg",
    blocked=Block(at=START, by="person:admin", why=Closing.BREACH, ground="ЗАП-1"),
    deputy=Deputy(login="petrova", since=START.date()),
    subject="sub-1",
)


async def test_a_person_is_read_back_whole(kept: Kept) -> None:
    stored = await kept.accounts.add(step(FULL))
    assert stored == replace(FULL, version=1)
    assert await kept.accounts.find("ivanova") == stored
    assert await kept.accounts.by_subject("sub-1") == stored
    assert await kept.kinds() == ["ACCOUNT_CHANGED"]


async def test_who_is_not_there_is_none(kept: Kept) -> None:
    await kept.accounts.add(step(person()))
    assert await kept.accounts.find("nobody") is None
    assert await kept.accounts.by_subject("sub-9") is None
    assert await kept.accounts.by_subject("") is None


async def test_a_login_is_given_once_for_ever(kept: Kept) -> None:
    await kept.accounts.add(step(FULL))
    with pytest.raises(ConflictError):
        await kept.accounts.add(step(person("ivanova")))
    assert await kept.kinds() == ["ACCOUNT_CHANGED"]


async def test_a_subject_belongs_to_one_account(kept: Kept) -> None:
    await kept.accounts.add(step(FULL))
    with pytest.raises(ConflictError):
        await kept.accounts.add(step(person("petrova", subject="sub-1")))
    other = await kept.accounts.add(step(person("petrova")))
    taken = replace(other, account=replace(other.account, subject="sub-1"))
    with pytest.raises(ConflictError):
        await kept.accounts.change(step(taken))
    assert await kept.accounts.find("petrova") == other


async def test_a_change_of_what_was_changed_since_is_a_conflict(kept: Kept) -> None:
    first = await kept.accounts.add(step(person()))
    changes = [
        replace(first, secrets=replace(first.secrets, failures=number)) for number in range(1, 6)
    ]
    results = await asyncio.gather(
        *(kept.accounts.change(step(one)) for one in changes), return_exceptions=True
    )
    assert sum(isinstance(one, ConflictError) for one in results) == 4
    found = await kept.accounts.find("ivanova")
    assert found is not None
    assert found.version == 2
    assert len(await kept.kinds()) == 2


async def test_nobody_is_changed_who_is_not_there(kept: Kept) -> None:
    with pytest.raises(UnknownMessageError):
        await kept.accounts.change(step(person()))
    assert await kept.kinds() == []


async def test_accounts_are_listed_in_order_and_in_pages(kept: Kept) -> None:
    for login in ("petrova", "ivanova", "georgiev"):
        await kept.accounts.add(step(person(login)))
    logins = [one.login for one in await kept.accounts.list("", 2)]
    assert logins == ["georgiev", "ivanova"]
    assert await kept.accounts.list("ivanova", 2) == (account("petrova"),)


async def test_a_deputy_finds_whom_he_stands_in_for(kept: Kept) -> None:
    away = Deputy(login="petrova", since=START.date())
    for login in ("ivanova", "georgiev"):
        await kept.accounts.add(step(person(login, deputy=away)))
    own = await kept.accounts.add(step(person("petrova")))
    assert [a.login for a in await kept.accounts.stood_in_for("petrova")] == ["georgiev", "ivanova"]
    back = await kept.accounts.find("ivanova")
    assert back is not None
    await kept.accounts.change(step(replace(back, account=replace(back.account, deputy=None))))
    assert [a.login for a in await kept.accounts.stood_in_for("petrova")] == ["georgiev"]
    assert await kept.accounts.stood_in_for(own.login + "x") == ()


# --- sessions ---


@pytest.fixture
async def two(kept: Kept) -> Kept:
    await kept.accounts.add(step(person("ivanova")))
    await kept.accounts.add(step(person("petrova")))
    return kept


async def test_a_session_is_read_back_whole(two: Kept) -> None:
    made = session("t", stage=Stage.HALF, roles=frozenset({Role.AUDITOR}), provider=True)
    await two.sessions.open(made, row())
    assert await two.sessions.find(made.token) == made
    assert await two.sessions.find(session("other").token) is None
    assert (await two.kinds())[2:] == ["LOGGED_OUT"]


async def test_a_session_takes_the_place_of_another(two: Kept) -> None:
    half, whole = session("half", stage=Stage.HALF), session("whole")
    await two.sessions.open(half, None)
    await two.sessions.open(whole, None, half.token)
    assert await two.sessions.of("ivanova") == (whole,)
    with pytest.raises(ConflictError):
        await two.sessions.open(session("thief"), row(), half.token)
    assert await two.sessions.of("ivanova") == (whole,)
    assert len(await two.kinds()) == 2


async def test_a_look_moves_forward_only(two: Kept) -> None:
    made = session("t")
    await two.sessions.open(made, None)
    await two.sessions.touch(made.token, START + timedelta(minutes=5))
    await two.sessions.touch(made.token, START + timedelta(minutes=3))
    await two.sessions.touch(session("gone").token, START)
    found = await two.sessions.find(made.token)
    assert found == replace(made, seen_at=START + timedelta(minutes=5))


async def test_a_session_ends_once(two: Kept) -> None:
    made = session("t")
    await two.sessions.open(made, None)
    assert await two.sessions.end(made.token, row()) is True
    assert await two.sessions.end(made.token, row()) is False
    assert await two.sessions.find(made.token) is None
    assert (await two.kinds())[2:] == ["LOGGED_OUT"]


async def test_a_change_may_end_all_sessions_of_that_person_alone(two: Kept) -> None:
    for name, login in (("a", "ivanova"), ("b", "ivanova"), ("c", "petrova")):
        await two.sessions.open(session(name, login), None)
    found = await two.accounts.find("ivanova")
    assert found is not None
    with pytest.raises(ConflictError):
        await two.accounts.change(step(replace(found, version=9), ends=True))
    assert len(await two.sessions.of("ivanova")) == 2
    await two.accounts.change(step(found))
    assert len(await two.sessions.of("ivanova")) == 2
    found = await two.accounts.find("ivanova")
    assert found is not None
    await two.accounts.change(step(found, ends=True))
    assert await two.sessions.of("ivanova") == ()
    assert len(await two.sessions.of("petrova")) == 1


async def test_what_ended_by_time_is_swept(two: Kept) -> None:
    hour = timedelta(hours=1)
    await two.sessions.open(session("ended", ends_at=START + hour), None)
    await two.sessions.open(session("unseen", seen_at=START - hour), None)
    await two.sessions.open(session("alive", seen_at=START + hour), None)
    assert await two.sessions.sweep(START, START + hour) == 2
    assert await two.sessions.sweep(START, START + hour) == 0
    assert [one.token for one in await two.sessions.of("ivanova")] == [session("alive").token]


# --- the real body alone ---


async def test_accounts_are_never_deleted_nor_renamed(tmp_path: Path) -> None:
    async with opened(tmp_path) as memory:
        await memory.accounts.add(step(person()))
        for attack in ("DELETE FROM accounts", "UPDATE accounts SET login = 'other'"):
            with pytest.raises(StorageError):
                await memory.db.write(lambda t, sql=attack: t.run(sql))  # type: ignore[misc]
        assert await memory.accounts.find("ivanova") is not None


async def test_every_statement_uses_a_key(tmp_path: Path) -> None:
    async with opened(tmp_path) as memory:
        for name, sql in vars(people_statements).items():
            if not name.isupper() or name.startswith("_"):
                continue
            values = (None,) * sql.count("?")
            plan = await memory.db.read(
                lambda t, s=sql, v=values: t.all(f"EXPLAIN QUERY PLAN {s}", *v)  # type: ignore[misc]
            )
            steps = [one[3] for one in plan]
            assert not any(one.startswith("SCAN") or "TEMP" in one for one in steps), (name, steps)


async def test_sessions_outlive_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as memory:
        await memory.accounts.add(step(FULL))
        await memory.sessions.open(session("t"), row())
    async with opened(tmp_path) as memory:
        assert await memory.sessions.find(session("t").token) == session("t")
        assert await memory.accounts.find("ivanova") == replace(FULL, version=1)
        assert await memory.journal.verify() == 2
