"""The callers: a process of its own that sends ready requests over TLS and times the answers.

Plain blocking sockets in threads: next to nothing is spent here, so the figures are the server's.
"""

from __future__ import annotations

import argparse
import json
import socket
import ssl
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.messages import read_many

if TYPE_CHECKING:
    from collections.abc import Iterator


PAUSE = 0.02


class Callers:
    """So many callers at once, each with one connection, taking requests from one heap."""

    def __init__(self, requests: Iterator[bytes], port: int, context: ssl.SSLContext) -> None:
        self._requests = requests
        self._port = port
        self._context = context
        self._lock = threading.Lock()
        self.seconds: list[float] = []
        self.statuses: dict[str, int] = {}
        self.answered: list[int] = []
        """How often each caller was answered: whether they were served alike."""
        self.until = 0.0
        self.rate = 0.0
        self._due = 0.0
        self._there = 0
        """Callers that are connected, or have failed to be."""
        self._go = threading.Event()

    def _next(self) -> bytes | None:
        with self._lock:
            if time.perf_counter() >= self.until:
                return None
            due, self._due = self._due, self._due + (1 / self.rate if self.rate else 0.0)
            request = next(self._requests, None)
        if self.rate:
            time.sleep(max(0.0, due - time.perf_counter()))
        return request

    def _call(self, number: int) -> None:
        raw = socket.create_connection(("127.0.0.1", self._port), timeout=60)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._context.wrap_socket(raw, server_hostname="localhost") as connection:
            with self._lock:
                self._there += 1
            self._go.wait()
            while (request := self._next()) is not None:
                started = time.perf_counter()
                connection.sendall(request)
                answer = _answer(connection)
                seconds = time.perf_counter() - started
                with self._lock:
                    self.answered[number] += 1
                    self.seconds.append(seconds)
                    word = _word(answer)
                    self.statuses[word] = self.statuses.get(word, 0) + 1

    def run(self, callers: int, seconds: float) -> float:
        """Let them call for so long; return the seconds it took until the last answer."""
        self.answered = [0] * callers
        threads = [threading.Thread(target=self._guarded, args=(n,)) for n in range(callers)]
        for thread in threads:
            thread.start()
        # All are connected before the first calls, for what a handshake costs is another question.
        while self._there < callers:
            time.sleep(PAUSE)
        started = time.perf_counter()
        self.until = started + seconds
        self._due = started
        self._go.set()
        for thread in threads:
            thread.join()
        return time.perf_counter() - started

    def told(self) -> dict[str, int]:
        """What else there is to say."""
        return {}

    def _guarded(self, number: int) -> None:
        try:
            self._call(number)
        except OSError as error:
            with self._lock:
                self._there += 0 if self._go.is_set() else 1
                word = f"error: {type(error).__name__}"
                self.statuses[word] = self.statuses.get(word, 0) + 1


def _answer(connection: ssl.SSLSocket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        body += _more(connection)
    return head + b"\r\n\r\n" + body


def _more(connection: ssl.SSLSocket) -> bytes:
    chunk = connection.recv(65536)
    if not chunk:
        raise ConnectionError("the server hung up")
    return chunk


def _word(answer: bytes) -> str:
    if b"MDN-sent-automatically; processed\r\n" in answer:
        return "processed"  # an AS2 receipt (RFC 4130, 7.4.3), of the side-by-side bench
    for word in (b"DS_WAIT_REGISTRATION", b"DS_ALREADY_RECEIVED", b"DS_REJECTED", b"MSG_Error"):
        if word in answer:
            return word.decode()
    return answer.split(b"\r\n", 1)[0].decode("latin-1")


def main(kind: type[Callers] = Callers) -> None:
    """Read the arguments, call, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("requests", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("--callers", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rate", type=float, default=0, help="calls a second; 0: no pause")
    parser.add_argument("--certificate", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--trusted", type=Path, required=True)
    options = parser.parse_args()
    context = ssl.create_default_context(cafile=str(options.trusted))
    context.load_cert_chain(options.certificate, options.key)
    requests = list(read_many(options.requests))[options.skip :]
    callers = kind(iter(requests), options.port, context)
    callers.rate = options.rate
    wall = callers.run(options.callers, options.seconds)
    result = {
        "wall": wall,
        "seconds": callers.seconds,
        "statuses": callers.statuses,
        "answered": callers.answered,
        **callers.told(),
    }
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
