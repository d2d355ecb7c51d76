"""A scanner that nods at everything: "scanner off" for the side-by-side bench, never anything else.

Depesha has no switch that turns scanning off, so the bench gives it this instead.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from pathlib import Path

_PIECE = 65_536


def _serve(connection: socket.socket) -> None:
    with connection:
        said, descriptors, _, _ = socket.recv_fds(connection, _PIECE, 4)
        if said.startswith(b"zPING"):
            connection.sendall(b"PONG\0")
        elif said.startswith(b"zVERSION"):
            connection.sendall(b"ClamAV 1.4.0/27000/Sat Nov 21 09:00:00 2026\0")
        elif said.startswith(b"zFILDES"):
            if not descriptors:  # the file may come a moment after the command
                _, descriptors, _, _ = socket.recv_fds(connection, _PIECE, 4)
            connection.sendall(b"fd[10]: OK\0")
        for descriptor in descriptors:
            os.close(descriptor)


def main() -> None:
    """Listen on the socket named by the first argument; say when ready."""
    path = Path(sys.argv[1])
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
        door.listen(256)
        print("ready", flush=True)
        while True:
            connection, _ = door.accept()
            threading.Thread(target=_serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
