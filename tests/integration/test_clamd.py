"""A real clamd: what it finds, how it fails, and that no failure ever reads as clean."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from depesha.adapters.clamd import ClamdScanner
from depesha.errors import ConfigurationError, ScannerError
from depesha.schemas.facts import ScanResult
from depesha.simulators.scanner import SIGNATURE_NAME, PrivateClamd
from tests.support.contents import EICAR, RealClock, pdf, private_clamd, write, zip_of

__all__ = ["private_clamd"]
pytestmark = pytest.mark.clamd


@pytest.fixture
def scanner(private_clamd: PrivateClamd) -> ClamdScanner:
    return ClamdScanner([private_clamd.address], clock=RealClock())


async def one(scanner: ClamdScanner, path: Path, budget: float = 20.0) -> ScanResult:
    (result,) = await scanner.scan([(1, path)], budget)
    return result


@pytest.mark.parametrize(
    "content",
    [
        EICAR,
        zip_of({"a.txt": EICAR}),
        zip_of({"a.zip": zip_of({"b.zip": zip_of({"c.txt": EICAR})})}),
        pdf() + EICAR,
    ],
    ids=["plain", "zip", "nested", "behind a pdf"],
)
async def test_the_test_file_is_found(
    scanner: ClamdScanner, tmp_path: Path, content: bytes
) -> None:
    """CHK-05, AVM-01."""
    result = await one(scanner, write(tmp_path, content))
    assert result.malware.startswith(SIGNATURE_NAME)
    assert result.engine.startswith("ClamAV")


async def test_many_files_at_once_each_get_their_own_verdict(
    scanner: ClamdScanner, tmp_path: Path
) -> None:
    files = [
        (i, write(tmp_path, EICAR if i % 3 == 0 else pdf(i * 100), f"f{i}")) for i in range(1, 25)
    ]
    results = await scanner.scan(files, 30.0)
    assert [bool(result.malware) for result in results] == [i % 3 == 0 for i in range(1, 25)]
    assert not any(result.incomplete for result in results)


async def test_an_encrypted_archive_is_not_looked_at_and_not_called_malware(
    scanner: ClamdScanner, tmp_path: Path
) -> None:
    locked = bytearray(zip_of({"a.txt": b"words " * 10}, stored=True))
    locked[6] |= 1
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    result = await one(scanner, write(tmp_path, bytes(locked)))
    assert (result.malware, result.incomplete) == ("", "limits")


async def test_past_the_scanners_limits_is_incomplete(tmp_path: Path) -> None:
    async with PrivateClamd(tmp_path / "av", clock=RealClock(), file_megabytes=1) as clamd:
        scanner = ClamdScanner([clamd.address], clock=RealClock())
        result = await one(scanner, write(tmp_path, pdf(3_000_000)))
    assert (result.malware, result.incomplete) == ("", "limits")


async def test_killed_before_it_answers_is_cut_off_and_then_unavailable(tmp_path: Path) -> None:
    clamd = PrivateClamd(tmp_path / "av", clock=RealClock())
    async with clamd:
        scanner = ClamdScanner([clamd.address], clock=RealClock())
        path = write(tmp_path, pdf(1000))
        os.kill(clamd.pid, signal.SIGSTOP)
        scan = asyncio.create_task(one(scanner, path))
        await asyncio.sleep(0.2)
        await clamd.kill()  # and gone: a dying process may still take a connection
        assert (await scan).incomplete == "cut off"
        assert (await one(scanner, path)).incomplete == "unavailable"
        with pytest.raises(ScannerError):
            await scanner.ping()
        assert [facts.alive for facts in await scanner.facts()] == [False]


async def test_a_scanner_that_hangs_is_out_of_time(tmp_path: Path) -> None:
    async with PrivateClamd(tmp_path / "av", clock=RealClock()) as clamd:
        scanner = ClamdScanner([clamd.address], clock=RealClock())
        path = write(tmp_path, EICAR)
        os.kill(clamd.pid, signal.SIGSTOP)
        result = await one(scanner, path, 0.2)
        os.kill(clamd.pid, signal.SIGCONT)
        assert (result.malware, result.incomplete) == ("", "time")
        assert (await one(scanner, path)).malware


async def test_the_next_address_is_asked_where_nobody_listens(
    private_clamd: PrivateClamd, tmp_path: Path
) -> None:
    addresses = [f"unix:{tmp_path}/none", "tcp:127.0.0.1:1", private_clamd.address]
    scanner = ClamdScanner(addresses, clock=RealClock())
    assert (await one(scanner, write(tmp_path, EICAR))).malware
    assert "ClamAV" in await scanner.ping()
    alive = [(facts.alive, facts.engine.startswith("ClamAV")) for facts in await scanner.facts()]
    assert alive == [(False, False), (False, False), (True, True)]


Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Handlers:
    """Runs a server's answers and waits for the last of them, so that no socket is left open."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._running: list[asyncio.Future[None]] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended = asyncio.get_running_loop().create_future()
        self._running.append(ended)
        try:
            # The scanner under test closes when it has heard enough.
            with suppress(ConnectionError):
                await self._answer(reader, writer)
        finally:
            writer.transport.abort()
            await asyncio.sleep(0)
            ended.set_result(None)

    async def done(self) -> None:
        await asyncio.gather(*self._running)
        await asyncio.sleep(0)


@pytest.fixture
async def tcp_address(private_clamd: PrivateClamd) -> AsyncIterator[str]:
    """The same clamd behind TCP, through a plain pipe between two sockets."""

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_unix_connection(str(private_clamd.socket))
        await asyncio.gather(pipe(reader, outer), pipe(inner, writer), return_exceptions=True)
        outer.transport.abort()

    handlers = Handlers(join)
    async with await asyncio.start_server(handlers, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"tcp:127.0.0.1:{port}"
        await handlers.done()


@pytest.mark.parametrize("size", [10, 700_000])
async def test_over_tcp_the_bytes_are_streamed(tcp_address: str, tmp_path: Path, size: int) -> None:
    scanner = ClamdScanner([tcp_address], clock=RealClock())
    clean = await one(scanner, write(tmp_path, pdf(size), "a"))
    found = await one(scanner, write(tmp_path, pdf(size) + EICAR, "b"))
    assert (clean.malware, clean.incomplete) == ("", "")
    assert found.malware


@pytest.mark.parametrize(
    ("reply", "malware", "incomplete"),
    [
        (b"stream: OK\0", "", ""),
        (b"stream: OK", "", "cut off"),
        (b"stream: OK\n", "", "cut off"),
        (b"", "", "cut off"),
        (b"\0", "", "cut off"),
        (b"OK-ish\0", "", "cut off"),
        (b"x" * 100_000, "", "cut off"),
        (b"stream: Example.Test FOUND\0", "Example.Test", ""),
        (b"stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0", "", "limits"),
        (b"stream: Heuristics.Encrypted.Zip FOUND\0", "", "limits"),
        (b"INSTREAM size limit exceeded. ERROR\0", "", "limits"),
        (b"lstat() failed: OK. ERROR\0", "", "cut off"),
        (b"COMMAND READ TIMED OUT\0", "", "cut off"),
    ],
)
async def test_only_a_whole_ok_is_clean(
    tmp_path: Path, reply: bytes, malware: str, incomplete: str
) -> None:
    """Law 1: over both transports, whatever the other side says or leaves unsaid."""
    got = await against(answering(reply), tmp_path)
    assert [(r.malware, r.incomplete) for r in got] == [(malware, incomplete)] * 2


def answering(reply: bytes) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(20)
        writer.write(reply)
        if writer.can_write_eof():
            writer.write_eof()
        await reader.read()

    return answer


async def test_a_reset_in_mid_stream_is_cut_off(tmp_path: Path) -> None:
    """Past StreamMaxLength clamd closes the connection: an error of transport, not a verdict."""

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        writer.transport.abort()

    got = await against(reset, tmp_path)
    assert [r.incomplete for r in got] == ["cut off", "cut off"]


async def against(answer: Answer, folder: Path) -> list[ScanResult]:
    """Scan one file against a false clamd, over a Unix socket and over TCP."""
    path = write(folder, pdf(900_000))
    handlers = Handlers(answer)
    unix = await asyncio.start_unix_server(handlers, str(folder / "s"))
    tcp = await asyncio.start_server(handlers, "127.0.0.1", 0)
    port = tcp.sockets[0].getsockname()[1]
    async with unix, tcp:
        addresses = (f"unix:{folder}/s", f"tcp:127.0.0.1:{port}")
        results = [await one(ClamdScanner([a], clock=RealClock()), path, 5.0) for a in addresses]
        await handlers.done()
    return results


@pytest.mark.parametrize(
    "addresses", [[], ["/run/clamd"], ["unix:relative"], ["tcp:host"], ["unix:/" + "x" * 200]]
)
def test_an_address_that_cannot_be_one_stops_the_start(addresses: list[str]) -> None:
    with pytest.raises(ConfigurationError):
        ClamdScanner(addresses, clock=RealClock())


async def test_without_the_program_the_remedy_is_named(tmp_path: Path) -> None:
    clamd = PrivateClamd(tmp_path, clock=RealClock(), programs=("no-such-program",))
    with pytest.raises(ConfigurationError) as caught:
        await clamd.start()
    assert "clamav-daemon" in caught.value.remedy
