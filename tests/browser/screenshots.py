"""`make screenshots`: takes the pictures of `docs/screenshots` from a country that really runs."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from tests.browser.stand import NARROW, Stand, standing
from tests.browser.test_journeys import with_a_fallback

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from playwright.async_api import Page

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
MOST_BYTES = 200_000


async def take(stand: Stand, folder: Path) -> list[Path]:
    """Take every picture; return the files."""

    def at(address: str) -> Callable[[Page], Awaitable[object]]:
        return lambda page: page.goto(address)

    async def found(page: Page) -> None:
        await page.goto("/search")
        await page.fill("[name=q]", "Област Примерна")
        await page.press("[name=q]", "Enter")
        await page.locator("ol.found").wait_for()

    return [
        await _one(stand, folder / "home.png", at("/"), language="bg"),
        await _one(stand, folder / "home-390.png", at("/"), language="bg", width=NARROW),
        await _one(stand, folder / "home-dark.png", at("/"), scheme="dark"),
        await _one(stand, folder / "document.png", with_a_fallback),
        await _one(stand, folder / "search.png", found),
        await _one(stand, folder / "wall.png", at("/wall"), scheme="dark"),
    ]


async def _one(
    stand: Stand,
    file: Path,
    show: Callable[[Page], Awaitable[object]],
    *,
    language: str = "en",
    **how: object,
) -> Path:
    async with stand.visitor(**how) as (page, watch):  # type: ignore[arg-type]  # width, scheme
        await _speak(page, language)
        await show(page)
        await page.wait_for_load_state("load")
        data = await page.screenshot(animations="disabled", scale="css")
        watch.clean()
    if len(data) > MOST_BYTES:
        raise ValueError(f"{file.name} has {len(data)} bytes")
    await asyncio.to_thread(file.write_bytes, data)
    return file


async def _speak(page: Page, language: str) -> None:
    await page.goto("/account")
    await page.select_option("[name=language]", language)
    await page.locator("form[action='/account/language'] button").click()


async def main(folder: Path) -> None:
    """Bring the country up, and take them."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 -- nothing else waits here
    async with standing(second_factors=False) as stand:
        for file in await take(stand, folder):
            print(f"{file.name}: {file.stat().st_size:,} bytes")  # noqa: T201


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=FOLDER)
    asyncio.run(main(parser.parse_args().into))
