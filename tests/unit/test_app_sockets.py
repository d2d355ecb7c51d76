"""Local sockets of a gateway: who binds is told apart from who serves, and silence from absence."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from depesha.app.sockets import listening, told_by
from depesha.errors import BrokenOffError, ConfigurationError

NAME = "some.sock"


def application() -> web.Application:
    async def echo(request: web.Request) -> web.Response:
        return web.json_response(await request.json(), status=203)

    async def silent(request: web.Request) -> web.Response:
        await asyncio.sleep(1.0)
        return web.Response()

    made = web.Application()
    made.router.add_post("/echo", echo)
    made.router.add_post("/silent", silent)
    return made


async def ask(folder: Path, path: str, seconds: float = 5.0) -> tuple[int, object] | None:
    return await told_by(folder, NAME, path, {"a": "b"}, seconds=seconds, look="look there")


async def test_what_is_posted_is_answered_and_only_the_owner_may_enter(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)  # longer than an address may be (unix(7))
    deep.mkdir(parents=True)
    async with listening(application(), deep, NAME):
        assert (deep / NAME).stat().st_mode & 0o777 == 0o600
        assert await ask(deep, "/echo") == (203, {"a": "b"})
    assert not (deep / NAME).exists()
    assert await ask(deep, "/echo") is None


async def test_what_a_dead_process_left_behind_is_no_gateway(tmp_path: Path) -> None:
    (tmp_path / NAME).touch()
    assert await ask(tmp_path, "/echo") is None
    async with listening(application(), tmp_path, NAME):
        assert await ask(tmp_path, "/echo") is not None


async def test_a_gateway_that_falls_silent_has_broken_off(tmp_path: Path) -> None:
    async with listening(application(), tmp_path, NAME):
        with pytest.raises(BrokenOffError, match="look there"):
            await ask(tmp_path, "/silent", seconds=0.2)


async def test_a_folder_that_takes_no_socket_is_a_matter_of_settings(tmp_path: Path) -> None:
    (tmp_path / NAME / "full").mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="cannot be made"):
        async with listening(application(), tmp_path, NAME):
            pytest.fail("it must not listen")


async def test_a_full_disk_while_it_serves_is_not_called_a_socket_that_cannot_be_made(
    tmp_path: Path,
) -> None:
    with pytest.raises(OSError, match="disk full"):
        async with listening(application(), tmp_path, NAME):
            raise OSError(28, "disk full")
    assert not (tmp_path / NAME).exists()
