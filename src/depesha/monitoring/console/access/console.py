"""Puts the console together: one table of routes, one guard before it, one set of headers.

Pages of other parts are handed in as routes; each must say what it needs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from depesha.monitoring.console.access.headers import protect
from depesha.monitoring.console.access.routes import Door, LocalPaths, Route

if TYPE_CHECKING:
    from depesha.monitoring.console.access.desk import AccessDesk
    from depesha.monitoring.console.access.guard import Guard
    from depesha.monitoring.console.access.pages import Pages
    from depesha.monitoring.console.access.provider import ProviderDesk

_Served = Callable[[web.Request], Awaitable[web.StreamResponse]]
_NO_SUCH = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})


class Console:
    """The console's table of routes, ready to be served."""

    def __init__(
        self,
        *,
        guard: Guard,
        pages: Pages,
        desk: AccessDesk,
        provider: ProviderDesk | None = None,
        routes: Sequence[Route] = (),
        tls: bool,
    ) -> None:
        """Take the parts; `routes` are those of the content pages, `tls` how browsers come."""
        static = Route(
            method="GET",
            path="/static/{digest}/{name}",
            handler=pages.static,
            needs=Door.ANYBODY,
            while_forced=True,
        )
        own = (*desk.routes(), *(provider.routes() if provider else ()), static)
        self.routes: tuple[Route, ...] = (*own, *routes)
        pages.know(self.routes)
        self._guard = guard
        self._tls = tls
        paths = LocalPaths(self.routes)
        desk.paths = paths
        if provider is not None:
            provider.paths = paths

    def install(self, application: web.Application) -> None:
        """Add the console to the operators' application, beside its other routes."""
        for route in self.routes:
            application.router.add_route(route.method, route.pattern, self._served(route))
        application.middlewares.append(self._strange)
        application.on_response_prepare.append(self._headers)

    def application(self) -> web.Application:
        """Return an application of the console alone."""
        made = web.Application()
        self.install(made)
        return made

    def _served(self, route: Route) -> _Served:
        async def serve(request: web.Request) -> web.StreamResponse:
            return await self._guard.serve(route, request)

        return serve

    @web.middleware
    async def _strange(self, request: web.Request, handler: _Served) -> web.StreamResponse:
        """Answer what no route has in the console's own words."""
        try:
            return await handler(request)
        except web.HTTPException as error:
            if error.status not in _NO_SUCH:
                raise
            answer = await self._guard.refuse(request, error.status)
            if "Allow" in error.headers:
                answer.headers["Allow"] = error.headers["Allow"]
            return answer

    async def _headers(self, _request: web.Request, response: web.StreamResponse) -> None:
        protect(response, tls=self._tls)
