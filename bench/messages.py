"""Makes signed SEOS requests for the bench, ready to be put on the wire. Times nothing."""

from __future__ import annotations

import os
import struct
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from depesha.schemas import ids
from depesha.schemas.envelope import RegistrationNumber
from depesha.simulators import seos_documents as documents
from depesha.simulators import seos_signing, seos_soap, seos_writing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from depesha.schemas.envelope import Party
    from depesha.simulators.authority import Identity

_PDF = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\n% "
LENGTH = struct.Struct(">Q")
"""How long the request behind it is."""


def request(
    sender: Party, recipient: Party, identity: Identity, size: int, *, algorithm: str = "rsa-sha1"
) -> bytes:
    """Return one signed registration request around a PDF, `size` bytes of inner document."""
    content = _PDF + os.urandom(max(0, (size - 3_000) * 3 // 4)) + b"\n%%EOF\n"
    now = datetime.now(UTC)
    unique = str(uuid.uuid4())
    body = documents.RegistrationRequest(
        document=documents.DocumentId(
            guid=ids.guid(str(uuid.uuid4())),
            number=RegistrationNumber(number=f"РД-{unique[:8]}", date=now.date()),
        ),
        enclosures=(
            documents.Enclosure(name="pismo.pdf", content=content, media_type="application/pdf"),
        ),
        subject="Искане за данни",
    )
    header = documents.Header(
        message_guid=ids.guid(unique), created_at=now, sender=sender, recipient=recipient
    )
    root = seos_writing.build(header, body)
    text = seos_signing.sign(root, identity, seos_signing.Hand(algorithm=algorithm))
    return seos_soap.wrap_request(text)


def http(body: bytes, path: str = "/seos") -> bytes:
    """Return the whole HTTP request, head and body."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: {seos_soap.CONTENT_TYPE}\r\nSOAPAction: {seos_soap.ACTION}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def write_many(
    path: Path, count: int, sender: Party, recipient: Party, identity: Identity, size: int
) -> None:
    """Write `count` different requests into a file, each behind its length."""
    with ThreadPoolExecutor(2) as pool, path.open("wb") as file:
        made = pool.map(lambda _: http(request(sender, recipient, identity, size)), range(count))
        for one in made:
            file.write(LENGTH.pack(len(one)))
            file.write(one)


def read_many(path: Path) -> Iterator[bytes]:
    """Yield the requests of a file that `write_many` wrote."""
    with path.open("rb") as file:
        while head := file.read(LENGTH.size):
            yield file.read(LENGTH.unpack(head)[0])
