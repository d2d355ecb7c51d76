"""Hands small files to clamd while their message is still being read (`ports.Foresight`).

The scanner works while the worker thread signs, the event loop is spared one exchange for each
message, and a small file need not lie on the disk at all: it travels as an open file in memory. It
judges nothing. Where anything is unusual it says nothing, and the scan is made in the ordinary way.
"""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, Protocol

from depesha.adapters.clamd import result_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from depesha.adapters.clamd import Ready
    from depesha.ports import Clock
    from depesha.schemas.facts import ScanResult

MOST_BYTES: Final = 1024 * 1024
"""Of all files of a message: from here on, many connections at once slow clamd (measured)."""
MOST_FILES: Final = 4
PATIENCE: Final = 2.0
"""Seconds a worker thread waits for one file's verdict."""
REST: Final = 30.0
"""Seconds nothing is foreseen after a scanner kept a thread waiting, or broke off."""
_REPLY_BYTES: Final = 4096


class Readiness(Protocol):
    """Whoever knows which scanner may be shown a file (`ClamdScanner`)."""

    def ready(self) -> Ready | None:
        """Return the least busy one that takes open files; None where there is none."""


class ClamdForesight:
    """Asks the scanner of `scanner` that is least busy, over its Unix socket."""

    def __init__(
        self,
        scanner: Readiness,
        clock: Clock,
        *,
        patience: float = PATIENCE,
        told: Callable[[tuple[ScanResult, ...], float], None] | None = None,
    ) -> None:
        """`told` hears of every look: its results, and the seconds it took."""
        self.patience = patience
        self._clock = clock
        self._told = told
        self.ready = scanner.ready
        self._resting_until = float("-inf")

    def begin(self, files: Sequence[tuple[int, bytes | Path]]) -> Looking | None:
        """Hand the files over; None where that is better left to the scan. In a worker thread."""
        if not 0 < len(files) <= MOST_FILES or self._clock.monotonic() < self._resting_until:
            return None
        ready = self.ready()
        if ready is None:
            return None
        looking = Looking(self, ready.engine, self._clock.monotonic())
        try:
            if sum(_size(content) for _, content in files) > MOST_BYTES:
                return None
            for index, content in files:
                looking.hand_over(ready.path, index, content)
        except OSError:
            self.rest()
            looking.close()
            return None
        return looking

    def note(self, results: tuple[ScanResult, ...], began: float) -> None:
        """Tell of a look that is over."""
        if results:
            self.tell(results, self._clock.monotonic() - began)

    def tell(self, results: tuple[ScanResult, ...], seconds: float) -> None:
        """Tell of a look that took so long, be it one of another process."""
        if self._told is not None:
            self._told(results, seconds)

    def rest(self) -> None:
        """Leave a scanner in peace that does not answer as it should."""
        self._resting_until = self._clock.monotonic() + REST


class Looking:
    """Files that a scanner is looking at."""

    def __init__(self, foresight: ClamdForesight, engine: str, began: float) -> None:
        self._foresight = foresight
        self._engine = engine
        self._began = began
        self._asked: list[tuple[int, socket.socket]] = []
        self._open = ExitStack()

    def hand_over(self, address: str, index: int, content: bytes | Path) -> None:
        """Send the open file with the command (FILDES); raise `OSError`."""
        connection = self._open.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        connection.settimeout(self._foresight.patience)
        connection.connect(address)
        descriptor = _opened(content)
        try:
            socket.send_fds(connection, [b"zFILDES\0\0"], [descriptor])
        finally:
            os.close(descriptor)
        self._asked.append((index, connection))

    def finish(self) -> tuple[ScanResult, ...]:
        """Wait for the verdicts; what did not come whole is not told. Never raises."""
        results: list[ScanResult] = []
        with self._open:
            try:
                for index, connection in self._asked:
                    results.append(result_of(index, _read(connection), self._engine))
            except OSError:
                self._foresight.rest()
        told = tuple(results)
        self._foresight.note(told, self._began)
        return told

    def close(self) -> None:
        """Forget about it."""
        self._open.close()


def _size(content: bytes | Path) -> int:
    return len(content) if isinstance(content, bytes) else os.stat(content).st_size  # noqa: PTH116 - hot


def _opened(content: bytes | Path) -> int:
    """Return a descriptor that a scanner can read from the start: the file's, or one in memory."""
    if not isinstance(content, bytes):
        return os.open(content, os.O_RDONLY | os.O_CLOEXEC)
    descriptor = os.memfd_create("attachment", os.MFD_CLOEXEC)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.lseek(descriptor, 0, os.SEEK_SET)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _read(connection: socket.socket) -> str:
    """Return a reply that came to its end; raise `OSError` for any other."""
    reply = b""
    while not reply.endswith(b"\0"):
        part = connection.recv(_REPLY_BYTES)
        if not part or len(reply) > _REPLY_BYTES:
            raise ConnectionError("the scanner broke off")
        reply += part
    return reply[:-1].decode("utf-8", errors="replace").strip()
