"""What may go wrong around any answer of the simulated SSEV: slow, cut, lost, refused.

It wraps handlers and knows nothing of what they do.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from depesha.ports import Clock
from depesha.simulators.ssev_quirks import SsevOddity, SsevOperation

GATEWAY_PAGE: Final = "<html><body><h1>502 Bad Gateway</h1></body></html>"


class Gate:
    """Spends the fault switches."""

    def __init__(self, *, clock: Clock, oddity: SsevOddity) -> None:
        self._clock = clock
        self._oddity = oddity

    def before(self, request: web.Request, operation: SsevOperation) -> web.Response | None:
        """Return an answer in place of the real one, or None."""
        if self._oddity.spend("aborts", operation):
            abort(request)
            return web.Response(status=500)
        if self._oddity.spend("http_500", operation):
            if self._oddity.quirks.html_errors:
                return web.Response(status=502, text=GATEWAY_PAGE, content_type="text/html")
            return web.Response(status=500)
        return None

    async def after(
        self, request: web.Request, answer: web.StreamResponse, operation: SsevOperation
    ) -> web.StreamResponse:
        """Return the answer, or what is left of it, once the work is done."""
        oddity, done = self._oddity, answer.status == 200  # noqa: PLR2004 -- OK
        quirks = oddity.quirks
        if quirks.slow_seconds and oddity.concerns(operation):
            await self._clock.sleep(quirks.slow_seconds)
            if oddity.quirks is not quirks:  # those set meanwhile are for later calls
                return answer
        if oddity.spend("unanswered", operation) or (done and self._loses(operation)):
            abort(request)
            return web.Response()
        if isinstance(answer, web.Response) and (
            oddity.spend("cut_answers", operation)
            or (done and operation is SsevOperation.SEND and oddity.spend("reset_answers"))
        ):
            return await self._half(request, answer)
        return answer

    def _loses(self, operation: SsevOperation) -> bool:
        match operation:
            case SsevOperation.SEND:
                return self._oddity.spend("lost_answers")
            case SsevOperation.OPEN:
                return self._oddity.spend("lost_opens")
            case _:
                return False

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
