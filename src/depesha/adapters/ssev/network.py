"""Both machine interfaces as one network: the facade behind which SSEV's quirks stay (facts 8.1).

SOAP for ordinary documents, because it keeps threads and gives proofs; REST for large ones and for
what SOAP cannot read. Ids are common to both, so one may go on where the other one failed. Nothing
here is decided about a document, and nothing that may have left is ever sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from depesha.adapters.ssev import mapping
from depesha.adapters.ssev.problems import Problem, SsevError
from depesha.errors import BrokenOffError, DepeshaError, UnreachableError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from depesha.adapters.ssev.rest_client import SsevRestClient
    from depesha.adapters.ssev.settings import SsevSettings
    from depesha.adapters.ssev.soap_client import SsevSoapClient
    from depesha.adapters.ssev.values import (
        Letter,
        Lookup,
        OutgoingFile,
        Profile,
        Row,
        RowPage,
        SentMessage,
        Sought,
        Uploaded,
    )
    from depesha.schemas.ids import Guid

R = TypeVar("R")

ENVELOPE: Final = 512 * 1024
"""Bytes of a SOAP request beside its files, at most: header, texts, frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """What a message may weigh; None: no limit known."""

    message_bytes: int | None
    file_bytes: int | None


class SsevNetwork:
    """One network, one identity of ours, one or two ways to it."""

    def __init__(
        self,
        *,
        soap: SsevSoapClient | None,
        rest: SsevRestClient | None,
        settings: SsevSettings,
    ) -> None:
        """`settings` say which ways there are; each comes with its client."""
        self.soap = soap
        self.rest = rest
        self._settings = settings

    @property
    def sizes(self) -> Sizes:
        """Limits of the way that takes most."""
        settings, soap = self._settings, self._settings.soap
        room = soap.request_bytes - ENVELOPE if soap is not None else 0
        if settings.rest is None:
            return Sizes(message_bytes=room, file_bytes=None)
        return Sizes(message_bytes=None, file_bytes=settings.rest.upload_bytes)

    # --- who is there --------------------------------------------------------------------------

    async def find(self, identifier: str) -> Lookup:
        """Check a recipient by EIK. Changes nothing; raises `DepeshaError`."""
        return await self._either(
            lambda soap: soap.find(identifier), lambda rest: rest.find(identifier)
        )

    async def sender(self, subject_id: Guid | None, profile_id: int | None) -> Profile | None:
        """Return who sent a message, by the ids of its row; None where no list told (facts 8.4).

        Nothing is opened.
        """
        if self.soap is not None and subject_id is not None:
            return await self.soap.subject(subject_id)
        if self.rest is not None and profile_id is not None:
            return await self.rest.profile(profile_id)
        return None

    async def institutions(self) -> tuple[Profile, ...]:
        """Return all registered institutions; none where only REST is set up."""
        return () if self.soap is None else await self.soap.institutions()

    async def ping(self) -> str:
        """Tell which ways live; raise `DepeshaError` where none does."""
        told, failure, alive = [], None, False
        for name, client in (("SOAP", self.soap), ("REST", self.rest)):
            if client is None:
                continue
            try:
                await client.ping()
            except DepeshaError as error:
                failure = error
                told.append(f"{name} fails ({error.code})")
            else:
                alive = True
                told.append(f"{name} answers")
        if failure is not None and not alive:
            raise failure
        return ", ".join(told)

    # --- sending -------------------------------------------------------------------------------

    async def send(self, letter: Letter, files: Sequence[OutgoingFile], *, identifier: str) -> int:
        """Send a letter to the party with this EIK; return the message id. Never safe to repeat.

        The party is looked up anew: sends to switched-off ones are not refused (facts 8.2). After
        `UnreachableError` and `SsevError` nothing has left; after `BrokenOffError` the outbox must
        be looked through. `StorageError` where a file of ours cannot be read.
        """
        return await self._first_way(
            files,
            lambda soap: self._send_soap(soap, letter, files, identifier),
            lambda rest: self._send_rest(rest, letter, files, identifier),
        )

    async def reply(self, letter: Letter, *, to_message: int | None, identifier: str) -> int:
        """Answer a message in its thread, or by a new letter where that cannot be (facts 8.5).

        As `send` otherwise.
        """
        if to_message is None or self.soap is None:
            return await self.send(letter, (), identifier=identifier)
        try:
            return await self.soap.reply(letter, (), to_message=to_message)
        except UnreachableError:
            if self.rest is None:
                raise
        except SsevError as error:
            if error.problem is not Problem.CANNOT_REPLY:
                raise
        return await self.send(letter, (), identifier=identifier)

    async def _first_way(
        self,
        files: Sequence[OutgoingFile],
        by_soap: Callable[[SsevSoapClient], Awaitable[int]],
        by_rest: Callable[[SsevRestClient], Awaitable[int]],
    ) -> int:
        """Try the fitting way; the other one only where surely nothing left by the first."""
        soap, rest = self.soap, self.rest
        if soap is None and rest is not None:
            return await by_rest(rest)
        if soap is not None and rest is None:
            return await by_soap(soap)
        if soap is None or rest is None:
            raise UnreachableError("no way to SSEV is set up")
        small = self._is_small(files)
        try:
            return await (by_soap(soap) if small else by_rest(rest))
        except UnreachableError:
            if not small and not self._fits_soap(files):
                raise
            return await (by_rest(rest) if small else by_soap(soap))

    def _fits_soap(self, files: Sequence[OutgoingFile]) -> bool:
        room = 0 if self._settings.soap is None else self._settings.soap.request_bytes - ENVELOPE
        return sum(file.size for file in files) <= room

    def _is_small(self, files: Sequence[OutgoingFile]) -> bool:
        settings = self._settings
        whole = sum(file.size for file in files)
        return whole <= settings.soap_up_to_bytes and len(files) <= settings.soap_up_to_files

    async def _send_soap(
        self, soap: SsevSoapClient, letter: Letter, files: Sequence[OutgoingFile], identifier: str
    ) -> int:
        profile = _reached(await _nothing_left(soap.find(identifier)))
        kind = mapping.profile_kind(profile)
        return await soap.send(letter, files, kind=kind, identifier=identifier)

    async def _send_rest(
        self, rest: SsevRestClient, letter: Letter, files: Sequence[OutgoingFile], identifier: str
    ) -> int:
        profile = _reached(await _nothing_left(rest.find(identifier)))
        if profile.profile_id is None:
            raise SsevError("SSEV does not tell the recipient's profile", Problem.UNREADABLE)
        uploaded = await self._upload(rest, files)
        return await rest.send(letter, uploaded, recipients=[profile.profile_id])

    async def _upload(
        self, rest: SsevRestClient, files: Sequence[OutgoingFile]
    ) -> tuple[Uploaded, ...]:
        try:
            async with asyncio.timeout(self._settings.uploads_seconds):
                return tuple([await rest.upload(file) for file in files])
        except TimeoutError as error:
            raise UnreachableError("the uploads to SSEV take too long") from error

    # --- what is there -------------------------------------------------------------------------

    async def find_sent(self, marker: str, *, since: datetime) -> Sought:
        """Look for messages of ours by their mark. Safe to repeat; raises `DepeshaError`."""
        return await self._either(
            lambda soap: soap.find_sent(marker, since=since),
            lambda rest: rest.find_sent(marker, since=since),
        )

    async def sent(self, message_id: int, into: Path) -> SentMessage:
        """Return the state of a message of ours, proofs into the folder `into` (SOAP only)."""
        return await self._either(
            lambda soap: soap.sent(message_id, into), lambda rest: rest.sent(message_id)
        )

    async def outbox(self, since: datetime) -> tuple[Row, ...]:
        """Return what we sent since a moment, newest first, as far as the permitted pages go."""
        return await self._either(
            lambda soap: _read(
                self._settings.lookup_pages,
                lambda page: soap.outbox(page=page + 1),
                lambda row: row.sent_at >= since,
            ),
            lambda rest: _read(
                self._settings.lookup_pages,
                lambda page: rest.outbox(offset=page * self._rest_page(), since=since),
                lambda row: row.sent_at >= since,
            ),
        )

    async def inbox(self, since: datetime | None) -> tuple[Row, ...]:
        """Return the unopened messages, and since a moment the opened ones too; opens nothing.

        By SOAP, whose rows tell the sender; by REST, whose rows do not, only where that is all
        there is, or where messages may be opened unchecked.
        """
        pages, soap, rest = self._settings.lookup_pages, self.soap, self.rest

        async def by_soap(client: SsevSoapClient) -> tuple[Row, ...]:
            return await _read(
                pages,
                lambda page: client.inbox(only_new=since is None, page=page + 1),
                # Opened ones are sorted by their sending there (facts 7.6).
                lambda row: row.received_at is None or (since is not None and row.sent_at >= since),
            )

        async def by_rest(client: SsevRestClient) -> tuple[Row, ...]:
            return await _read(
                pages,
                lambda page: client.inbox(offset=page * self._rest_page()),
                # And here by their opening (facts 3.5).
                lambda row: (
                    row.received_at is None or (since is not None and row.received_at >= since)
                ),
            )

        if soap is not None and not (rest is not None and self._settings.open_unchecked):
            return await by_soap(soap)
        return await self._either(by_soap, by_rest)

    def _rest_page(self) -> int:
        return 0 if self._settings.rest is None else self._settings.rest.page_size

    # --- both ways -----------------------------------------------------------------------------

    async def _either(
        self,
        by_soap: Callable[[SsevSoapClient], Awaitable[R]],
        by_rest: Callable[[SsevRestClient], Awaitable[R]],
    ) -> R:
        """Ask by SOAP; by REST where SOAP cannot tell. For questions that change nothing."""
        soap, rest = self.soap, self.rest
        if soap is not None:
            try:
                return await by_soap(soap)
            except (UnreachableError, BrokenOffError):
                if rest is None:
                    raise
            except SsevError as error:
                if rest is None or not error.waiting_helps:
                    raise
        if rest is None:
            raise UnreachableError("no way to SSEV is set up")
        return await by_rest(rest)

    async def close(self) -> None:
        """Close every connection."""
        for client in (self.soap, self.rest):
            if client is not None:
                await client.close()


def _reached(lookup: Lookup) -> Profile:
    """Return whom a message would reach; raise `SsevError` where nobody would read it."""
    profile = lookup.profile
    if profile is not None and profile.active:
        return profile
    if profile is None and lookup.forbidden:
        raise SsevError("SSEV does not let us write there", Problem.NOT_PERMITTED)
    raise SsevError("SSEV knows no active recipient by this number", Problem.NOT_REACHABLE)


async def _nothing_left(asked: Awaitable[R]) -> R:
    """Await a question that goes before a send: where it breaks, no message has left."""
    try:
        return await asked
    except BrokenOffError as error:
        raise UnreachableError("the exchange with SSEV broke before the message") from error


async def _read(
    pages: int, fetch: Callable[[int], Awaitable[RowPage]], wanted: Callable[[Row], bool]
) -> tuple[Row, ...]:
    """Read a list page by page while its last row is wanted; return the wanted rows, once each."""
    found: dict[int, Row] = {}
    read = 0
    for number in range(pages):
        page = await fetch(number)
        read += len(page.rows)
        found |= {row.message_id: row for row in page.rows if wanted(row)}
        if not page.rows or read >= page.total or not wanted(page.rows[-1]):
            break
    return tuple(found.values())
