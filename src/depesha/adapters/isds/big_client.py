"""The client of big messages (VoDZ, facts 8): upload, send, fetch, with MTOM over SOAP 1.2.

As `client.py` otherwise: it decides nothing and repeats nothing, and every file is streamed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from depesha.adapters.filestreams import StoredFile
from depesha.adapters.isds import answers, calls
from depesha.adapters.isds.bodies import MtomBody, PlainBody
from depesha.adapters.isds.calling import Manner
from depesha.adapters.isds.client import LARGE, IsdsClient
from depesha.adapters.isds.fetching import receive
from depesha.adapters.isds.values import CreateWords, OutgoingFile, Uploaded, boolean_of
from depesha.errors import WireError
from depesha.schemas.wire.isds import Service

if TYPE_CHECKING:
    from lxml.etree import _Element

IN_PARTS: Final = Manner(large=True, in_parts=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class BigAttachment:
    """One attachment of a big message, fetched by itself."""

    name: str
    media_type: str
    meta_type: str
    stored: StoredFile


class IsdsBigClient(IsdsClient):
    """Calls the services of big messages too; made as `IsdsClient` is."""

    async def upload(self, file: OutgoingFile) -> Uploaded:
        """Upload an attachment; it lives for 24 hours. Repeating leaves a second one behind.

        The scanner there may take 240 s before it answers (facts 8.1).
        """
        marks = self._marks(1)
        said = {
            "dmFile": {
                "dmMimeType": file.media_type,
                "dmFileDescr": file.name,
                "dmEncodedContent": marks[0],
            }
        }
        call = await self._threads.run(
            self._dialect.write, Service.BIG, "UploadAttachment", said, marks
        )
        body = MtomBody(call, [(file.path, file.size)], self._boundary())

        def read(response: _Element) -> Uploaded:
            return _uploaded(response, file)

        return await self._answer(Service.BIG, "UploadAttachment", body, LARGE, read)

    async def create_big_message(
        self,
        words: CreateWords,
        uploaded: Sequence[Uploaded],
        inline: Sequence[OutgoingFile] = (),
    ) -> str:
        """Send a big message of uploaded attachments; return its number. Never safe to repeat.

        As `create_message`; at least one attachment must be uploaded, and the main one may be
        any of them.
        """
        marks = self._marks(len(inline))
        said = calls.big_message(words, uploaded, inline, marks)
        contents = [(file.path, file.size) for file in inline]
        return await self._create(Service.BIG, "CreateBigMessage", said, marks, contents)

    async def fetch_big_received(self, dm_id: str, target: Path) -> StoredFile:
        """Fetch a received big message as ZFO into `target`."""
        return await self._big_paper("SignedBigMessageDownload", dm_id, target)

    async def fetch_big_sent(self, dm_id: str, target: Path) -> StoredFile:
        """Fetch a sent big message as ZFO."""
        return await self._big_paper("SignedSentBigMessageDownload", dm_id, target)

    async def fetch_attachment(self, dm_id: str, number: int, target: Path) -> BigAttachment:
        """Fetch one attachment of a big message, counted from 0; `Action.END` past the last."""
        said: dict[str, Any] = {"dmID": dm_id, "attNum": number}
        call = await self._threads.run(self._dialect.write, Service.BIG, "DownloadAttachment", said)
        async with self._session.exchange(Service.BIG, PlainBody(call), IN_PARTS) as response:
            answer = await receive(
                response,
                "DownloadAttachment",
                "dmEncodedContent",
                target,
                limit=self._paper_bytes,
                threads=self._threads,
            )
        told = answer.attributes
        return BigAttachment(
            name=told.get("dmFileDescr", ""),
            media_type=told.get("dmMimeType", ""),
            meta_type=told.get("dmFileMetaType", ""),
            stored=answer.must(),
        )

    async def is_big_genuine(self, paper: Path, size: int) -> bool:
        """Ask ISDS whether a ZFO of a big message is its own. In tests it always said yes."""
        marks = self._marks(1)
        call = await self._threads.run(
            self._dialect.write,
            Service.BIG,
            "AuthenticateBigMessage",
            {"dmMessage": marks[0]},
            marks,
        )
        body = MtomBody(call, [(paper, size)], self._boundary())
        return await self._answer(Service.BIG, "AuthenticateBigMessage", body, LARGE, _genuine)

    async def _big_paper(self, operation: str, dm_id: str, target: Path) -> StoredFile:
        call = await self._threads.run(self._dialect.write, Service.BIG, operation, {"dmID": dm_id})
        return await self._long(
            Service.BIG, operation, PlainBody(call), "dmSignature", target, IN_PARTS
        )

    def _boundary(self) -> str:
        return "depesha-" + self._ids.guid()


def _genuine(response: _Element) -> bool:
    return boolean_of(answers.text(response, "dmAuthResult")) is True


def _uploaded(response: _Element, file: OutgoingFile) -> Uploaded:
    first, second = (answers.child(response, f"dmAttHash{n}") for n in (1, 2))
    number = answers.text(response, "dmAttID").strip()
    if first is None or second is None or not number:
        raise WireError("an answer of ISDS lacks what was asked for")
    return Uploaded(
        attachment_id=number,
        hash_1=(first.text or "").strip(),
        hash_1_algorithm=first.get("AttHashAlg", ""),
        hash_2=(second.text or "").strip(),
        hash_2_algorithm=second.get("AttHashAlg", ""),
        file=file,
    )
