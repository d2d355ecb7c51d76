"""The proxy with faults between real sockets, with TLS and without: what each lets through."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import pytest

from depesha.adapters.system import SystemClock
from depesha.simulators.authority import Authority
from depesha.simulators.fault_proxy import Fault, FaultProxy, Mode
from depesha.simulators.tls import KeyFiles, client_context, server_context, write_keys

CLOCK = SystemClock()
REQUEST = b"q" * 40_000
ANSWER = b"a" * 30_000
BROKEN = (ConnectionResetError, asyncio.IncompleteReadError, BrokenPipeError, ssl.SSLError)


@cache
def authority() -> Authority:
    return Authority.create("Пробен издател", at=CLOCK.now())


def keys(folder: Path) -> KeyFiles:
    trusted = authority().write(folder, at=CLOCK.now())
    identity = authority().issue("wire.example", eik="000000001", at=CLOCK.now())
    return write_keys(identity, folder, "wire", trusted)


class Server:
    """Answers whole requests of a known size, and counts them."""

    def __init__(self) -> None:
        self.whole = 0
        self.heard = 0
        self.connections = 0
        self.changed = asyncio.Condition()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                got = 0
                while got < len(REQUEST):
                    piece = await reader.read(len(REQUEST) - got)
                    if not piece:
                        return
                    got += len(piece)
                    self.heard += len(piece)
                async with self.changed:
                    self.whole += 1
                    self.changed.notify_all()
                writer.write(ANSWER)
                await writer.drain()
        except (ConnectionError, ssl.SSLError):
            return
        finally:
            writer.close()


class Stand:
    """A server, a proxy before it, and a caller."""

    def __init__(self, folder: Path, *, tls: bool) -> None:
        self.server = Server()
        self._tls = client_context(keys(folder)) if tls else None
        self._server_tls = server_context(keys(folder)) if tls else None
        self.proxy: FaultProxy

    @asynccontextmanager
    async def up(self) -> AsyncIterator[FaultProxy]:
        listening = await asyncio.start_server(
            self.server.serve, "127.0.0.1", 0, ssl=self._server_tls
        )
        port = listening.sockets[0].getsockname()[1]
        async with FaultProxy("127.0.0.1", port, clock=CLOCK) as self.proxy:
            yield self.proxy
        listening.close()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.proxy.port, ssl=self._tls)

    async def ask(self, seconds: float = 5.0) -> bytes:
        async with asyncio.timeout(seconds):
            reader, writer = await self.connect()
            try:
                return await ask(reader, writer)
            finally:
                writer.transport.abort()

    async def settled(self, whole: int) -> None:
        async with asyncio.timeout(5), self.server.changed:
            await self.server.changed.wait_for(lambda: self.server.whole >= whole)


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(REQUEST)
    await writer.drain()
    return await reader.readexactly(len(ANSWER))


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
async def stand(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stand]:
    made = Stand(tmp_path, tls=request.param)
    async with made.up():
        yield made


async def test_it_passes_everything_on(stand: Stand) -> None:
    assert await stand.ask() == ANSWER
    assert stand.proxy.wire.counts == {Mode.PASS: 1}
    assert stand.proxy.wire.bytes_up >= len(REQUEST)
    assert stand.proxy.wire.bytes_down >= len(ANSWER)


async def test_refused_until_mended_on_the_same_port(stand: Stand) -> None:
    port = stand.proxy.port
    await stand.proxy.set(Mode.REFUSE)
    with pytest.raises(ConnectionRefusedError):
        await stand.ask()
    await stand.proxy.mend()
    assert stand.proxy.port == port
    assert await stand.ask() == ANSWER
    assert stand.server.connections == 1


async def test_reset_before_anything_arrives(stand: Stand) -> None:
    await stand.proxy.set(Mode.RESET_BEFORE)
    with pytest.raises(BROKEN):
        await stand.ask()
    assert (stand.server.connections, stand.proxy.wire.bytes_up) == (0, 0)


async def test_a_lost_answer(stand: Stand) -> None:
    await stand.proxy.set(Mode.RESET_AFTER_REQUEST)
    with pytest.raises(BROKEN) as caught:
        await stand.ask()
    await stand.settled(1)
    assert getattr(caught.value, "partial", b"") == b""
    assert stand.server.whole == 1


@pytest.mark.parametrize("size", [1, 2_000, 20_000, 1_000_000])
async def test_cut_within_the_request_nothing_whole_arrives(stand: Stand, size: int) -> None:
    await stand.proxy.set(Fault(mode=Mode.CUT_MID_REQUEST, request_bytes=size))
    with pytest.raises(BROKEN):
        await stand.ask()
    await stand.proxy.mend()
    assert await stand.ask() == ANSWER
    assert stand.server.whole == 1


async def test_a_slow_answer_to_a_request_that_arrived(stand: Stand) -> None:
    await stand.proxy.set(Fault(mode=Mode.SLOW, seconds=30))
    with pytest.raises(TimeoutError):
        await stand.ask(1.0)
    await stand.settled(1)
    await stand.proxy.set(Fault(mode=Mode.SLOW, seconds=0.2))
    assert await stand.ask() == ANSWER


async def test_a_black_hole(stand: Stand) -> None:
    await stand.proxy.set(Mode.BLACKHOLE)
    with pytest.raises(TimeoutError):
        await stand.ask(0.5)
    assert (stand.server.connections, stand.proxy.wire.counts) == (0, {Mode.BLACKHOLE: 1})


async def test_a_fault_for_the_next_connections_only(stand: Stand) -> None:
    await stand.proxy.set(Fault(mode=Mode.RESET_BEFORE, connections=2))
    for _ in range(2):
        with pytest.raises(BROKEN):
            await stand.ask()
    assert await stand.ask() == ANSWER
    assert stand.proxy.fault.mode is Mode.PASS
    assert stand.proxy.wire.counts == {Mode.RESET_BEFORE: 2, Mode.PASS: 1}


async def test_a_kept_connection_does_not_escape_a_new_fault(stand: Stand) -> None:
    reader, writer = await stand.connect()
    assert await ask(reader, writer) == ANSWER
    await stand.proxy.set(Mode.RESET_AFTER_REQUEST)
    with pytest.raises(BROKEN):
        async with asyncio.timeout(5):
            await ask(reader, writer)
    assert stand.server.whole == 1
    writer.transport.abort()


async def test_what_was_in_hand_is_finished_before_the_fault_bites(stand: Stand) -> None:
    reader, writer = await stand.connect()
    assert await ask(reader, writer) == ANSWER
    writer.write(REQUEST[:10_000])
    await writer.drain()
    await asyncio.sleep(0.1)
    await stand.proxy.set(Mode.BLACKHOLE)
    writer.write(REQUEST[10_000:])
    async with asyncio.timeout(5):
        assert await reader.readexactly(len(ANSWER)) == ANSWER
        with pytest.raises(BROKEN):
            await ask(reader, writer)
    assert stand.server.whole == 2
    writer.transport.abort()


async def test_a_cut_resets_what_is_open(stand: Stand) -> None:
    reader, writer = await stand.connect()
    writer.write(REQUEST[:10_000])
    await writer.drain()
    await stand.proxy.cut()
    with pytest.raises(BROKEN):
        async with asyncio.timeout(5):
            await reader.readexactly(1)
    writer.transport.abort()
    with pytest.raises(ConnectionRefusedError):
        await stand.ask()


async def test_a_dead_server_behind_it_resets_the_caller() -> None:
    async with FaultProxy("127.0.0.1", 1, clock=CLOCK) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)
        writer.transport.abort()


def test_refused_connections_cannot_be_counted() -> None:
    with pytest.raises(ValueError, match="counted"):
        Fault(mode=Mode.REFUSE, connections=1)
