"""What people do at the console, with real pages: see the worst, act, follow, find, prove."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from depesha.adapters.system import SystemClock
from depesha.simulators.traffic import Sort, Traffic
from tests.browser.looks import overflow, violations, walk_by_keyboard
from tests.browser.stand import NARROW, Stand, enter

if TYPE_CHECKING:
    from playwright.async_api import Page, Route

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

TITLES = {"bg": "Преглед", "cs": "Přehled", "uk": "Огляд", "en": "Overview"}


async def with_a_fallback(page: Page) -> None:
    """Open a document that took its second network and was answered there."""
    await page.goto("/search?way=out&network=ssev")
    links = await page.locator("ol.found a").evaluate_all("all => all.map((a) => a.href)")
    for link in links:
        await page.goto(link)
        tries = " ".join(await page.locator("ol.tries").all_inner_texts())
        if "SEOS" in tries and await page.get_by_text("Recipient's number").count():
            return
    raise AssertionError("no document took a second network")


async def _silence(route: Route) -> None:
    await route.fulfill(status=204)


async def test_a_person_logs_in_and_sees_the_worst_thing(stand: Stand) -> None:
    async with stand.stranger() as (page, watch):
        await enter(page, stand.login("demo"))
        worst = page.locator("#sentence")
        assert "bad" in (await worst.get_attribute("class") or "")
        assert "telephone" in await worst.inner_text()
        await page.click("#sentence-button")
        await page.get_by_text("Училище Поляна, 02 000 000").first.wait_for()
        watch.clean()


async def test_what_waits_is_acted_on_with_its_effect_stated(stand: Stand) -> None:
    async with stand.visitor() as (page, watch):
        held = page.locator("#needs li", has_text="A held message")
        await page.goto("/")
        before = await held.count()
        await held.first.locator("a.button").first.click()
        await page.locator("ul.deeds a", has_text="Release").click()
        assert await page.locator("#effect").inner_text() != ""
        await page.fill("textarea[name=reason]", "Паролата е дадена по телефона.")
        await page.click("form.card button[type=submit]")
        await page.locator("p.note[role=status]").wait_for()
        await page.goto("/")
        assert await held.count() == before - 1
        watch.clean()


async def test_a_document_is_followed_through_a_fallback(stand: Stand) -> None:
    async with stand.visitor() as (page, watch):
        await with_a_fallback(page)
        tries = await page.locator("ol.tries > li").all_inner_texts()
        networks = [next(n for n in ("SEOS", "SSEV") if n in one) for one in tries]
        assert networks[0] == "SEOS"
        assert networks[-1] == "SSEV"
        story = await page.locator("ol.story time").evaluate_all(
            "all => all.map((t) => t.dateTime)"
        )
        assert story == sorted(story)
        watch.clean()


async def test_a_document_is_found_by_the_number_of_the_other_side(stand: Stand) -> None:
    async with stand.visitor() as (page, watch):
        await with_a_fallback(page)
        here = page.url
        fact = page.locator("dt", has_text="Recipient's number").first
        number = (await fact.locator("xpath=following-sibling::dd[1]").inner_text()).split(" ")[0]
        await page.goto("/search")
        await page.fill("[name=q]", number)
        await page.press("[name=q]", "Enter")
        found = page.locator("ol.found a")
        await found.first.wait_for()
        assert [await one.evaluate("a => a.href") for one in await found.all()] == [here]
        watch.clean()


async def test_the_evidence_of_a_document_verifies_without_the_gateway(
    stand: Stand, tmp_path: Path
) -> None:
    async with stand.visitor() as (page, watch):
        await with_a_fallback(page)
        await page.get_by_role("link", name="Evidence pack").click()
        await page.select_option("[name=purpose]", index=1)
        await page.fill("[name=ground]", "ПРИМЕР-9")
        async with page.expect_download() as kept:
            await page.click("form.card button[type=submit]")
        file = tmp_path / "pack"
        await (await kept.value).save_as(file)
        watch.clean()
    key = stand.gateway.seal_key
    done = await asyncio.to_thread(
        subprocess.run,
        (sys.executable, "-m", "depesha", "evidence", "verify", str(file), "--key", str(key)),
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("language", sorted(TITLES))
async def test_four_languages(stand: Stand, language: str) -> None:
    async with stand.stranger(language=language) as (page, watch):
        await page.goto("/login")
        assert await page.locator("html").get_attribute("lang") == language
        await enter(page, stand.login("demo-auditor"))
        await page.goto("/account")
        await page.select_option("[name=language]", language)
        await page.locator("form[action='/account/language'] button").click()
        for address in ("/", "/search", "/audit"):
            await page.goto(address)
            assert await page.locator("html").get_attribute("lang") == language
            assert await overflow(page) <= 0
            await page.set_viewport_size({"width": NARROW, "height": 900})
            assert await overflow(page) <= 0, address
        await page.goto("/")
        assert TITLES[language] in await page.title()
        assert await violations(page) == []
        watch.clean()


@pytest.mark.parametrize("address", ["/", "/search?q=2026", "document"])
async def test_the_keyboard_alone_will_do(stand: Stand, address: str) -> None:
    async with stand.visitor() as (page, watch):
        await page.route("**/changes", _silence)  # nothing is exchanged under our fingers
        if address == "document":
            await with_a_fallback(page)
        else:
            await page.goto(address)
        await page.evaluate("() => document.activeElement.blur()")
        seen = await walk_by_keyboard(page)
        assert [one["stop"] for one in seen] == list(range(len(seen)))
        stops = await page.locator("[data-stop]").count()
        assert len(seen) == stops
        assert [one for one in seen if not (one["outlined"] and one["inside"])] == []
        watch.clean()


async def test_the_skip_link_leads_past_the_head(stand: Stand) -> None:
    async with stand.visitor() as (page, watch):
        await page.goto("/")
        await page.keyboard.press("Tab")
        skip = page.locator("a.skip")
        assert await skip.evaluate("a => a === document.activeElement")
        box = await skip.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        await page.keyboard.press("Enter")
        assert await page.evaluate("() => document.activeElement.id") == "main"
        watch.clean()


async def test_pages_are_read_without_scripts(stand: Stand) -> None:
    async with stand.visitor(scripts=False) as (page, watch):
        await page.goto("/")
        assert await page.locator("#needs li").count() > 5
        await page.goto("/search")
        await page.fill("[name=q]", "ИЗХ")
        await page.press("[name=q]", "Enter")
        await page.locator("ol.found a").first.click()
        await page.locator("ol.story li").first.wait_for()
        watch.clean()


async def test_the_policy_lets_nothing_inline_in_and_nothing_foreign(stand: Stand) -> None:
    async with stand.visitor() as (page, watch):
        answer = await page.goto("/")
        assert answer is not None
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert await page.locator("[style], script:not([src])").count() == 0
        await page.evaluate(
            "() => document.body.append(Object.assign(document.createElement('script'),"
            " {textContent: 'window.ran = 1'}))"
        )
        assert await page.evaluate("() => window.ran") is None
        assert any("CSP: script-src" in one for one in watch.faults)


async def test_an_open_page_follows_what_happens(stand: Stand) -> None:
    peer, gateway = stand.country.peers["izvor"], stand.gateway
    async with stand.visitor() as (page, watch):
        await page.goto("/")
        strip = page.locator("#networks article", has_text="SEOS")
        await page.locator("#live", has_text="live").wait_for()
        before = await strip.inner_text()
        item = Traffic("live", SystemClock().now().date()).next(Sort.GOOD)
        await peer.submit(gateway.plan.party, gateway.seos_url, item.request)
        counted = "in " + str(int(before.split("in ")[1].split(",")[0]) + 1)
        await strip.get_by_text(counted).wait_for(timeout=10_000)
        watch.clean()
