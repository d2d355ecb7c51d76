"""Makes submissions for the bench, and the signed answers the peer will give. Times nothing."""

from __future__ import annotations

import json
import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bench import messages
from depesha.schemas import ids
from depesha.simulators import seos_documents as documents
from depesha.simulators import seos_signing, seos_writing

if TYPE_CHECKING:
    from pathlib import Path

    from depesha.schemas.envelope import Party
    from depesha.simulators.country import Bare


class Heap:
    """Ready submissions in a file, each behind its GUID, and the peer's answers to them."""

    def __init__(self, folder: Path, name: str, token: str) -> None:
        self.requests = folder / name
        self.answers = folder / f"{name}.answers"
        self._token = token

    def make(self, count: int, size: int, us: Party, peer: Bare) -> None:
        """Write them down; blocking."""
        guids = [str(uuid.uuid4()) for _ in range(count)]
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda guid: answer(guid, us, peer), guids))
        pairs = dict(zip(guids, answers, strict=True))
        self.answers.write_text(json.dumps(pairs), encoding="utf-8")
        with self.requests.open("wb") as file:
            for guid in guids:
                one = guid.encode() + self._http(form(guid, size, peer.body.party))
                file.write(messages.LENGTH.pack(len(one)))
                file.write(one)

    def _http(self, made: tuple[bytes, bytes]) -> bytes:
        boundary, body = made
        head = (
            "POST /api/v1/messages HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {self._token}\r\nIdempotency-Key: {uuid.uuid4()}\r\n"
            f"Content-Type: multipart/form-data; boundary={boundary.decode()}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def form(guid: str, size: int, recipient: Party) -> tuple[bytes, bytes]:
    """Return boundary and body of a submission with one file of `size` bytes."""
    pdf = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\n% "
    content = pdf + os.urandom(max(0, size - len(pdf) - 7)) + b"\n%%EOF\n"
    words = {
        "recipient": {"identifier": recipient.identifier},
        "document": {
            "guid": guid,
            "number": f"ИЗХ-{guid[:8]}",
            "date": datetime.now(UTC).date().isoformat(),
        },
        "kind": "Писмо",
        "subject": "Искане за данни",
        "scan_instead": "Подписан на хартия",
    }
    boundary = uuid.uuid4().hex.encode()
    parts = (
        (b'name="message"', b"application/json", json.dumps(words, ensure_ascii=False).encode()),
        (b'name="file-1"; filename="pismo.pdf"', b"application/pdf", content),
    )
    body = b"".join(
        b"--%b\r\nContent-Disposition: form-data; %b\r\nContent-Type: %b\r\n\r\n%b\r\n"
        % (boundary, name, kind, data)
        for name, kind, data in parts
    )
    return boundary, body + b"--" + boundary + b"--\r\n"


def answer(guid: str, us: Party, peer: Bare) -> str:
    """Return what the peer says of a document: it waits for its number. Signed."""
    header = documents.Header(
        message_guid=ids.guid(str(uuid.uuid4())),
        created_at=datetime.now(UTC),
        sender=peer.body.party,
        recipient=us,
    )
    body = documents.StatusResponse(
        document=documents.DocumentId(guid=ids.guid(guid)), status=documents.WAITING
    )
    return seos_signing.sign(seos_writing.build(header, body), peer.identity)
