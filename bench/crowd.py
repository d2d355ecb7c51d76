"""Callers as HTTP clients are: each connects when it calls, and keeps its connection while it may.

A connection that the server has ended with its answer is made anew for the next call. One that it
has closed while nobody used it is noticed with the next call, which is then made once more.
"""

from __future__ import annotations

import socket
import ssl
import time

from bench import load

ENDS = b"\r\nconnection: close\r\n"


class Crowd(load.Callers):
    """So many callers at once; what they wait includes connecting."""

    connected = 0
    stale = 0

    def _call(self, number: int) -> None:
        with self._lock:
            self._there += 1
        self._go.wait()
        connection: ssl.SSLSocket | None = None
        while (request := self._next()) is not None:
            started = time.perf_counter()
            answer, connection = self._exchange(connection, request)
            seconds = time.perf_counter() - started
            with self._lock:
                self.answered[number] += 1
                self.seconds.append(seconds)
                word = load._word(answer)  # noqa: SLF001 -- of the same bench
                self.statuses[word] = self.statuses.get(word, 0) + 1
        if connection is not None:
            connection.close()

    def _exchange(
        self, kept: ssl.SSLSocket | None, request: bytes
    ) -> tuple[bytes, ssl.SSLSocket | None]:
        if kept is not None:
            try:
                return self._ask(kept, request)
            except ConnectionError:
                kept.close()
                with self._lock:
                    self.stale += 1
        return self._ask(self._connect(), request)

    def _connect(self) -> ssl.SSLSocket:
        with self._lock:
            self.connected += 1
        raw = socket.create_connection(("127.0.0.1", self._port), timeout=60)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._context.wrap_socket(raw, server_hostname="localhost")

    def _ask(self, connection: ssl.SSLSocket, request: bytes) -> tuple[bytes, ssl.SSLSocket | None]:
        connection.sendall(request)
        answer = load._answer(connection)  # noqa: SLF001 -- of the same bench
        if ENDS not in answer.partition(b"\r\n\r\n")[0].lower() + b"\r\n":
            return answer, connection
        connection.close()
        return answer, None

    def told(self) -> dict[str, int]:
        """What the statuses do not tell."""
        return {"connected": self.connected, "stale": self.stale}


if __name__ == "__main__":
    load.main(Crowd)
