"""Opens a received message and makes it durable: words, files, proofs (facts 8.4).

Opening is the legal receipt and cannot be undone; who calls this has written the intent down and
knows the sender. Repeating is safe: an opened message can be opened again at any time.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from depesha.adapters.spooling import spool_folder
from depesha.adapters.ssev.originals import KeptFile, KeptMessage, KeptProof, write_original
from depesha.adapters.ssev.problems import Problem, SsevError
from depesha.errors import BrokenOffError, UnreachableError
from depesha.schemas.mediatypes import EXTENSIONS, UNKNOWN, extension
from depesha.schemas.wire.ssev import FORWARD_TEMPLATE, FORWARD_TEXT, LETTER_FILES, LETTER_TEXT

if TYPE_CHECKING:
    from pathlib import Path

    from depesha.adapters.filestreams import StoredFile
    from depesha.adapters.ssev.network import SsevNetwork
    from depesha.adapters.ssev.originals import KeptSender
    from depesha.adapters.ssev.rest_client import SsevRestClient
    from depesha.adapters.ssev.values import MessageFile, OpenedMessage, Profile
    from depesha.ports import BlobStore, Threads
    from depesha.schemas.ids import Digest

TRIES: Final = 4
"""Of one download: links made anew, cut ones taken up again, damaged ones fetched again."""
_SAID: Final = frozenset({LETTER_TEXT, LETTER_FILES, FORWARD_TEXT})
"""Fields that stand elsewhere in the original."""


class Opener:
    """Opens messages; one object serves any number of tasks."""

    def __init__(
        self, *, net: SsevNetwork, blobs: BlobStore, threads: Threads, environment: str
    ) -> None:
        self._net = net
        self._blobs = blobs
        self._threads = threads
        self._environment = environment

    async def open(self, message_id: int, sender: KeptSender) -> Digest:
        """Open and keep a message; return the digest of its durable original.

        `sender` is the party that was checked before. Raises `DepeshaError`; the message may be
        open then, and nothing of it is kept.
        """
        async with spool_folder(self._blobs, self._threads) as folder:
            opened = await self._opened(message_id, folder)
            return await self._threads.run(self._keep, opened, sender, folder)

    async def unchecked(self, message_id: int) -> Profile:
        """Open a message to learn its sender, where no list tells it (REST alone)."""
        rest = self._net.rest
        if rest is None:
            raise SsevError("no list tells who sent a message", Problem.UNREADABLE)
        opened = await rest.open(message_id)
        if opened.sender_profile_id is None:
            raise SsevError("an opened message names no sender", Problem.UNREADABLE)
        profile = await rest.profile(opened.sender_profile_id)
        return replace(profile, profile_id=opened.sender_profile_id)

    # --- fetching ------------------------------------------------------------------------------

    async def _opened(self, message_id: int, folder: Path) -> OpenedMessage:
        """Open by SOAP, which brings proofs; by REST what SOAP cannot give (facts 7.6)."""
        soap, rest = self._net.soap, self._net.rest
        if soap is not None:
            try:
                return await soap.open(message_id, folder)
            except SsevError as error:
                if rest is None or not error.waiting_helps:
                    raise
            except UnreachableError:
                if rest is None:
                    raise
        if rest is None:
            raise UnreachableError("no way to SSEV is set up")
        return await self._by_rest(rest, message_id, folder)

    async def _by_rest(self, rest: SsevRestClient, message_id: int, folder: Path) -> OpenedMessage:
        opened = await self._read(rest, message_id)
        files = []
        for number in range(len(opened.files)):
            file, opened = await self._download(rest, opened, number, folder)
            files.append(file)
        return replace(opened, files=tuple(files))

    async def _read(self, rest: SsevRestClient, message_id: int) -> OpenedMessage:
        """Open by REST; a forward is joined with the original that it hands on."""
        opened = await rest.open(message_id)
        if opened.forwarded_id is None:
            return opened
        inner = await rest.open_forwarded(message_id, opened.forwarded_id)
        text = "\n\n".join(part for part in (inner.text, opened.text) if part)
        return replace(opened, text=text, files=inner.files)

    async def _download(
        self, rest: SsevRestClient, opened: OpenedMessage, number: int, folder: Path
    ) -> tuple[MessageFile, OpenedMessage]:
        """Fetch one file; links live for an hour and are made anew by opening again (3.1)."""
        into = folder / f"file-{number + 1}"
        for _ in range(TRIES - 1):
            try:
                return await _fetched(rest, opened.files[number], into), opened
            except SsevError as error:
                if error.problem is Problem.LINK_EXPIRED:
                    opened = _same_files(opened, await self._read(rest, opened.message_id))
                elif error.problem is not Problem.DAMAGED:
                    raise
            except BrokenOffError:
                continue  # what came stays, and is taken up there
        return await _fetched(rest, opened.files[number], into), opened

    # --- keeping -------------------------------------------------------------------------------

    def _keep(self, opened: OpenedMessage, sender: KeptSender, folder: Path) -> Digest:
        stored = [file.stored for file in opened.files]
        contents = [each for each in stored if each is not None]
        if len(contents) != len(stored):
            raise SsevError("an opened message lacks the content of a file", Problem.UNREADABLE)
        original = folder / "original"
        message = self._message(opened, sender, contents)
        write_original(original, message, contents, opened.evidence)
        digest = self._blobs.put(original, durable=True)
        for each in contents:
            if each.path.exists():  # two files of the same bytes may lie at one place
                self._blobs.put(each.path, durable=False)
        return digest

    def _message(
        self, opened: OpenedMessage, sender: KeptSender, contents: list[StoredFile]
    ) -> KeptMessage:
        forwarded = opened.template_id == FORWARD_TEMPLATE or opened.forwarded_id is not None
        # SOAP shows a forward's original sender in the details (facts 9, no. 27).
        handed_on = sender.profile_id is not None and (
            opened.sender_profile_id not in {None, sender.profile_id}
        )
        return KeptMessage(
            environment=self._environment,
            message_id=opened.message_id,
            sent_at=opened.sent_at,
            received_at=opened.received_at,
            subject=opened.subject,
            text=opened.text,
            sender=sender,
            forwarded=forwarded or handed_on,
            rnu=opened.rnu,
            template_id=opened.template_id,
            fields=_other_fields(opened.raw),
            files=tuple(
                KeptFile(
                    blob_id=file.blob_id,
                    name=file.name,
                    media_type=file.media_type or _media_type(file.name),
                    size=content.size,
                    digest=content.digest,
                    registration_number=file.registration_number,
                    clean=file.clean,
                )
                for file, content in zip(opened.files, contents, strict=True)
            ),
            proofs=tuple(
                KeptProof(
                    kind=proof.kind.value,
                    name=proof.name,
                    size=proof.stored.size,
                    digest=proof.stored.digest,
                )
                for proof in opened.evidence
            ),
        )


async def _fetched(rest: SsevRestClient, file: MessageFile, into: Path) -> MessageFile:
    return replace(file, stored=await rest.download(file, into, resume=True))


def _same_files(first: OpenedMessage, again: OpenedMessage) -> OpenedMessage:
    """Return the second reading; raise `SsevError` where it speaks of other files."""
    if [f.blob_id for f in first.files] != [f.blob_id for f in again.files]:
        raise SsevError("a message changed between two readings", Problem.UNREADABLE)
    return again


def _other_fields(raw: bytes) -> dict[str, Any]:
    """Return the text fields of a template of somebody's own; SOAP brings none.

    File fields are left out: they hold live links, and the files stand by themselves.
    """
    if not raw.lstrip().startswith(b"{"):
        return {}
    fields = json.loads(raw).get("fields")
    if not isinstance(fields, dict):
        return {}
    return {
        name: value
        for name, value in fields.items()
        if name.lower() not in _SAID and isinstance(value, str | bool)
    }


def _media_type(name: str) -> str:
    """Return what SSEV's SOAP side would say: by the extension alone (facts 7.6)."""
    return min(EXTENSIONS.get(extension(name), frozenset({UNKNOWN})))
