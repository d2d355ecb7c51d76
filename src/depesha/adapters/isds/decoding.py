"""Decodes base64 into a file as it comes, with size and digest: memory stays at one piece."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

import pybase64

from depesha.adapters.filestreams import StoredFile
from depesha.errors import WireError
from depesha.schemas.ids import Digest


class Base64File:
    """A file that is fed with base64 and holds what it stands for. For one thread at a time.

    Feeding raises `WireError` for what is no base64; blanks and line ends do not count.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO = path.open("wb")
        self._rest = ""
        self._ended = False
        self._digest = hashlib.sha256()
        self._size = 0

    def feed(self, text: str) -> None:
        """Take a piece of text, cut anywhere."""
        text = self._rest + "".join(text.split())
        cut = len(text) - len(text) % 4
        self._rest = text[cut:]
        if not cut:
            return
        if self._ended:
            raise WireError("binary content of ISDS is not encoded as base64")
        try:
            piece = pybase64.b64decode(text[:cut], validate=True)
        except ValueError:
            raise WireError("binary content of ISDS is not encoded as base64") from None
        self._ended = text[cut - 1] == "="
        self.write(piece)

    def write(self, piece: bytes) -> None:
        """Take bytes as they are."""
        self._file.write(piece)
        self._digest.update(piece)
        self._size += len(piece)

    def finish(self) -> StoredFile:
        """Close the file and return what lies there."""
        self._file.close()
        if self._rest:
            raise WireError("binary content of ISDS is not encoded as base64")
        digest = Digest(self._digest.hexdigest())
        return StoredFile(path=self.path, size=self._size, digest=digest)

    def close(self) -> None:
        """Close the file; closing twice is safe."""
        self._file.close()
