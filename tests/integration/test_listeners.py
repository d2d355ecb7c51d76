"""The listeners' own manners: no waiting for ever, no echo of broken requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from depesha.app.listeners import Listeners
from depesha.config import Address, Settings
from depesha.errors import ConfigurationError
from depesha.simulators.gateway_plan import free_ports

PARTICIPANT = {
    "name": "Агенция Образец",
    "identifier": "000000002",
    "guid": "{bbbbbbbb-2222-4222-8222-bbbbbbbbbbbb}",
}


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    (free,) = free_ports(1)
    listeners = Listeners(made_settings(tmp_path))
    await listeners.open(application(), Address(f"127.0.0.1:{free}"), None)
    yield free
    await listeners.close()
    await listeners.close()


def made_settings(folder: Path) -> Settings:
    return Settings.model_validate(
        {
            "participant": PARTICIPANT,
            "keys": {"certificate": folder / "c", "key": folder / "k"},
            "listen": {"idle_seconds": 0.2},
        }
    )


def application() -> web.Application:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    made = web.Application()

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    made.router.add_get("/", hello)
    made.router.add_post("/echo", echo)
    return made


async def answer(port: int, said: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    heard = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return heard


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n"])
async def test_whoever_does_not_end_his_head_is_let_go(port: int, said: bytes) -> None:
    assert await answer(port, said) == b""


async def test_an_idle_connection_is_let_go_after_its_answer(port: int) -> None:
    assert (await answer(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")).endswith(b"hello")


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nSecret words\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: Secret\r\n\r\n",
        b"Secret\x00 / HTTP/1.1\r\n\r\n",
    ],
)
async def test_a_broken_request_is_not_repeated(port: int, said: bytes) -> None:
    heard = await answer(port, said)
    assert heard.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))
    assert b"Secret" not in heard


async def test_a_taken_address_is_told(port: int, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be listened on"):
        await Listeners(made_settings(tmp_path)).open(
            application(), Address(f"127.0.0.1:{port}"), None
        )


async def test_nothing_is_unpacked(port: int) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\n"
    heard = await answer(port, head + b"Content-Length: 9\r\n\r\nnot gzip!")
    assert heard.endswith(b"not gzip!")
