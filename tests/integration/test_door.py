"""The door of a listener: bounded, in turn, and nobody is cut off."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web

from depesha.app.door import Pace
from depesha.app.listeners import Listeners
from depesha.config import Address, Settings
from depesha.simulators.authority import Authority
from depesha.simulators.gateway_plan import free_ports
from depesha.simulators.tls import write_keys

ASK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
BRISK = Pace(turn=0.2, unused=0.2, look=0.02, handshake=0.6)
MOST = 3
CALLERS: list[asyncio.StreamWriter] = []
"""Of the test that runs."""


class Place:
    """An application that counts how many are in it, and answers when it may."""

    def __init__(self) -> None:
        self.at_once = self.most = 0
        self.go = asyncio.Event()
        self.go.set()

    def application(self) -> web.Application:
        made = web.Application()
        made.router.add_get("/", self._answer)
        return made

    async def _answer(self, _: web.Request) -> web.Response:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await self.go.wait()
        await asyncio.sleep(0.01)
        self.at_once -= 1
        return web.Response(text="hello")


@asynccontextmanager
async def opened(
    place: Place, folder: Path, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    settings = Settings.model_validate(
        {
            "participant": {"name": "Агенция Образец", "identifier": "000000002"},
            "keys": {"certificate": folder / "c", "key": folder / "k"},
        }
    )
    listeners = Listeners(settings, BRISK)
    (port,) = free_ports(1)
    await listeners.open(place.application(), Address(f"127.0.0.1:{port}"), tls, MOST)
    try:
        yield port
    finally:
        place.go.set()
        for writer in CALLERS:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        CALLERS.clear()
        await listeners.close()


async def connect(
    port: int, tls: ssl.SSLContext | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    CALLERS.append(writer)
    return reader, writer


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    writer.write(ASK)
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    assert await asyncio.wait_for(reader.readexactly(5), 5) == b"hello"
    return head.decode().lower()


async def test_no_more_than_so_many_are_in_and_all_are_served(tmp_path: Path) -> None:
    place = Place()
    place.go.clear()
    async with opened(place, tmp_path) as port:
        calls = [asyncio.create_task(ask(*await connect(port))) for _ in range(4 * MOST)]
        await asyncio.sleep(0.5)
        assert place.most == MOST
        place.go.set()
        heads = await asyncio.gather(*calls)
        assert place.most == MOST
    assert all("200 ok" in head for head in heads)


async def test_who_has_had_a_turn_is_told_to_leave_while_others_wait(tmp_path: Path) -> None:
    async with opened(Place(), tmp_path) as port:
        inside = [await connect(port) for _ in range(MOST)]
        for each in inside:
            assert "connection: close" not in await ask(*each)
        outside = asyncio.create_task(ask(*await connect(port)))
        told = []
        for _ in range(8):
            told += [await ask(*each) for each in inside if not each[1].is_closing()]
            if any("connection: close" in head for head in told):
                break
            await asyncio.sleep(0.05)
        assert "connection: close" in told[-1] or "connection: close" in "".join(told)
        assert "200 ok" in await outside


async def test_nobody_is_told_to_leave_while_nobody_waits(tmp_path: Path) -> None:
    async with opened(Place(), tmp_path) as port:
        inside = [await connect(port) for _ in range(MOST)]
        await asyncio.sleep(0.5)
        for each in inside:
            assert "connection: close" not in await ask(*each)


async def test_a_connection_that_nobody_uses_makes_room(tmp_path: Path) -> None:
    async with opened(Place(), tmp_path) as port:
        idle = [await connect(port) for _ in range(MOST)]
        await ask(*idle[0])
        assert "200 ok" in await asyncio.wait_for(ask(*await connect(port)), 3)
        assert any(reader.at_eof() for reader, _ in idle)


async def test_half_a_head_is_waited_for_but_not_for_ever(tmp_path: Path) -> None:
    async with opened(Place(), tmp_path) as port:
        slow = [await connect(port) for _ in range(MOST)]
        for _, writer in slow:
            writer.write(b"GET / HT")
        outside = asyncio.create_task(ask(*await connect(port)))
        await asyncio.sleep(0.4)
        assert not outside.done()
        for each in slow[:1]:
            each[1].write(b"TP/1.1\r\nHost: x\r\n\r\n")
            assert b"200 OK" in await asyncio.wait_for(each[0].readuntil(b"hello"), 3)
        assert "200 ok" in await asyncio.wait_for(outside, 3)


async def test_a_request_under_way_is_never_cut_off(tmp_path: Path) -> None:
    place = Place()
    place.go.clear()
    async with opened(place, tmp_path) as port:
        inside = [asyncio.create_task(ask(*await connect(port))) for _ in range(MOST)]
        outside = asyncio.create_task(ask(*await connect(port)))
        await asyncio.sleep(1.0)
        assert not outside.done()
        place.go.set()
        assert all("200 ok" in head for head in await asyncio.gather(*inside, outside))


async def test_a_failed_handshake_frees_its_place(tmp_path: Path) -> None:
    now = datetime.now(UTC) - timedelta(days=1)
    identity = Authority.create("Example CA", at=now).issue("localhost", eik="000000001", at=now)
    trusted = tmp_path / "trusted"
    trusted.write_bytes(b"")
    keys = write_keys(identity, tmp_path, "server", trusted)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(keys.certificate, keys.key)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    async with opened(Place(), tmp_path, server) as port:
        for number in range(2 * MOST):
            _, writer = await connect(port)
            if number % 2:
                writer.write(b"not TLS at all\r\n\r\n")
        assert "200 ok" in await asyncio.wait_for(ask(*await connect(port, client)), 5)
