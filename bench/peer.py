"""A SEOS endpoint that costs next to nothing: reads a call, sends the answer signed beforehand.

A process of its own, a thread for each connection, TLS with client certificates. It verifies
nothing: what is measured is the sender. It must never stand for a real recipient.
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from bench.wire import read_message
from depesha.simulators.seos_soap import wrap_answer, wrap_fault
from depesha.simulators.tls import KeyFiles, server_context

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMED = re.compile(rb"DocumentGUID(?:&gt;|>)\{([0-9a-f-]{36})\}")


def http(status: str, body: bytes) -> bytes:
    """Return a whole HTTP answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/xml; charset=utf-8\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def serve_one(raw: socket.socket, context: ssl.SSLContext, answers: Mapping[bytes, bytes]) -> None:
    """Answer every call of one connection."""
    unknown = http("500 Internal Server Error", wrap_fault("not one of the bench's documents"))
    try:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with context.wrap_socket(raw, server_side=True) as connection:
            while (message := read_message(connection)) is not None:
                found = NAMED.search(message.body)
                connection.sendall(answers.get(found[1], unknown) if found else unknown)
    except OSError:
        raw.close()  # the caller has gone, or the wire between us


def main() -> None:
    """Read the answers and serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("answers", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--certificate", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--trusted", type=Path, required=True)
    options = parser.parse_args()
    signed: dict[str, str] = json.loads(options.answers.read_text("utf-8"))
    answers = {guid.encode(): http("200 OK", wrap_answer(text)) for guid, text in signed.items()}
    keys = KeyFiles(key=options.key, certificate=options.certificate, trusted=options.trusted)
    context = server_context(keys)
    with socket.create_server(("127.0.0.1", options.port), backlog=128) as listener:
        print("ready", flush=True)
        while True:
            raw, _ = listener.accept()
            threading.Thread(target=serve_one, args=(raw, context, answers), daemon=True).start()


if __name__ == "__main__":
    main()
