"""A link to a PostgreSQL server that can be cut at a chosen word, as a network can."""

from __future__ import annotations

import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

_SOCKET = ".s.PGSQL.5432"


class Link:
    """Forwards connections to a server's socket; used as `with Link(server.folder) as link`."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self.folder = Path(tempfile.mkdtemp(prefix="depesha-link-"))
        self._listening = socket.socket(socket.AF_UNIX)
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._word = b""
        self._before = True
        self._barred = self._after_bar = False
        self.cuts = 0

    def url(self, database: str) -> str:
        return f"postgresql://depesha@/{database}?host={self.folder}"

    def cut_at(self, word: bytes, *, before: bool, barred: bool = False) -> None:
        """Cut once when the client says `word`: before the server hears it, or before it answers.

        `barred`: nobody gets through afterwards, until `mend`.
        """
        self._word, self._before, self._after_bar = word, before, barred

    def mend(self) -> None:
        self._barred = False

    def cut(self) -> None:
        """Cut every connection now."""
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

    def __enter__(self) -> Self:
        self._listening.bind(str(self.folder / _SOCKET))
        self._listening.listen(20)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()
        (self.folder / _SOCKET).unlink()
        self.folder.rmdir()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if self._barred:
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(str(self._server / _SOCKET))
            except OSError:
                server.close()
                client.close()
                continue
            self._pairs.append((client, server))
            for pair in ((client, server), (server, client)):
                threading.Thread(
                    target=self._forward, args=(*pair, pair[0] is client), daemon=True
                ).start()

    def _forward(self, source: socket.socket, target: socket.socket, listen: bool) -> None:  # noqa: FBT001
        with suppress(OSError):
            while data := source.recv(65536):
                if listen and self._word and self._word in data:
                    self._word = b""
                    self._sever(source, target, data)
                    return
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _sever(self, client: socket.socket, server: socket.socket, data: bytes) -> None:
        """Cut this connection; where the server hears the word, wait until it has answered."""
        self.cuts += 1
        self._barred = self._after_bar
        client.shutdown(socket.SHUT_RDWR)
        if not self._before:
            server.sendall(data)
            server.settimeout(5)
            with suppress(OSError):
                server.recv(1)
        server.shutdown(socket.SHUT_RDWR)
