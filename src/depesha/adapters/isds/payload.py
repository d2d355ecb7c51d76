"""The bytes of a try that are fixed before it: the words and the list of its files. Pure.

The envelope on the wire is made of them anew for each call; what the recipient will read is fixed
here, and so are the files, by their digests.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter, ValidationError

from depesha.adapters.isds import rules
from depesha.adapters.isds.values import CreateWords, OutgoingFile
from depesha.errors import StorageError
from depesha.schemas.evidence import canonical
from depesha.schemas.ids import Digest
from depesha.schemas.mediatypes import EXTENSIONS, default_extension

if TYPE_CHECKING:
    from collections.abc import Sequence

    from depesha.ports import BlobStore
    from depesha.schemas.envelope import Attachment

FORMAT: Final = "depesha-isds-message/1"
ENCLOSURE: Final = "enclosure"
SIGNATURE: Final = "signature"
_DETACHED: Final = frozenset({"p7s", "tst", "tsr"})
"""Extensions of detached signatures and stamps: `letter.pdf.p7s` belongs to `letter.pdf`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadFile:
    """An attachment, in the order of the message."""

    name: str
    media_type: str
    meta_type: str
    size: int
    digest: Digest
    guid: str = ""
    parent_guid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """What travels."""

    words: CreateWords
    files: tuple[PayloadFile, ...]
    format: str = FORMAT

    @property
    def sizes(self) -> list[int]:
        """Bytes of each attachment."""
        return [file.size for file in self.files]

    def outgoing(self, blobs: BlobStore) -> tuple[OutgoingFile, ...]:
        """Return the files on our disk; raise `StorageError` where one is gone. In a thread."""
        return tuple(_outgoing(file, blobs) for file in self.files)


@cache
def _payloads() -> TypeAdapter[Payload]:
    return TypeAdapter(Payload)


def payload_bytes(payload: Payload) -> bytes:
    """Return the stored form: canonical JSON."""
    told: dict[str, object] = _payloads().dump_python(payload, mode="json")
    return canonical(told)


def load_payload(data: bytes) -> Payload:
    """Read the stored form back; raise `StorageError`."""
    try:
        return _payloads().validate_json(data)
    except ValidationError as error:
        raise StorageError("the stored bytes of a try cannot be read") from error


def files_of(attachments: Sequence[Attachment]) -> tuple[PayloadFile, ...]:
    """Return a document's files as ISDS wants them: the main one first (facts 4.4).

    The first file that is no detached signature is the main one; a signature points at its file.
    """
    names = [_name(file.name, file.media_type) for file in attachments]
    owners = [_owner(name, names) for name in names]
    main = next((i for i, owner in enumerate(owners) if owner is None), 0)
    order = sorted(range(len(attachments)), key=lambda index: index != main)
    signed = {owner for owner in owners if owner is not None}
    return tuple(
        PayloadFile(
            name=names[index],
            media_type=_media_type(names[index], attachments[index].media_type),
            meta_type=_meta(owners[index], is_main=index == main),
            size=attachments[index].size,
            digest=attachments[index].digest,
            guid=_guid(index) if index in signed else "",
            parent_guid="" if owners[index] is None else _guid(owners[index] or 0),
        )
        for index in order
    )


def _meta(owner: int | None, *, is_main: bool) -> str:
    if is_main:
        return rules.MAIN
    return ENCLOSURE if owner is None else SIGNATURE


def _guid(index: int) -> str:
    return f"file-{index + 1}"


def _owner(name: str, names: Sequence[str]) -> int | None:
    """Return which file a detached signature belongs to; None for what is none."""
    stem, _, extension = name.rpartition(".")
    if extension.lower() not in _DETACHED:
        return None
    return next((i for i, other in enumerate(names) if other == stem), None)


def _media_type(name: str, declared: str) -> str:
    """Return a declared type that fits the name, or none: a wrong one is refused (code 1214).

    A ZFO has a type of its own there (facts 8.2), so none is said.
    """
    kind = rules.extension(name)
    return declared if kind != "zfo" and declared in EXTENSIONS.get(kind, ()) else ""


def _outgoing(file: PayloadFile, blobs: BlobStore) -> OutgoingFile:
    path = blobs.path(file.digest)
    if path is None:
        raise StorageError("a file of the document is gone")
    return OutgoingFile(
        name=file.name,
        media_type=file.media_type,
        meta_type=file.meta_type,
        path=path,
        size=file.size,
        guid=file.guid,
        parent_guid=file.parent_guid,
    )


def _name(name: str, media_type: str) -> str:
    """Return a name that ISDS takes: one line, as it keeps it, with an extension, not too long."""
    flat = rules.as_kept(name).replace("/", "_").replace("\\", "_")
    clean = " ".join("".join(c for c in flat if c.isprintable()).split())
    if not rules.extension(clean):
        clean = (clean.strip(".") or "soubor") + (default_extension(media_type) or "")
    stem, dot, extension = clean.rpartition(".")
    room = rules.NAME - len(extension) - 1
    return f"{stem[:room]}.{extension}" if dot and room > 0 else clean[: rules.NAME]
