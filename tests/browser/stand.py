"""A demo country whose gateway lived a busy week, a real Chromium, and people who are logged in."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from playwright.async_api import async_playwright

from depesha.adapters.system import SystemClock, SystemIds
from depesha.simulators.bodies import GATEWAYS, IZVOR, NETWORKS, PRIMER
from depesha.simulators.console_people import POSTS, STEP_SECONDS, Login, code_at
from depesha.simulators.country import Country
from depesha.simulators.demo_story import SETTINGS
from tests.browser.watch import Watch

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, Page, StorageState

    from depesha.simulators.gateway_process import GatewayProcess

CHROMIUM = "/usr/bin/chromium"
WIDE, NARROW = 1280, 390
PATIENCE_MS = 10_000
Scheme = Literal["light", "dark"]
_OPTIONS = ("--no-sandbox", "--disable-dev-shm-usage", "--font-render-hinting=none")
"""Tests run as root in containers, where Chromium's own sandbox cannot be made."""


@dataclass
class Stand:
    """The country and the browser."""

    country: Country
    browser: Browser
    _kept: dict[str, StorageState] = field(default_factory=dict)
    _turns: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def gateway(self) -> GatewayProcess:
        """The gateway whose console is looked at."""
        return self.country.gateways[PRIMER.folder]

    @property
    def console(self) -> str:
        """Its address."""
        return self.gateway.operators

    def login(self, name: str) -> Login:
        """Return what opens the console for somebody."""
        return next(one for one in self.country.logins if one.post.login == name)

    @asynccontextmanager
    async def stranger(
        self,
        *,
        width: int = WIDE,
        scheme: Scheme = "light",
        language: str = "en",
        scripts: bool = True,
        state: StorageState | None = None,
    ) -> AsyncIterator[tuple[Page, Watch]]:
        """Open a page that is watched."""
        watch, more = Watch(), {} if state is None else {"storage_state": state}
        context: BrowserContext = await self.browser.new_context(
            base_url=self.console,
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            locale=language,
            java_script_enabled=scripts,
            reduced_motion="reduce",
            **more,  # type: ignore[arg-type]  # the state alone
        )
        context.set_default_timeout(PATIENCE_MS)
        await watch.over(context)
        try:
            yield await context.new_page(), watch
        finally:
            await context.close()

    @asynccontextmanager
    async def visitor(self, name: str = "demo", **how: Any) -> AsyncIterator[tuple[Page, Watch]]:
        """Open a page of somebody who is logged in; logged in once, remembered afterwards."""
        async with self._turns:
            if name not in self._kept:
                self._kept[name] = await self._enter(self.login(name))
        async with self.stranger(state=self._kept[name], **how) as opened:
            yield opened

    async def _enter(self, login: Login) -> StorageState:
        async with self.stranger() as (page, watch):
            await enter(page, login)
            watch.clean()
            return await page.context.storage_state()


async def enter(page: Page, login: Login) -> None:
    """Log in by the form, with a second factor where there is one."""
    clock = SystemClock()
    await page.goto("/login")
    await page.fill("[name=login]", login.post.login)
    await page.fill("[name=password]", login.password)
    await page.click("main button[type=submit]")
    if login.key:
        seconds = clock.now().timestamp()
        await clock.sleep(STEP_SECONDS - seconds % STEP_SECONDS + 1)  # a code opens once
        await page.fill("[name=code]", code_at(login.key, clock.now().timestamp()))
        await page.click("main button[type=submit]")
    await page.wait_for_url("**/")


@asynccontextmanager
async def standing(*, second_factors: bool = True) -> AsyncIterator[Stand]:
    """Bring everything up; `second_factors` False leaves out who needs one, for a quick start."""
    clock = SystemClock()
    people = tuple(post for post in POSTS if second_factors or not post.second)
    with tempfile.TemporaryDirectory(prefix="depesha-browser-") as name:
        country = Country(
            Path(name) / "country",
            clock=clock,
            ids=SystemIds(clock),
            gateways=GATEWAYS[:1],
            acting=(IZVOR,),
            networks=NETWORKS,
            settings=SETTINGS,
            people=people,
            weeks=(PRIMER.folder,),
        )
        async with country, async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=list(_OPTIONS)
            )
            try:
                yield Stand(country=country, browser=browser)
            finally:
                await browser.close()
