"""The console's doors as a browser meets them: log-in, sessions, forms, headers, rights."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.console import Browser, Office, office


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as opened:
        yield opened


async def test_a_person_logs_in_and_out(here: Office) -> None:
    await here.add()
    browser = Browser(here)
    assert (await browser.get("/")).location == "/login?next=/"
    assert (await browser.log_in()).location == "/"
    answer = await browser.get("/")
    assert (answer.status, answer.text) == (200, "page of ivanova")
    await browser.get("/account")
    assert (await browser.submit("/logout")).location == "/login"
    assert (await browser.get("/")).status == 303
    assert here.kinds() == ["LOGGED_IN", "LOGGED_OUT"]
