"""What is looked at on every page: accessibility by axe, width, the keyboard's way through it."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.async_api import Page

TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa")
SCHEMES = ("light", "dark")
_RUN = """async (tags) => {
  const found = await axe.run(document, { runOnly: { type: "tag", values: tags } });
  return found.violations.map((one) => one.id + ": " + one.help + " — " +
    one.nodes.map((node) => node.target.join(" ") + " " + (node.any[0]?.message ?? "")).join("; "));
}"""
_TAB_STOPS = """() => [...document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")]
  .filter((one) => !one.disabled && one.getClientRects().length > 0 && one.checkVisibility())
  .map((one, index) => { one.dataset.stop = index; return index; }).length"""
_FOCUSED = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) { return null; }
  const style = getComputedStyle(one), box = one.getBoundingClientRect();
  return { stop: Number(one.dataset.stop ?? -1), tag: one.tagName, text: one.textContent.trim(),
           outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
           inside: box.bottom > 0 && box.right > 0 &&
             box.top < innerHeight && box.left < innerWidth };
}"""


@cache
def _axe() -> str:
    """The checker's own source (MPL-2.0), as its package brings it; never served by us."""
    return files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")


async def violations(page: Page) -> list[str]:
    """Return what axe finds in light and in dark."""
    await page.evaluate(_axe())
    found = []
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of two words
        said: list[str] = await page.evaluate(_RUN, list(TAGS))
        found += [f"{page.url} ({scheme}): {one}" for one in said]
    return found


async def overflow(page: Page) -> int:
    """Return by how many pixels the page is wider than the window."""
    wide: int = await page.evaluate(
        "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return wide


async def walk_by_keyboard(page: Page) -> list[dict[str, Any]]:
    """Press Tab until the page is left; return where the focus was, in order."""
    await page.evaluate("() => { document.body.tabIndex = -1; document.body.focus(); }")
    stops: int = await page.evaluate(_TAB_STOPS)
    seen: list[dict[str, Any]] = []
    for _ in range(stops + 2):
        await page.keyboard.press("Tab")
        focused = await page.evaluate(_FOCUSED)
        if focused is None:
            break
        if seen and focused["stop"] == seen[0]["stop"]:
            break
        seen.append(focused)
    return seen
