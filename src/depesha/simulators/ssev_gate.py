"""What may go wrong around any answer of the simulated SSEV: slow, cut, lost, refused.

It wraps handlers and knows nothing of what they do.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from depesha.ports import Clock
from depesha.simulators.ssev_quirks import SsevOddity

GATEWAY_PAGE: Final = "<html><body><h1>502 Bad Gateway</h1></body></html>"


class Gate:
    """Spends the fault switches."""

    def __init__(self, *, clock: Clock, oddity: SsevOddity) -> None:
        self._clock = clock
        self._oddity = oddity

    def before(self, request: web.Request) -> web.Response | None:
        """Return an answer in place of the real one, or None."""
        if self._oddity.spend("aborts"):
            abort(request)
            return web.Response(status=500)
        if self._oddity.spend("http_500"):
            if self._oddity.quirks.html_errors:
                return web.Response(status=502, text=GATEWAY_PAGE, content_type="text/html")
            return web.Response(status=500)
        return None

    async def after(
        self, request: web.Request, answer: web.StreamResponse, *, sent: bool, opened: bool
    ) -> web.StreamResponse:
        """Return the answer, or what is left of it, once the work is done."""
        if self._oddity.quirks.slow_seconds:
            await self._clock.sleep(self._oddity.quirks.slow_seconds)
        if (sent and self._oddity.spend("lost_answers")) or (
            opened and self._oddity.spend("lost_opens")
        ):
            abort(request)
            return web.Response()
        if sent and self._oddity.spend("reset_answers") and isinstance(answer, web.Response):
            return await self._half(request, answer)
        return answer

    async def _half(self, request: web.Request, answer: web.Response) -> web.StreamResponse:
        body = answer.body
        content = body if isinstance(body, bytes) else b""
        response = web.StreamResponse(headers={"Content-Type": answer.headers["Content-Type"]})
        response.content_length = len(content) + 1  # even a one-digit answer is cut short
        await response.prepare(request)
        await response.write(content[: len(content) // 2])
        abort(request)
        return response


def abort(request: web.Request) -> None:
    """Cut the connection without a word."""
    if request.transport is not None:
        request.transport.abort()
