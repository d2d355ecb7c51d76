"""The console in a real browser, in short: `make browser` looks at all of it."""

from __future__ import annotations

import pytest

from tests.browser import test_journeys as journeys
from tests.browser.looks import overflow, violations
from tests.browser.stand import NARROW, standing


@pytest.mark.browser
@pytest.mark.clamd
@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_the_console_serves_a_person_in_a_real_browser() -> None:
    async with standing(second_factors=False) as stand:
        await journeys.test_a_person_logs_in_and_sees_the_worst_thing(stand)
        await journeys.test_a_document_is_found_by_the_number_of_the_other_side(stand)
        await journeys.test_the_policy_lets_nothing_inline_in_and_nothing_foreign(stand)
        async with stand.visitor() as (page, watch):
            for address in ("/", "/search?q=2026"):
                await page.goto(address)
                assert await violations(page) == []
                await page.set_viewport_size({"width": NARROW, "height": 900})
                assert await overflow(page) <= 0
            watch.clean()
