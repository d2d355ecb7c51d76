"""The registry API as an aiohttp application: the route table put behind the gate.

Every answer, good or bad, gets the same safe headers; every failure becomes problem+json. An
unforeseen exception is logged by its kind and place only: its text might hold a document's words.
"""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.typedefs import Middleware

from depesha.adapters.registry import problems
from depesha.adapters.registry.gate import admit
from depesha.adapters.registry.openapi import document
from depesha.adapters.registry.problems import Problem, problem_of
from depesha.adapters.registry.routes import BASE, JSON, Answer, Call, Parts, Route
from depesha.adapters.registry.table import ROUTES
from depesha.adapters.registry.tokens import Attempts
from depesha.errors import Blame, DepeshaError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Served = Callable[[web.Request], Awaitable[web.StreamResponse]]

_log = logging.getLogger("depesha.registry_api")

_OPENAPI = web.AppKey("openapi", bytes)
_REQUEST_ID = web.RequestKey("request_id", str)
_STARTED = web.RequestKey("started", bool)
_PLACES = {
    "{n}": r"{n:[0-9]{1,6}}",
    "{task}": r"{task:[0-9]{1,15}}",
    "{identifier}": r"{identifier:[A-Za-z0-9._-]{1,64}}",
}
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


async def _openapi(_: Parts, call: Call) -> web.StreamResponse:
    return web.Response(body=call.request.app[_OPENAPI], content_type=JSON)


async def _problem_page(_: Parts, call: Call) -> web.StreamResponse:
    kind = problems.BY_CODE.get(call.request.match_info["code"])
    if kind is None:
        raise Problem(problems.NOT_FOUND)
    page = {
        "code": kind.code,
        "status": kind.status,
        "title": kind.title,
        "blame": kind.blame.value,
        "temporary": kind.temporary,
        "remedy": kind.remedy,
    }
    return web.json_response(page)


PUBLIC: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/openapi.json",
        operation="getOpenapi",
        summary="This document",
        handler=_openapi,
        answers={200: Answer(description="OpenAPI 3.1")},
    ),
    Route(
        method="GET",
        path="/problems/{code}",
        operation="explainProblem",
        summary="What a problem means, who has to act, whether waiting helps",
        handler=_problem_page,
        answers={200: Answer(description="One kind of problem")},
        problems=(problems.NOT_FOUND,),
    ),
)
ALL_ROUTES = (*ROUTES, *PUBLIC)


def build_app(parts: Parts, *, version: str) -> web.Application:
    """Return the application for the registry's listener. `parts.tokens` must be loaded.

    Stopping it wakes whoever waits; the bell may not be used by another application.
    """
    limits = parts.settings
    app = web.Application(client_max_size=limits.body_bytes, middlewares=[_outermost(parts)])
    attempts = Attempts(
        parts.clock,
        limit=limits.failed_attempts,
        window=limits.failed_window_seconds,
        addresses=limits.failed_addresses,
    )
    app[_OPENAPI] = json.dumps(document(ALL_ROUTES, version), ensure_ascii=False).encode()
    for route in ALL_ROUTES:
        path = route.path
        for place, pattern in _PLACES.items():
            path = path.replace(place, pattern)
        app.router.add_route(route.method, BASE + path, _served(parts, attempts, route))
    app.on_response_prepare.append(_dress)
    app.on_shutdown.append(_closing(parts))
    return app


def _served(parts: Parts, attempts: Attempts, route: Route) -> Served:
    async def serve(request: web.Request) -> web.StreamResponse:
        call = await admit(parts, attempts, route, request)
        if route.stream:
            return await route.handler(parts, call)
        async with asyncio.timeout(parts.settings.request_seconds):
            return await route.handler(parts, call)

    return serve


def _closing(parts: Parts) -> Callable[[web.Application], Awaitable[None]]:
    async def close(_: web.Application) -> None:
        parts.bell.close()

    return close


async def _dress(request: web.Request, response: web.StreamResponse) -> None:
    request[_STARTED] = True
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if _REQUEST_ID in request:
        response.headers["X-Request-Id"] = request[_REQUEST_ID]


def _outermost(parts: Parts) -> Middleware:
    @web.middleware
    async def outermost(request: web.Request, handler: Served) -> web.StreamResponse:
        request[_REQUEST_ID] = parts.ids.guid()
        began = parts.clock.monotonic()
        try:
            response = await handler(request)
        except ConnectionError:
            raise  # the caller is gone: nobody is left to be answered
        except Exception as error:  # noqa: BLE001 -- the last door: everything becomes an answer
            response = _failed(parts, request, error)
        seconds = parts.clock.monotonic() - began
        parts.observer.request("registry", response.status, seconds)
        return response

    return outermost


def _failed(parts: Parts, request: web.Request, error: Exception) -> web.Response:
    problem = _as_problem(parts, error)
    if request.get(_STARTED) and request.transport is not None:
        # Half of an answer is out: only breaking off tells the caller that it is not whole.
        request.transport.abort()
    return problems.answer(problem, request[_REQUEST_ID])


def _as_problem(parts: Parts, error: Exception) -> Problem:
    match error:
        case Problem():
            problem = error
        case DepeshaError():
            problem = problem_of(error)
        case web.HTTPRequestEntityTooLarge():
            problem = Problem(problems.TOO_LARGE)
        case web.HTTPMethodNotAllowed():
            problem = Problem(problems.WRONG_METHOD, headers={"Allow": error.headers["Allow"]})
        case web.HTTPNotFound():
            problem = Problem(problems.NOT_FOUND)
        case TimeoutError():
            problem = Problem(problems.BUSY)
        case _:
            _log_unforeseen(error)
            problem = Problem(problems.INTERNAL)
    if problem.kind.blame is Blame.OURS:
        parts.observer.trouble("registry_api", problem.kind.code)
    return problem


def _log_unforeseen(error: Exception) -> None:
    frames = traceback.extract_tb(error.__traceback__)
    places = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames[-6:]))
    _log.error("unforeseen %s at %s", type(error).__name__, places)
