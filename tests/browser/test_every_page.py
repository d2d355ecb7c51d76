"""Every page, by everybody who may open it: axe, width, no complaint of the browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from depesha.simulators.console_people import POSTS
from tests.browser.looks import overflow, violations
from tests.browser.stand import NARROW, WIDE, Stand
from tests.browser.walk import NOT_LINKED, pages_of, table, walk

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

_seen: set[str] = set()


@pytest.mark.parametrize("login", [post.login for post in POSTS])
async def test_pages_are_accessible_and_without_complaint(
    stand: Stand, tmp_path: Path, login: str
) -> None:
    pages, faults = pages_of(await table(tmp_path)), []
    async with stand.visitor(login) as (page, watch):
        async for route, address in walk(page, pages):
            _seen.add(route)
            faults += await violations(page)
            await page.set_viewport_size({"width": NARROW, "height": 900})
            wider = await overflow(page)
            if wider > 0:
                faults.append(f"{address}: {wider} px wider than {NARROW}")
            await page.set_viewport_size({"width": WIDE, "height": 900})
        found = faults + watch.faults
        assert not found, "\n".join(found)


async def test_pages_for_strangers_are_accessible(stand: Stand) -> None:
    async with stand.stranger() as (page, watch):
        for address in ("/login", "/wall/screen"):
            await page.goto(address)
            _seen.add(address)
            assert await violations(page) == []
        watch.clean()


async def test_pages_that_only_trouble_brings_are_accessible(stand: Stand) -> None:
    async with stand.visitor("demo") as (page, watch):
        await page.goto("/channels/email/left")
        assert await violations(page) == []
        await page.goto("/channels/email/pause/sending")
        await page.fill("[name=reason]", "Профилактика на пощенския сървър.")
        await page.click("form.card button[type=submit]")
        await page.goto("/channels/email/resume/sending")
        assert await violations(page) == []
        await page.click("form.card button[type=submit]")
        watch.clean()
    _seen.update(("/channels/email/left", "/channels/{network}/resume/{way}"))


async def test_no_page_of_the_table_was_left_out(stand: Stand, tmp_path: Path) -> None:
    pages = set(pages_of(await table(tmp_path)))
    left = sorted(pages - _seen - NOT_LINKED)
    assert not left, left
