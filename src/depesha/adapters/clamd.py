"""Asks clamd, one or several, whether files hold malware (`ports.MalwareScanner`).

Silence, a broken exchange, a passed limit or a spent budget is an incomplete scan and never
"clean" (law 1). Over a Unix socket the open file itself is handed over (FILDES): no copy, no
stream limit, no thread. Over TCP the bytes are streamed (INSTREAM). It decides nothing and
retries nothing but an address at which nobody listens.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from depesha.errors import ConfigurationError, ScannerError
from depesha.schemas.facts import ScanResult

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from depesha.ports import Clock

_CHUNK = 256 * 1024
"""clamd's own client sends 1 kB and loses nine tenths of the speed."""
_REPLY_BYTES = 4096
_VERSION_SECONDS = 300.0
"""How long a scanner's version is believed before it is asked again."""
_LIMITS = ("Heuristics.Limits.Exceeded", "Heuristics.Encrypted")
"""Alarms that mean "I did not look at all of it", not "I found something"."""
_PATH_CHARACTERS = 104
"""What a Unix socket's address can hold on every system."""


class _UnavailableError(Exception):
    """Nobody listens: nothing was handed over, another scanner may be asked."""


class _CutOffError(Exception):
    """The exchange broke after the file was handed over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannerFacts:
    """How one scanner stands, for `doctor` and the health page."""

    address: str
    alive: bool
    engine: str = ""
    """Such as `ClamAV 1.4.6`."""
    database: str = ""
    """Number of the daily database; empty where it has none of its makers' databases."""
    database_built: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A scanner that takes open files, and what is believed of its version."""

    path: str
    engine: str


@dataclass(slots=True)
class _Scanner:
    """One address with what is under way at it."""

    address: str
    slots: asyncio.Semaphore
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0
    version: str = ""
    version_until: float = field(default=float("-inf"))

    @property
    def unix_path(self) -> str:
        return self.address.removeprefix("unix:") if self.address.startswith("unix:") else ""

    @property
    def host_port(self) -> tuple[str, int]:
        host, _, port = self.address.removeprefix("tcp:").rpartition(":")
        return host.strip("[]"), int(port)


class ClamdScanner:
    """`ports.MalwareScanner` over a list of clamd addresses."""

    def __init__(
        self,
        addresses: Sequence[str],
        *,
        clock: Clock,
        connections: int = 2,
        connect_seconds: float = 5.0,
    ) -> None:
        """`addresses`: `unix:/path` or `tcp:host:port`, each another process.

        `connections` bounds the scans under way at one scanner: more of them only slow it
        (measured). Raises `ConfigurationError` for an address that cannot be one.
        """
        if not addresses:
            raise ConfigurationError("no malware scanner is configured")
        for address in addresses:
            _judge_address(address)
        self._scanners = [
            _Scanner(address=address, slots=asyncio.Semaphore(connections)) for address in addresses
        ]
        self._clock = clock
        self._connect_seconds = connect_seconds

    def ready(self) -> Ready | None:
        """Return the least busy scanner if it takes open files and its version is known.

        For `foresight.py`; from any thread.
        """
        scanner = min(self._scanners, key=lambda each: each.waiting)
        if not scanner.unix_path or self._clock.monotonic() >= scanner.version_until:
            return None
        return Ready(path=scanner.unix_path, engine=scanner.version)

    async def scan(
        self, files: Sequence[tuple[int, Path]], budget: float
    ) -> tuple[ScanResult, ...]:
        """Scan files (index, path) within `budget` seconds; one result each, in order."""
        deadline = asyncio.get_running_loop().time() + budget
        if len(files) == 1:  # the usual case needs no task of its own
            return (await self._one(*files[0], deadline),)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._one(i, path, deadline)) for i, path in files]
        return tuple(task.result() for task in tasks)

    async def _one(self, index: int, path: Path, deadline: float) -> ScanResult:
        engine = ""
        try:
            async with asyncio.timeout_at(deadline):
                scanner, reply = await self._ask_any(path)
                engine = await self._version(scanner)
        except TimeoutError:
            return ScanResult(index=index, incomplete="time")
        except _UnavailableError:
            return ScanResult(index=index, incomplete="unavailable")
        except (_CutOffError, OSError):
            return ScanResult(index=index, incomplete="cut off")
        return result_of(index, reply, engine)

    async def _ask_any(self, path: Path) -> tuple[_Scanner, str]:
        """Ask the least busy scanner; go on to the next where nobody listens."""
        for scanner in sorted(self._scanners, key=lambda each: each.waiting):
            scanner.waiting += 1
            try:
                async with scanner.slots:
                    return scanner, await self._ask(scanner, path)
            except _UnavailableError:
                continue
            finally:
                scanner.waiting -= 1
        raise _UnavailableError

    async def _ask(self, scanner: _Scanner, path: Path) -> str:
        if scanner.unix_path:
            return await self._hand_over(scanner.unix_path, path)
        return await self._stream(scanner, path)

    async def _hand_over(self, address: str, path: Path) -> str:
        """FILDES: the open file travels with the command, the verdict comes back."""
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.setblocking(False)  # noqa: FBT003 - the standard library's own signature
            try:
                await loop.sock_connect(connection, address)
            except OSError as error:
                raise _UnavailableError from error
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                socket.send_fds(connection, [b"zFILDES\0\0"], [descriptor])
            except OSError as error:
                raise _UnavailableError from error
            finally:
                os.close(descriptor)
            reply = b""
            while b"\0" not in reply and len(reply) < _REPLY_BYTES:
                part = await loop.sock_recv(connection, _REPLY_BYTES)
                if not part:
                    break
                reply += part
        return _whole(reply)

    async def _stream(self, scanner: _Scanner, path: Path) -> str:
        """INSTREAM: length and bytes in turn, closed by a zero length."""
        try:
            async with asyncio.timeout(self._connect_seconds):
                reader, writer = await _connect(scanner)
        except (OSError, TimeoutError) as error:
            raise _UnavailableError from error
        try:
            await _send_file(writer, path)
            return _whole(await _read_reply(reader))
        finally:
            await _close(writer)

    async def _version(self, scanner: _Scanner) -> str:
        """Return engine and database version, asked for again every few minutes."""
        async with scanner.asking:
            if self._clock.monotonic() >= scanner.version_until:
                try:
                    scanner.version = await self._ask_version(scanner)
                except ScannerError:
                    return scanner.version  # it did scan; its version is asked for next time
                scanner.version_until = self._clock.monotonic() + _VERSION_SECONDS
        return scanner.version

    async def _ask_version(self, scanner: _Scanner) -> str:
        try:
            async with asyncio.timeout(self._connect_seconds):
                reader, writer = await _connect(scanner)
                try:
                    writer.write(b"zVERSION\0")
                    return _whole(await _read_reply(reader))
                finally:
                    await _close(writer)
        except (_CutOffError, OSError, TimeoutError) as error:
            raise ScannerError("a malware scanner does not answer") from error

    async def ping(self) -> str:
        """Return engine and database version of a living scanner; raise `ScannerError`."""
        for scanner in self._scanners:
            try:
                return await self._ask_version(scanner)
            except ScannerError:
                continue
        raise ScannerError("no malware scanner answers", remedy="start clamd")

    async def facts(self) -> tuple[ScannerFacts, ...]:
        """Tell of every scanner whether it lives and how old its database is. Never raises."""
        return tuple([await self._facts(scanner) for scanner in self._scanners])

    async def _facts(self, scanner: _Scanner) -> ScannerFacts:
        try:
            engine, _, rest = (await self._ask_version(scanner)).partition("/")
        except ScannerError:
            return ScannerFacts(address=scanner.address, alive=False)
        database, _, built = rest.partition("/")
        return ScannerFacts(
            address=scanner.address,
            alive=True,
            engine=engine,
            database=database,
            database_built=_built(built),
        )


def _judge_address(address: str) -> None:
    path = address.removeprefix("unix:")
    if address.startswith("unix:/") and len(path.encode()) <= _PATH_CHARACTERS:
        return
    if re.fullmatch(r"tcp:(?:[^\s:\[\]]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}", address):
        return
    raise ConfigurationError(
        "a scanner's address is neither unix:/path (short enough) nor tcp:host:port"
    )


async def _connect(scanner: _Scanner) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if scanner.unix_path:
        return await asyncio.open_unix_connection(scanner.unix_path, limit=_REPLY_BYTES)
    host, port = scanner.host_port
    return await asyncio.open_connection(host, port, limit=_REPLY_BYTES)


async def _close(writer: asyncio.StreamWriter) -> None:
    """Close for good; what the other side does with the connection no longer matters."""
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def _send_file(writer: asyncio.StreamWriter, path: Path) -> None:
    """Stream a file; clamd may close in the middle where its own limit is passed."""
    writer.write(b"zINSTREAM\0")
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            writer.write(struct.pack("!L", len(chunk)))
            writer.write(chunk)
            await writer.drain()
        writer.write(struct.pack("!L", 0))
        await writer.drain()
    except (ConnectionResetError, BrokenPipeError):
        return  # its answer, if there is one, says why
    finally:
        file.close()


async def _read_reply(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\0")
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError:
        return b""


def _whole(reply: bytes) -> str:
    """Return a reply that came to its end; anything less is no verdict."""
    if not reply.endswith(b"\0"):
        raise _CutOffError
    return reply[:-1].decode("utf-8", errors="replace").strip()


def result_of(index: int, reply: str, engine: str) -> ScanResult:
    """Read `…: OK`, `…: NAME FOUND` or `… ERROR`; only the first is clean."""
    verdict = reply.rpartition(": ")[2]
    if verdict == "OK":
        return ScanResult(index=index, engine=engine)
    if verdict.endswith(" FOUND"):
        name = verdict.removesuffix(" FOUND")
        if name.startswith(_LIMITS):
            return ScanResult(index=index, incomplete="limits", engine=engine)
        return ScanResult(index=index, malware=name, engine=engine)
    limited = "size limit exceeded" in reply
    return ScanResult(index=index, incomplete="limits" if limited else "cut off", engine=engine)


def _built(text: str) -> datetime | None:
    """Read the day a database was built, as clamd prints it: `Fri Nov 20 09:26:13 2026`."""
    try:
        return datetime.strptime(" ".join(text.split()), "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    except ValueError:
        return None
