"""Watches a real page: whatever the browser complains of is remembered with its address."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, ConsoleMessage, Page, Request, Response

_NOTE_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) => {
  console.error("CSP: " + event.violatedDirective + " " + event.blockedURI);
});
"""
_LEFT = "net::ERR_ABORTED"
"""The page was left, or its stream closed: no fault."""


class Watch:
    """Everything that went wrong in one browser's pages."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.allowed: set[int] = set()
        """Statuses that a test asks for itself."""

    async def over(self, context: BrowserContext) -> None:
        """Watch every page of a browser."""
        await context.add_init_script(_NOTE_VIOLATIONS)
        context.on("page", self._opened)

    def _opened(self, page: Page) -> None:
        def said(message: ConsoleMessage) -> None:
            expected = self.allowed and message.text.startswith("Failed to load resource")
            if message.type in {"error", "warning"} and not expected:
                self.faults.append(f"{page.url}: {message.type}: {message.text}")

        def failed(request: Request) -> None:
            if request.failure != _LEFT:
                self.faults.append(f"{request.url}: {request.failure}")

        def answered(response: Response) -> None:
            if response.status >= 400 and response.status not in self.allowed:
                self.faults.append(f"{response.url}: {response.status}")

        page.on("console", said)
        page.on("pageerror", lambda error: self.faults.append(f"{page.url}: {error}"))
        page.on("requestfailed", failed)
        page.on("response", answered)

    def clean(self) -> None:
        """Fail where anything went wrong."""
        assert self.faults == []
