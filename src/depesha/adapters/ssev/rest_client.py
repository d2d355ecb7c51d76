"""The REST client of SSEV: one method for each thing the channel may want (facts 2, 3, 8).

It decides nothing and stores nothing but the files it is told to fetch. Every failure is one of
three: `UnreachableError` (nothing of a message left us), `BrokenOffError` (what was done is
unknown) and `SsevError` (surely nothing was done), besides `StorageError` of our own disk. A call
refused with 401 is made once more with a new token, and nothing else is ever repeated.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from yarl import URL

from depesha.adapters.filestreams import FileSink, FileSource, StoredFile
from depesha.adapters.ssev import rest_judging, rest_reading
from depesha.adapters.ssev.calling import Body, pieces, read_whole
from depesha.adapters.ssev.problems import Problem, SsevError
from depesha.adapters.ssev.values import (
    Group,
    Letter,
    Lookup,
    MessageFile,
    OpenedMessage,
    OutgoingFile,
    Profile,
    RowPage,
    SentMessage,
    Sought,
    Uploaded,
)
from depesha.errors import BrokenOffError, TooLargeError, UnreachableError, WireError
from depesha.schemas.wire.ssev import LETTER_FILES, LETTER_TEMPLATE, LETTER_TEXT

if TYPE_CHECKING:
    import aiohttp

    from depesha.adapters.ssev.calling import Carrier
    from depesha.adapters.ssev.settings import SsevRestSettings
    from depesha.adapters.ssev.tokens import TokenKeeper
    from depesha.ports import Clock, IdSource, Threads

P = ParamSpec("P")
R = TypeVar("R")

ADMINISTRATIONS: Final = (Group.ADMINISTRATION, Group.SOCIAL, Group.LEGAL_ENTITY)
"""Where an organisation is looked for, in this order (facts 3.4)."""
SUBJECT: Final = 255
MARGIN: Final = timedelta(hours=2)
"""Looked back further than asked: clocks differ, and local times are ambiguous in autumn."""
_OK, _PARTIAL, _UNAUTHORIZED = 200, 206, 401


class SsevRestClient:
    """Calls the ESB API. One object serves any number of tasks of one loop."""

    def __init__(
        self,
        *,
        settings: SsevRestSettings,
        gateway: Carrier,
        blobs: Carrier,
        tokens: TokenKeeper,
        clock: Clock,
        ids: IdSource,
        threads: Threads,
        lookup_pages: int = 50,
    ) -> None:
        """`gateway` shows our client certificate, `blobs` need not (facts 2.1)."""
        self._settings = settings
        self._gateway = gateway
        self._blobs = blobs
        self._tokens = tokens
        self._clock = clock
        self._ids = ids
        self._threads = threads
        self._lookup_pages = lookup_pages
        self._origins = frozenset(str(URL(o).origin()) for o in settings.blob_origins)

    # --- who is there --------------------------------------------------------------------------

    async def find(self, identifier: str, groups: Sequence[Group] = ADMINISTRATIONS) -> Lookup:
        """Check a recipient by EIK or person's number, group after group. Safe to repeat."""
        if not identifier.isalnum():  # compared with LIKE there (facts 9, no. 21)
            raise SsevError("an identifier has letters and digits only", Problem.OUR_DEFECT)
        forbidden: list[Group] = []
        for group in groups:
            try:
                found = await self._get(
                    "/profiles/search", identifier=identifier, targetGroupId=str(int(group))
                )
            except SsevError as error:
                if error.problem is Problem.NOT_PERMITTED:
                    forbidden.append(group)
                elif error.problem is not Problem.GONE:
                    raise
                continue
            profile = await self._read(rest_judging.profile, found[0], group)
            return Lookup(profile=profile, forbidden=tuple(forbidden))
        return Lookup(profile=None, forbidden=tuple(forbidden))

    async def profile(self, profile_id: int) -> Profile:
        """Return a party by id, business identifier included (facts 3.7)."""
        found, _ = await self._get(f"/profiles/{profile_id}")
        return await self._read(rest_judging.profile, found, None)

    async def template(self, template_id: int = LETTER_TEMPLATE) -> dict[str, Any]:
        """Return a template as it stands there: which fields are required, which files allowed."""
        found, _ = await self._get(f"/templates/{template_id}")
        return dict(await self._read(rest_reading.as_object, found))

    async def ping(self) -> None:
        """Make the cheapest call that proves token, certificate and service."""
        await self._get("/target-groups")

    # --- files ---------------------------------------------------------------------------------

    async def upload(self, file: OutgoingFile) -> Uploaded:
        """Upload one file for one message. A repeat leaves a copy that is removed in a day.

        Even an exchange that breaks is `UnreachableError` here: no message has left.
        """
        if file.size > self._settings.upload_bytes:
            raise SsevError("a file is larger than SSEV's REST side takes", Problem.TOO_LARGE)
        boundary = f"depesha-{self._ids.guid()}"
        head, tail = rest_judging.frame(boundary, file.name)
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + file.size + len(tail)),
        }

        @asynccontextmanager
        async def body() -> AsyncIterator[Body]:
            async with FileSource([(file.path, file.size)], self._threads) as source:
                yield rest_judging.framed(head, source.stream(0), tail)

        url = self._settings.upload_url.rstrip("/") + "/blobs"
        try:
            status, answer = await self._authorised(
                "POST",
                url,
                headers=headers,
                params={"type": "Temporary"},
                body=body,
                whole_seconds=self._settings.transfer_seconds,
            )
        except BrokenOffError as error:
            raise UnreachableError("an upload to SSEV broke; no message has left") from error
        if status != _OK:
            raise rest_judging.upload_refused(status)
        given = await self._read(lambda: rest_reading.as_object(rest_reading.parse(answer)))
        return await self._read(rest_judging.uploaded, given, file)

    async def download(self, file: MessageFile, into: Path, *, resume: bool = False) -> StoredFile:
        """Fetch a file of an opened message and prove its digest and size.

        `Problem.LINK_EXPIRED`: open or view again. After `BrokenOffError` what came stays at
        `into`: call again with `resume`. `Problem.DAMAGED`: the file was removed, call again.
        """
        url = self._link(file.link)
        sink = FileSink(into, self._threads, append=resume)
        await sink.open()
        try:
            await self._download(url, file, sink)
            stored = await sink.finish()
        finally:
            await sink.close()
        right_size = file.size is None or file.size == stored.size
        if not right_size or (file.digest is not None and file.digest != stored.digest):
            await self._threads.run(into.unlink, missing_ok=True)
            raise SsevError("a file from SSEV is not what it should be", Problem.DAMAGED)
        return stored

    async def _download(self, url: str, file: MessageFile, sink: FileSink) -> None:
        start = sink.size
        if start and file.size == start:
            return
        headers = {"Range": f"bytes={start}-"} if start else {}
        async with self._blobs.exchange(
            "GET", url, headers=headers, whole_seconds=self._settings.transfer_seconds
        ) as response:
            status = response.status
            if status == _OK and start:
                await sink.restart()
            elif status not in {_OK, _PARTIAL}:
                raise rest_judging.download_refused(status)
            elif status == _PARTIAL and not rest_judging.begins(
                response.headers.get("Content-Range", ""), start
            ):
                raise SsevError("SSEV sent another part of a file", Problem.UNREADABLE)
            await self._pour(response, file, sink)

    async def _pour(
        self, response: aiohttp.ClientResponse, file: MessageFile, sink: FileSink
    ) -> None:
        limit = self._settings.download_bytes if file.size is None else file.size
        limit = min(limit, self._settings.download_bytes)
        try:
            async for piece in pieces(response):
                rest_judging.bounded(sink.size + len(piece), limit)
                await sink.write(piece)
        except BaseException:
            await sink.finish()  # what came is kept for a resumption
            raise

    def _link(self, link: str) -> str:
        """Let links lead to the known hosts only: the address comes from the wire."""
        try:
            origin = str(URL(link, encoded=True).origin())
        except ValueError as error:
            raise SsevError("a link of SSEV cannot be used", Problem.UNREADABLE) from error
        if origin not in self._origins:
            raise SsevError("a link of SSEV leads to an unknown host", Problem.UNREADABLE)
        return link

    # --- sending -------------------------------------------------------------------------------

    async def send(
        self, content: Letter, files: Sequence[Uploaded], *, recipients: Sequence[int]
    ) -> int:
        """Send a letter to profile ids; return its message id. Never safe to repeat.

        After `BrokenOffError` the outbox must be looked through (`find_sent`) before anything
        else: 405 and 5xx may come after the message was stored (facts 2.6, 3.6).
        """
        if not content.subject.strip() or not recipients:
            raise SsevError("a message needs a subject and a recipient", Problem.OUR_DEFECT)
        if len(content.subject) > SUBJECT:
            raise SsevError("a subject is longer than SSEV keeps", Problem.OUR_DEFECT)
        blobs = [file.blob_id for file in files]
        body = json.dumps(
            {
                "recipientProfileIds": list(recipients),
                "subject": content.subject,
                "templateId": LETTER_TEMPLATE,
                "fields": {LETTER_TEXT: content.text, LETTER_FILES: blobs},
            },
            ensure_ascii=False,
        ).encode()
        status, answer = await self._authorised(
            "POST",
            self._settings.api_url.rstrip("/") + "/messages",
            headers={"Content-Type": "application/json"},
            body=lambda: nullcontext(body),
        )
        if status != _OK:
            raise rest_judging.send_refused(status, answer)
        try:
            return rest_reading.whole(rest_reading.parse(answer))
        except WireError as error:
            raise BrokenOffError("SSEV's answer to a message cannot be read") from error

    # --- lists and reading ---------------------------------------------------------------------

    async def inbox(
        self, *, offset: int = 0, limit: int | None = None, since: datetime | None = None
    ) -> RowPage:
        """Return a page of received messages, unopened first. Opens nothing."""
        return await self._list("/messages/inbox", offset, limit, since)

    async def outbox(
        self, *, offset: int = 0, limit: int | None = None, since: datetime | None = None
    ) -> RowPage:
        """Return a page of sent messages, newest first; whether they were opened, `view` tells."""
        return await self._list("/messages/outbox", offset, limit, since)

    async def _list(
        self, path: str, offset: int, limit: int | None, since: datetime | None
    ) -> RowPage:
        query = {"offset": str(offset), "limit": str(limit or self._settings.page_size)}
        if since is not None:  # without an offset it is the server's local time (facts 2.7)
            local = since.astimezone(rest_reading.SOFIA).replace(tzinfo=None)
            query["from"] = local.isoformat(timespec="seconds")
        found, _ = await self._get(path, **query)
        return await self._read(rest_reading.page, found)

    async def find_sent(self, marker: str, *, since: datetime) -> Sought:
        """Look for messages of ours whose subject holds `marker`, sent since a moment.

        There is no idempotency key (facts 8.3): this is what stands before any resend. Safe to
        repeat.
        """
        found, size, since = [], self._settings.page_size, since - MARGIN
        for page in range(self._lookup_pages):
            rows = (await self.outbox(offset=page * size, limit=size, since=since)).rows
            found += [row for row in rows if marker in row.subject]
            if len(rows) < size:
                unique = {row.message_id: row for row in found}
                return Sought(found=tuple(unique.values()), complete=True)
        return Sought(found=tuple(found), complete=False)

    async def open(self, message_id: int) -> OpenedMessage:
        """Open a received message; its files are fetched with `download` within an hour.

        The first call is the legal receipt and cannot be undone; write the intent down before.
        Safe to repeat: after `BrokenOffError` it may be open already, call again for new links.
        """
        found, raw = await self._get(f"/messages/{message_id}/open")
        return await self._read(rest_reading.opened, found, message_id, raw)

    async def open_forwarded(self, message_id: int, forwarded_id: int) -> OpenedMessage:
        """Read the original that was forwarded to us with a message."""
        found, raw = await self._get(f"/messages/{message_id}/open-forwarded/{forwarded_id}")
        return await self._read(rest_reading.opened, found, forwarded_id, raw)

    async def sent(self, message_id: int) -> SentMessage:
        """Return the state of a message of ours, recipient by recipient. Safe to repeat."""
        found, raw = await self._get(f"/messages/{message_id}/view")
        return await self._read(rest_reading.viewed, found, message_id, raw)

    async def stored(self) -> tuple[MessageFile, ...]:
        """Return the files in our own storage there, which fill the quota."""
        found, _ = await self._get("/blobs")
        return await self._read(rest_judging.stored, found)

    async def remove_stored(self, blob_id: int) -> None:
        """Remove a file from our storage there; safe to repeat."""
        status, _ = await self._authorised(
            "DELETE", f"{self._settings.api_url.rstrip('/')}/blobs/{blob_id}", headers={}
        )
        if status not in {_OK, 404}:
            raise SsevError("SSEV did not remove a file", Problem.SERVER, status=status)

    # --- the call ------------------------------------------------------------------------------

    async def _get(self, path: str, **query: str) -> tuple[Any, bytes]:
        url = self._settings.api_url.rstrip("/") + path
        status, body = await self._authorised("GET", url, headers={}, params=query)
        if status != _OK:
            raise rest_judging.refused(status)
        return await self._read(rest_reading.parse, body), body

    async def _authorised(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        body: Callable[[], AbstractAsyncContextManager[Body | None]] = nullcontext,
        whole_seconds: float | None = None,
    ) -> tuple[int, bytes]:
        """Make a call with a token; once more with a new one where the first was refused."""
        status, answer = 0, b""
        for _ in range(2):
            access = await self._tokens.access()
            async with (
                body() as content,
                self._gateway.exchange(
                    method,
                    url,
                    headers={**headers, **access.headers},
                    params=params,
                    body=content,
                    whole_seconds=whole_seconds or self._settings.answer_seconds,
                ) as response,
            ):
                status = response.status
                try:
                    answer = await read_whole(response, self._settings.answer_bytes)
                except TooLargeError as error:
                    raise BrokenOffError("SSEV's answer passes the permitted size") from error
            if status != _UNAUTHORIZED:
                break
            self._tokens.drop(access)
        return status, answer

    async def _read(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Read values out of an answer that did no harm."""
        try:
            return await self._threads.run(function, *args, **kwargs)
        except WireError as error:
            raise SsevError("SSEV's answer cannot be read", Problem.UNREADABLE) from error

    async def close(self) -> None:
        """Close every connection."""
        await self._gateway.close()
        await self._blobs.close()
