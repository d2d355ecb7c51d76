"""Orders of commands on this machine to a running gateway, by a socket in the store's folder.

Who orders is what the kernel says of the other end, so that the evidence names nobody wrongly.
Where no gateway runs there is no socket, and the command works on the store itself.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aiohttp import web

from depesha.app.sockets import listening, told_by
from depesha.errors import DepeshaError, ForbiddenError, PeerError, RuleError
from depesha.monitoring.console.access.door import machine_doer

if TYPE_CHECKING:
    from pathlib import Path

Report = dict[str, Any]
Do = Callable[[str, dict[str, str], str], Awaitable[Report]]
"""Act, facts, who; returns what is shown; raises `DepeshaError`."""

SOCKET = "keeping.sock"
_PATH = "/"
_SECONDS = 120.0
_CREDENTIALS = struct.Struct("3i")


def open_door(doers: Mapping[str, Do], folder: Path) -> AbstractAsyncContextManager[None]:
    """Listen on the socket in `folder`, which must belong to this process.

    `doers` by the first word of the acts that are theirs (`reconcile-report`).
    """
    return listening(_application(doers), folder, SOCKET)


async def ask(folder: Path, act: str, facts: dict[str, str]) -> Report | None:
    """Give an order to the running gateway; None where none runs; raises `DepeshaError`."""
    answer = await told_by(folder, SOCKET, f"{_PATH}{act}", facts, seconds=_SECONDS)
    if answer is None:
        return None
    status, told = answer
    if status != HTTPStatus.OK:
        raise PeerError(told["public"], remedy=told["remedy"])
    report: Report = told
    return report


def this_user() -> str:
    """Return who runs this process, as the evidence names a user of this machine."""
    return machine_doer(os.getuid()).actor


def _application(doers: Mapping[str, Do]) -> web.Application:
    async def serve(request: web.Request) -> web.Response:
        try:
            facts = {str(key): str(value) for key, value in (await request.json()).items()}
            act = request.match_info["act"]
            do = doers.get(act.partition("-")[0])
            if do is None:
                raise RuleError("there is no such order", rule="form")
            return web.json_response(await do(act, facts, _caller(request)))
        except DepeshaError as error:
            body = {"public": error.public, "remedy": error.remedy}
            return web.json_response(body, status=HTTPStatus.CONFLICT)

    application = web.Application()
    application.router.add_post(_PATH + "{act}", serve)
    return application


def _caller(request: web.Request) -> str:
    """Ask the kernel who is at the other end."""
    end = None if request.transport is None else request.transport.get_extra_info("socket")
    if end is None or end.family != socket.AF_UNIX:
        raise ForbiddenError("orders are given from this machine only")
    told = end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return machine_doer(_CREDENTIALS.unpack(told)[1]).actor
