"""The registry's side: a process of its own that submits ready documents and sees them settle.

Each caller submits one, waits until it is settled, and takes the next. Blocking sockets in
threads, and one thread that looks into the gateway's database: next to nothing is spent here.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw

from bench.messages import read_many
from bench.wire import read_message

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOK = 0.002
SETTLED = frozenset({"ACCEPTED", "DELIVERED", "REGISTERED"})
PATIENCE = 60.0
GUID = slice(36)
"""What stands before each request: the document's GUID."""


@dataclass(slots=True)
class Waiting:
    """A document that was accepted."""

    accepted: float
    settled: float = 0.0
    done: threading.Event = field(default_factory=threading.Event)


class Watcher:
    """Looks for documents that have reached one of the states wanted, from outside, read-only."""

    def __init__(self, store: Path, wanted: frozenset[str]) -> None:
        self._database = apsw.Connection(str(store / "depesha.db"), flags=apsw.SQLITE_OPEN_READONLY)
        self._database.set_busy_timeout(5000)
        self._wanted = wanted
        self._lock = threading.Lock()
        self._awaited: dict[str, Waiting] = {}
        threading.Thread(target=self._watch, daemon=True).start()

    def wait(self, guid: str, waiting: Waiting) -> bool:
        """Wait until a document is there; False where it takes too long."""
        with self._lock:
            self._awaited[guid] = waiting
        return waiting.done.wait(PATIENCE)

    def _watch(self) -> None:
        while True:
            time.sleep(LOOK)
            with self._lock:
                names = list(self._awaited)
            if names:
                self._look(names)

    def _look(self, names: list[str]) -> None:
        marks = ",".join("?" * len(names))
        rows: list[tuple[Any, ...]] = self._database.execute(
            f"SELECT document, state, changed_at FROM outbound WHERE document IN ({marks})",  # noqa: S608 - marks alone
            names,
        ).fetchall()
        for document, state, changed in rows:
            if state in self._wanted:
                with self._lock:
                    waiting = self._awaited.pop(str(document))
                waiting.settled = int(changed) / 1e6
                waiting.done.set()


class Callers:
    """So many callers at once, each with one connection, taking documents from one heap."""

    def __init__(
        self, requests: Iterator[bytes], port: int, watcher: Watcher | None, rate: float
    ) -> None:
        self._requests = requests
        self._port = port
        self._watcher = watcher
        self._rate = rate
        self._due = 0.0
        self._lock = threading.Lock()
        self.whole: list[float] = []
        """Seconds from the first byte of the form to the end of all."""
        self.settling: list[float] = []
        """Seconds from the answer that accepts it to the outcome as the store has it."""
        self.bad: dict[str, int] = {}

    def run(self, callers: int) -> float:
        """Let them submit everything; return the seconds until the last was settled."""
        started = time.perf_counter()
        self._due = started
        threads = [threading.Thread(target=self._guarded) for _ in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - started

    def _next(self) -> bytes | None:
        with self._lock:
            due, self._due = self._due, self._due + (1 / self._rate if self._rate else 0.0)
            request = next(self._requests, None)
        if self._rate and request is not None:
            time.sleep(max(0.0, due - time.perf_counter()))
        return request

    def _guarded(self) -> None:
        try:
            self._call()
        except OSError as error:
            self._count(f"error: {type(error).__name__}")

    def _count(self, word: str) -> None:
        with self._lock:
            self.bad[word] = self.bad.get(word, 0) + 1

    def _call(self) -> None:
        with socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while (request := self._next()) is not None:
                self._submit(connection, request[GUID].decode(), request[GUID.stop :])

    def _submit(self, connection: socket.socket, guid: str, request: bytes) -> None:
        started = time.perf_counter()
        connection.sendall(request)
        answer = read_message(connection)
        waiting = Waiting(accepted=time.time())
        if answer is None or answer.status != 202:
            self._count("not taken" if answer is None else f"status {answer.status}")
            return
        if self._watcher is not None and not self._watcher.wait(guid, waiting):
            self._count("never settled")
            return
        with self._lock:
            self.whole.append(time.perf_counter() - started)
            if self._watcher is not None:
                self.settling.append(max(0.0, waiting.settled - waiting.accepted))


def main() -> None:
    """Read the arguments, submit, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("requests", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--callers", type=int, default=16)
    parser.add_argument("--rate", type=float, default=0, help="documents a second; 0: no pause")
    parser.add_argument("--store", type=Path, help="of the gateway; none: the answer is the end")
    parser.add_argument("--until", nargs="*", default=sorted(SETTLED), help="states to wait for")
    options = parser.parse_args()
    requests = list(read_many(options.requests))[options.skip : options.skip + options.count]
    watcher = None if options.store is None else Watcher(options.store, frozenset(options.until))
    callers = Callers(iter(requests), options.port, watcher, options.rate)
    wall = callers.run(options.callers)
    result = {
        "wall": wall,
        "whole": callers.whole,
        "settling": callers.settling,
        "bad": callers.bad,
    }
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
