"""Opens content and the bytes of the wire behind a reason, and hands out evidence (AUD-05, AUD-11).

Nothing is shown before purpose and ground are on disk. Bytes are shown as escaped text or handed
out as a file to be saved; never as a page.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import re
from typing import TYPE_CHECKING, BinaryIO

from aiohttp import web

from depesha.errors import RuleError, StorageError, UnknownMessageError
from depesha.monitoring.console.access.routes import Route
from depesha.monitoring.console.pages.document import asked_id
from depesha.monitoring.console.pages.sending import send
from depesha.monitoring.console.pages.telling import Teller
from depesha.monitoring.console.pages.title import title_of
from depesha.schemas.ids import digest as checked_digest
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import EvidenceKind, Message
from depesha.schemas.outbound import OutboundMessage
from depesha.schemas.people import Action

if TYPE_CHECKING:
    from depesha.monitoring.console.access.routes import Visit
    from depesha.monitoring.console.pages.parts import PageParts
    from depesha.ports import BlobStore
    from depesha.schemas.ids import Digest, MessageId
    from depesha.schemas.overview import Story, StoryEvent

SHOWN_BYTES = 64 * 1024
_PART = re.compile(r"(original)|(attachment|wire|heard|try)-([0-9]{1,9})")
_REFUSED = 400


class OpeningPage:
    """Handlers of the pages that break the glass."""

    def __init__(self, parts: PageParts) -> None:
        self._in = parts

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of these pages."""
        opened, pack = "/documents/{id}/open/{part}", "/documents/{id}/evidence"
        content = Action.OPEN_CONTENT  # also for the pack: the bytes of the wire are in it
        return (
            Route(method="GET", path=opened, handler=self.ask, needs=content),
            Route(method="POST", path=opened, handler=self.open, needs=content),
            Route(method="GET", path=pack, handler=self.ask_pack, needs=content),
            Route(method="POST", path=pack, handler=self.pack, needs=content),
        )

    # --- content ---

    async def ask(self, visit: Visit) -> web.StreamResponse:
        """Ask for purpose and ground."""
        story, part = await self._in.overview.story(asked_id(visit)), _part(visit)
        return await self._reason(visit, story, part)

    async def open(self, visit: Visit) -> web.StreamResponse:
        """Write the look down, then show the bytes or hand them out."""
        story, part = await self._in.overview.story(asked_id(visit)), _part(visit)
        digest = _digest_of(story, part)
        try:
            await self._in.reasons.open(visit, story.document.id, part)
        except RuleError as error:
            return await self._reason(visit, story, part, f"rule.{error.rule}")
        file = await self._file(visit, story, part, digest)
        if visit.form.get("how") == "file":
            return await send(visit, file, _file_name(story, part), self._in.threads)
        return await self._shown(visit, story, part, file)

    async def _shown(
        self, visit: Visit, story: Story, part: str, file: BinaryIO
    ) -> web.StreamResponse:
        data = await self._in.threads.run(_first, file)
        text = data[:SHOWN_BYTES].decode("utf-8", "replace")
        tell = self._tell(visit)
        return await self._in.pages.show(
            visit,
            "wire.html",
            title=title_of(story.document, tell, sees=visit.may(Action.SEE_SUBJECT)),
            part=part,
            text=text.replace("\0", "\N{SYMBOL FOR NULL}"),
            cut=len(data) > SHOWN_BYTES,
            tell=tell,
        )

    async def _reason(
        self, visit: Visit, story: Story, part: str, fault: str = ""
    ) -> web.StreamResponse:
        tell = self._tell(visit)
        return await self._in.pages.show(
            visit,
            "reason.html",
            status=_REFUSED if fault else 200,
            title=title_of(story.document, tell, sees=visit.may(Action.SEE_SUBJECT)),
            part=part,
            kind=part.partition("-")[0],
            fault=fault,
            tell=tell,
        )

    async def _file(self, visit: Visit, story: Story, part: str, digest: Digest | None) -> BinaryIO:
        """Return the bytes, to be closed by whoever reads them."""
        document, (kind, _, number) = story.document, part.partition("-")
        if kind == "wire":
            pack = await self._in.journal.pack(document.id)
            return io.BytesIO(await self._in.threads.run(_wire, pack, int(number)))
        if kind == "attachment" and isinstance(document, Message):
            return await self._in.desk.attachment(document.id, int(number), visit.actor)
        if digest is None:
            raise UnknownMessageError("there are no such bytes")
        return await self._in.threads.run(_kept, self._in.blobs, digest)

    # --- evidence ---

    async def ask_pack(self, visit: Visit) -> web.StreamResponse:
        """Ask for purpose and ground."""
        story = await self._in.overview.story(asked_id(visit))
        return await self._reason(visit, story, "evidence")

    async def pack(self, visit: Visit) -> web.StreamResponse:
        """Write the handing out down, then hand out everything that proves the journey."""
        story = await self._in.overview.story(asked_id(visit))
        name: MessageId = story.document.id
        try:
            await self._in.reasons.report(visit, Action.SEE_EVIDENCE, "evidence-pack", name)
        except RuleError as error:
            return await self._reason(visit, story, "evidence", f"rule.{error.rule}")
        data = await self._in.journal.pack(name)
        return await send(
            visit, io.BytesIO(data), f"depesha-evidence-{name}.json", self._in.threads
        )

    def _tell(self, visit: Visit) -> Teller:
        return Teller(language=visit.language, zone=self._in.zone, now=visit.now)


def _part(visit: Visit) -> str:
    part = visit.request.match_info["part"]
    if _PART.fullmatch(part) is None:
        raise UnknownMessageError("there is no such part")
    return part


def _digest_of(story: Story, part: str) -> Digest | None:
    """Return the digest of kept bytes; raise `UnknownMessageError` where there is no such part.

    None for the rows of the wire and the files of received messages, which have other keepers.
    """
    document, (kind, _, text) = story.document, part.partition("-")
    number = int(text or "0")
    found: list[Digest | None] = []
    sealed_away = document.state is InboundState.REJECTED and kind in {"original", "heard"}
    if sealed_away:
        raise RuleError("refused bytes are the quarantine's alone", rule="not-kept")
    match kind:
        case "original" if isinstance(document, Message):
            found = [document.arrival.original]
        case "attachment" if isinstance(document, OutboundMessage):
            found = [file.digest for file in document.dispatch.files if file.index == number]
        case "attachment":
            found = [None]
        case "try" if isinstance(document, OutboundMessage):
            found = [one.payload for one in document.attempts if one.number == number]
        case "wire":
            found = [None for e in story.events if e.sequence == number and e.wire]
        case "heard":
            told = (e.facts.get("original") for e in story.events if _speaks_of(e, number))
            found = [checked_digest(one) for one in told if isinstance(one, str)]
        case _:
            pass
    if not found:
        raise UnknownMessageError("there are no such bytes")
    return found[0]


def _speaks_of(event: StoryEvent, number: int) -> bool:
    """The original of the message itself is no word about it."""
    return event.sequence == number and event.kind is not EvidenceKind.RECEIVED


def _file_name(story: Story, part: str) -> str:
    kind, _, number = part.partition("-")
    if kind == "attachment":
        document = story.document
        contents = (
            document.contents
            if isinstance(document, OutboundMessage)
            else document.arrival.contents
        )
        names = [c.safe_name for c in contents if str(c.attachment.index) == number]
        if names:
            return names[0]
    return f"depesha-{story.document.id}-{part}.bin"


def _kept(blobs: BlobStore, digest: Digest) -> BinaryIO:
    path = blobs.path(digest)
    try:
        if path is not None:
            return path.open("rb")
    except OSError:
        raise StorageError("the bytes cannot be read") from None
    raise RuleError("the bytes are not kept any more, or are sealed away", rule="not-kept")


def _wire(pack: bytes, sequence: int) -> bytes:
    """Return the bytes kept with a row, out of the pack of its document."""
    try:
        rows = json.loads(pack)["rows"]
        found = [row.get("wire", "") for row in rows if row["sequence"] == sequence]
        return base64.b64decode(found[0], validate=True)
    except (ValueError, KeyError, IndexError, TypeError, binascii.Error):
        raise StorageError("the bytes of the wire cannot be read") from None


def _first(file: BinaryIO) -> bytes:
    with file:
        return file.read(SHOWN_BYTES + 1)
