"""A registry API that gives prepared answers over a real socket and remembers what was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Stub(ThreadingHTTPServer):
    """Answers by `METHOD path`; anything else is a 404 problem."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, tuple[int, Any]] = {}
        self.asked: list[tuple[str, str, Any]] = []
        """Method and path with query, token, body."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Stub

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        data = self.rfile.read(length)
        typed = self.headers.get("Content-Type", "")
        body = json.loads(data) if length and "json" in typed else data or None
        line = f"{self.command} {self.path}"
        self.server.asked.append((line, self.headers.get("Authorization", ""), body))
        missing = (404, {"title": "Not found", "detail": "no such message"})
        status, answer = self.server.answers.get(line.partition("?")[0], missing)
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = _answer  # noqa: N815 -- the base class prescribes the name
    do_POST = _answer  # noqa: N815 -- the same

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the same
        """Say nothing."""


@contextmanager
def registry_stub() -> Iterator[Stub]:
    with Stub() as stub:
        thread = threading.Thread(target=stub.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield stub
        stub.shutdown()
        thread.join()
