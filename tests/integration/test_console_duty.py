"""On leave all of a person's tasks go to the deputy; nothing stays ownerless (S23)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from depesha.schemas.lifecycle import InboundState
from depesha.schemas.people import Closing, Deputy, Role
from tests.support.console import MACHINE, Browser
from tests.support.console_whole import Whole, whole
from tests.support.memory import id_of, new_message

NEED = f"/needs/{id_of(1)}/take"
PAGES = ("/", f"/documents/{id_of(1)}")


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Whole]:
    async with whole(tmp_path) as made:
        await made.memory.store.admit(new_message(1, state=InboundState.HELD))
        yield made


async def person(here: Whole, login: str) -> Browser:
    browser = await here.visitor(Role.CLERK, login=login)
    found = await here.office.person(login)
    assert found.account.name == "Лице Примерно"
    return browser


async def taken_by(here: Whole, who: Browser) -> str:
    """Return who looks after the need, as its own page says it; empty: nobody."""
    page = (await who.get(NEED)).text
    before = page.partition('name="before" value="')[2].partition('"')[0]
    for path in PAGES:
        assert ("Taken by" in (await who.get(path)).text) is bool(before), path
    return before


async def test_a_taken_need_is_the_deputys_on_the_days_of_leave(here: Whole) -> None:
    away, deputy = await person(here, "away"), await person(here, "deputy")
    await away.get(NEED)
    assert (await away.submit(NEED)).location == "/#needs"
    assert await taken_by(here, deputy) == "away"
    today = here.clock.now().date()
    leave = Deputy(login="deputy", since=today, until=today + timedelta(days=7))
    await here.office.parts.keeper.depute(MACHINE, "away", leave)
    assert await taken_by(here, deputy) == "deputy"
    here.clock.advance(9 * 24 * 3600)
    back = Browser(here.office, headers={"Accept-Language": "en"})
    await back.log_in("away")
    assert await taken_by(here, back) == "away", "and his own again afterwards"


async def test_the_deputy_gives_it_back_as_his_own(here: Whole) -> None:
    away, deputy = await person(here, "away"), await person(here, "deputy")
    await away.get(NEED)
    await away.submit(NEED)
    today = here.clock.now().date()
    await here.office.parts.keeper.depute(MACHINE, "away", Deputy(login="deputy", since=today))
    await deputy.get(NEED)
    assert (await deputy.submit(NEED)).location == "/#needs"
    assert await taken_by(here, deputy) == ""


async def test_what_a_dismissed_colleague_took_is_everybodys_again(here: Whole) -> None:
    gone, other = await person(here, "gone"), await person(here, "other")
    await gone.get(NEED)
    await gone.submit(NEED)
    await here.office.parts.keeper.block(MACHINE, "gone", Closing.LEFT, "ЗАП-9/2026")
    assert await taken_by(here, other) == ""
    await other.get(NEED)
    assert (await other.submit(NEED)).location == "/#needs"
    assert await taken_by(here, other) == "other"


async def test_two_do_not_take_it_at_the_same_time(here: Whole) -> None:
    one, other = await person(here, "one"), await person(here, "other")
    await one.get(NEED)
    await other.get(NEED)
    assert (await one.submit(NEED)).location == "/#needs"
    assert (await other.submit(NEED)).status == 400
    assert await taken_by(here, other) == "one"
