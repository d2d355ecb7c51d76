"""What the REST side's statuses and small answers mean, and the frame around an upload. Pure.

A sure refusal and an unknown outcome are told apart here (facts 2.6, 3.1, 8.7).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.parse import quote

from depesha.adapters.ssev import rest_reading
from depesha.adapters.ssev.problems import Problem, SsevError
from depesha.adapters.ssev.values import (
    Group,
    MessageFile,
    OutgoingFile,
    Profile,
    Scan,
    Uploaded,
)
from depesha.errors import BrokenOffError, WireError

RANGE: Final = 416
_PROBLEMS: Final = {
    400: Problem.OUR_DEFECT,
    401: Problem.CREDENTIALS,
    403: Problem.NOT_PERMITTED,
    404: Problem.GONE,
    413: Problem.TOO_LARGE,
}
_NOT_TO_THEM: Final = b"Can not send to recipients"


def frame(boundary: str, name: str) -> tuple[bytes, bytes]:
    """Return what stands around a file: its name in RFC 5987 form, which wins there (3.1)."""
    plain = "file" + ("." + name.rpartition(".")[2] if name.rpartition(".")[2].isalnum() else "")
    plain = plain if plain.isascii() else "file"
    named = f"filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; {named}\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return head.encode(), f"\r\n--{boundary}--\r\n".encode()


async def framed(head: bytes, content: AsyncIterator[bytes], tail: bytes) -> AsyncIterator[bytes]:
    """Give a file between its frame."""
    yield head
    async for piece in content:
        yield piece
    yield tail


def uploaded(given: rest_reading.Json, file: OutgoingFile) -> Uploaded:
    """Judge an upload: 200 alone says nothing (facts 3.1; 9, no. 7)."""
    verdict = rest_reading.scan(given)
    if verdict is Scan.MALICIOUS:
        raise SsevError("SSEV's scanner refused a file", Problem.MALICIOUS)
    if rest_reading.no_space(given):
        raise SsevError("our storage at SSEV is full", Problem.NO_SPACE)
    blob_id = rest_reading.optional(given.get("blobId"))
    if blob_id is None:
        raise SsevError("SSEV did not keep a file", Problem.SERVER)
    if rest_reading.text(given, "hash").lower() != file.digest:
        raise SsevError("SSEV keeps other bytes than were sent", Problem.DAMAGED)
    return Uploaded(blob_id=blob_id, scan=verdict)


def profile(given: Any, group: Group | None) -> Profile:
    """Return a profile of an answer; raise `WireError`."""
    return rest_reading.profile(rest_reading.as_object(given), group)


def stored(given: Any) -> tuple[MessageFile, ...]:
    """Return the files of a storage list; raise `WireError`."""
    found = rest_reading.as_object(given).get("result")
    if not isinstance(found, list):
        raise WireError("a list in an answer is none")
    return tuple(rest_reading.file(rest_reading.as_object(each)) for each in found)


def refused(status: int) -> SsevError:
    """Say what a status means on a call that leaves nothing behind."""
    return SsevError("SSEV refused", _PROBLEMS.get(status, Problem.SERVER), status=status)


def upload_refused(status: int) -> SsevError:
    """Say what a status means on an upload."""
    if status == 404:  # noqa: PLR2004 -- the web server's word for "too large" (facts 3.1)
        return SsevError("SSEV takes no file of this size", Problem.TOO_LARGE, status=status)
    return refused(status)


def send_refused(status: int, answer: bytes) -> SsevError | BrokenOffError:
    """Tell a sure refusal from an unknown outcome (facts 8.7)."""
    if status == 400 and _NOT_TO_THEM in answer:  # noqa: PLR2004 -- Bad Request
        return SsevError("SSEV does not let us write there", Problem.NOT_PERMITTED, status=status)
    if status in _PROBLEMS:
        return refused(status)
    return BrokenOffError("SSEV failed, and may have taken the message", status=status)


def download_refused(status: int) -> SsevError:
    """Say what a status means on a download."""
    if status == 400:  # noqa: PLR2004 -- expired or invalid link (facts 3.1)
        return SsevError("a link of SSEV has expired", Problem.LINK_EXPIRED, status=status)
    if status == RANGE:
        return SsevError("a file at SSEV is shorter than what came", Problem.DAMAGED, status=status)
    return refused(status)


def bounded(size: int, limit: int) -> None:
    """Raise `SsevError` past a limit."""
    if size > limit:
        raise SsevError("a file passes the permitted size", Problem.TOO_LARGE)


def begins(content_range: str, start: int) -> bool:
    """Tell whether a partial answer begins where it should."""
    return content_range.startswith(f"bytes {start}-")
