"""HTTP/1.1 over blocking sockets, as little of it as the bench's own programs need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

_PIECE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Message:
    """One request or answer."""

    head: bytes
    body: bytes

    @property
    def status(self) -> int:
        """The status of an answer."""
        return int(self.head.split(b" ", 2)[1])


def read_message(connection: socket.socket) -> Message | None:
    """Read one message with a length; None where the other side has hung up before it."""
    data = bytearray()
    while (end := data.find(b"\r\n\r\n")) < 0:
        piece = connection.recv(_PIECE)
        if not piece:
            return None
        data += piece
    head = bytes(data[:end])
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    whole = end + 4 + length
    while len(data) < whole:
        piece = connection.recv(_PIECE)
        if not piece:
            raise ConnectionError("the other side hung up in the middle")
        data += piece
    return Message(head, bytes(data[end + 4 : whole]))
