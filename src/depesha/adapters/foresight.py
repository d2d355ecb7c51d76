"""Hands small files to clamd while their message is still being read (`ports.Foresight`).

The scanner works while the worker thread signs, and the event loop is spared one exchange for each
message. It judges nothing: it notes what clamd said, and whoever scans the very file a moment later
finds it. Where anything is unusual it does nothing, and the scan is made in the ordinary way.
"""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from depesha.adapters.clamd import ClamdScanner
    from depesha.ports import Clock

MOST_BYTES: Final = 1024 * 1024
"""Of all files of a message: from here on, many connections at once slow clamd (measured)."""
MOST_FILES: Final = 4
PATIENCE: Final = 2.0
"""Seconds a worker thread waits for one file's verdict."""
REST: Final = 30.0
"""Seconds nothing is foreseen after a scanner kept a thread waiting, or broke off."""
_REPLY_BYTES: Final = 4096


class ClamdForesight:
    """Asks the scanner of `scanner` that is least busy, over its Unix socket."""

    def __init__(self, scanner: ClamdScanner, clock: Clock, patience: float = PATIENCE) -> None:
        self.patience = patience
        self._scanner = scanner
        self._clock = clock
        self._resting_until = float("-inf")

    def begin(self, files: Sequence[Path]) -> Looking | None:
        """Hand the files over; None where that is better left to the scan. In a worker thread."""
        if not 0 < len(files) <= MOST_FILES or self._clock.monotonic() < self._resting_until:
            return None
        ready = self._scanner.ready()
        if ready is None:
            return None
        looking = Looking(self, ready.engine)
        try:
            if sum(os.stat(file).st_size for file in files) > MOST_BYTES:  # noqa: PTH116 - hot
                return None
            for file in files:
                looking.hand_over(ready.path, file)
        except OSError:
            self.rest()
            looking.close()
            return None
        return looking

    def note(self, file: Path, reply: bytes, engine: str) -> None:
        """Keep what clamd said of a file for the scan that follows."""
        self._scanner.foresee(file, reply, engine)

    def rest(self) -> None:
        """Leave a scanner in peace that does not answer as it should."""
        self._resting_until = self._clock.monotonic() + REST


class Looking:
    """Files that a scanner is looking at."""

    def __init__(self, foresight: ClamdForesight, engine: str) -> None:
        self._foresight = foresight
        self._engine = engine
        self._asked: list[tuple[Path, socket.socket]] = []
        self._open = ExitStack()

    def hand_over(self, address: str, file: Path) -> None:
        """Send the open file with the command (FILDES); raise `OSError`."""
        connection = self._open.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        connection.settimeout(self._foresight.patience)
        connection.connect(address)
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            socket.send_fds(connection, [b"zFILDES\0\0"], [descriptor])
        finally:
            os.close(descriptor)
        self._asked.append((file, connection))

    def finish(self) -> None:
        """Wait for the verdicts and note them; what did not come is not noted. Never raises."""
        with self._open:
            try:
                for file, connection in self._asked:
                    reply = _read(connection)
                    self._foresight.note(file, reply, self._engine)
            except OSError:
                self._foresight.rest()

    def close(self) -> None:
        """Forget about it."""
        self._open.close()


def _read(connection: socket.socket) -> bytes:
    """Return a reply that came to its end; raise `OSError` for any other."""
    reply = b""
    while not reply.endswith(b"\0"):
        part = connection.recv(_REPLY_BYTES)
        if not part or len(reply) > _REPLY_BYTES:
            raise ConnectionError("the scanner broke off")
        reply += part
    return reply
