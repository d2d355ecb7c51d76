"""Local sockets of a running gateway, in a folder that only its owner enters: listen, and ask."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from depesha.errors import BrokenOffError, ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


@contextmanager
def short_name(folder: Path, name: str) -> Iterator[str]:
    """A name for the socket that is short enough, however deep the folder lies (unix(7))."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}/{name}"
    finally:
        os.close(handle)


@asynccontextmanager
async def listening(application: web.Application, folder: Path, name: str) -> AsyncIterator[None]:
    """Serve on a socket of a folder that belongs to this process; raise `ConfigurationError`.

    What is raised while it serves passes through unchanged.
    """
    path = folder / name
    runner = web.AppRunner(application, access_log=None, handle_signals=False)
    await runner.setup()
    end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        try:
            path.unlink(missing_ok=True)  # of a process that died; the folder is ours
            with short_name(folder, name) as short:
                end.bind(short)
            path.chmod(0o600)
            await web.SockSite(runner, end).start()
        except OSError as error:
            raise ConfigurationError(
                f"the socket {path} cannot be made: {error.strerror}"
            ) from None
        yield
    finally:
        await runner.cleanup()
        end.close()
        if path.is_socket():
            path.unlink()


async def told_by(
    folder: Path, name: str, path: str, body: Mapping[str, Any], *, seconds: float, look: str = ""
) -> tuple[int, Any] | None:
    """Post to the running gateway; return status and JSON, or None where none listens.

    Raises `BrokenOffError` where it broke off; `look` says how to see what came of it.
    """
    if not (folder / name).exists():
        return None
    with short_name(folder, name) as short:
        timeout = aiohttp.ClientTimeout(total=seconds)
        connector = aiohttp.UnixConnector(path=short)
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
                session.post(f"http://gateway{path}", json=body) as answer,
            ):
                return answer.status, await answer.json()
        except aiohttp.ClientConnectorError:
            return None
        except (aiohttp.ClientError, TimeoutError, ValueError):
            words = "the running gateway broke off"
            raise BrokenOffError(f"{words}; {look}" if look else words) from None
