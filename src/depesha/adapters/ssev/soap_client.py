"""The SOAP client of SSEV: one method for each thing the channel may want (facts 7, 8).

It decides nothing, repeats nothing and stores nothing but the files it is told to fetch. Every
failure is one of three: `UnreachableError` (nothing left us), `BrokenOffError` (what was done is
unknown) and `SsevError` (surely nothing was done), besides `StorageError` of our own disk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from lxml import etree
from lxml.etree import _Element

from depesha.adapters.multipart import MtomAnswer, MtomLimits, read_answer
from depesha.adapters.ssev import soap_messages, soap_reading
from depesha.adapters.ssev.calling import Body, pieces
from depesha.adapters.ssev.mtom import PARTS, FilePart, MtomRequest
from depesha.adapters.ssev.problems import Problem, SsevError, of_fault
from depesha.adapters.ssev.soap_messages import Value
from depesha.adapters.ssev.soap_security import judge_header
from depesha.adapters.ssev.values import (
    Letter,
    Lookup,
    OpenedMessage,
    OutgoingFile,
    Profile,
    ProfileKind,
    RowPage,
    SentMessage,
    Sought,
)
from depesha.errors import BrokenOffError, TooLargeError, WireError
from depesha.schemas import xml
from depesha.schemas.wire.ssev import action

if TYPE_CHECKING:
    from depesha.adapters.ssev.calling import Carrier
    from depesha.adapters.ssev.settings import SsevSoapSettings
    from depesha.adapters.ssev.soap_security import TimestampSigner
    from depesha.ports import Clock, IdSource, Threads

P = ParamSpec("P")
R = TypeVar("R")

SUBJECT: Final = 255
"""Longest subject and registration number that the database holds (facts 5.5)."""
MARGIN: Final = timedelta(hours=2)
"""Looked back further than asked: clocks differ, and local times are ambiguous in autumn."""
_OK: Final = 200
_FAULT: Final = 500
_REFUSED: Final = {
    401: Problem.CREDENTIALS,
    403: Problem.CREDENTIALS,
    404: Problem.SERVER,
    413: Problem.TOO_LARGE,
}
"""Statuses that come before anything is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    result: _Element | None
    mtom: MtomAnswer


class SsevSoapClient:
    """Calls the integration service. One object serves any number of tasks of one loop."""

    def __init__(
        self,
        *,
        settings: SsevSoapSettings,
        carrier: Carrier,
        signer: TimestampSigner,
        clock: Clock,
        ids: IdSource,
        threads: Threads,
        lookup_pages: int = 50,
    ) -> None:
        self._settings = settings
        self._carrier = carrier
        self._signer = signer
        self._clock = clock
        self._ids = ids
        self._threads = threads
        self._lookup_pages = lookup_pages
        self._limits = MtomLimits(
            service="SSEV",
            parts=PARTS,
            envelope_bytes=settings.answer_bytes,
            part_bytes=settings.part_bytes,
        )
        self.clock_offset: timedelta | None = None
        """How far the service's clock is from ours, by its last answer; over five minutes it
        refuses us (facts 7.2)."""

    # --- who is there --------------------------------------------------------------------------

    async def find(self, identifier: str) -> Lookup:
        """Check a recipient by EIK or person's number. Changes nothing; safe to repeat."""
        if not identifier.isalnum():  # compared with LIKE there (facts 9, no. 21)
            raise SsevError("an identifier has letters and digits only", Problem.OUR_DEFECT)
        answer = await self._call(
            "CheckSubjectHasRegistration", (("identificator", identifier),), quiet=True
        )
        return Lookup(profile=await self._read(soap_messages.registered, _must(answer), identifier))

    async def subject(self, subject_id: str) -> Profile:
        """Return a party by its subject id, business identifier included (facts 8.4)."""
        answer = await self._call(
            "GetSubjectInfo",
            (("electronicSubjectId", subject_id), *self._operator()),
            quiet=True,
        )
        return await self._read(soap_messages.subject_info, _must(answer))

    async def institutions(self) -> tuple[Profile, ...]:
        """Return all registered institutions, switched-off ones included: keep it for a day."""
        answer = await self._call("GetRegisteredInstitutions", (), quiet=True)
        return await self._read(soap_messages.institutions, answer.result)

    async def ping(self) -> None:
        """Make the cheapest call that proves signature, identity and service."""
        await self._call("GetEDeliveryGeneralStatistics", (), quiet=True)

    # --- sending -------------------------------------------------------------------------------

    async def send(
        self,
        content: Letter,
        files: Sequence[OutgoingFile],
        *,
        kind: ProfileKind,
        identifier: str,
    ) -> int:
        """Send a letter to one recipient; return its message id. Never safe to repeat.

        After `BrokenOffError` the outbox must be looked through (`find_sent`) before anything
        else. Check the recipient first: switched-off ones are not refused (facts 9, no. 20).
        """
        message, parts = self._prepared(content, files)
        parameters: tuple[tuple[str, Value], ...] = (
            ("message", message),
            ("receiverType", kind.value),
            ("receiverUniqueIdentifier", identifier),
            *self._office(),
        )
        answer = await self._call("SendMessage", parameters, parts=parts, quiet=False)
        return self._message_id(answer)

    async def reply(
        self, content: Letter, files: Sequence[OutgoingFile], *, to_message: int
    ) -> int:
        """Answer a message we received, in its thread: the rnu is copied (facts 5.3, 8.5).

        As `send` otherwise. `Problem.CANNOT_REPLY` where it is none of ours. A forwarded one is
        answered to its original sender (facts 9, no. 27).
        """
        message, parts = self._prepared(content, files)
        parameters: tuple[tuple[str, Value], ...] = (
            ("message", message),
            ("replyToMessageId", to_message),
            *self._office(),
        )
        answer = await self._call("SendMessageInReplyTo", parameters, parts=parts, quiet=False)
        return self._message_id(answer)

    def _prepared(
        self, content: Letter, files: Sequence[OutgoingFile]
    ) -> tuple[_Element, list[FilePart]]:
        soap_messages.refuse_unusable(files, content)
        if len(content.subject) > SUBJECT:
            raise SsevError("a subject is longer than SSEV keeps", Problem.OUR_DEFECT)
        if any(len(file.registration_number) > SUBJECT for file in files):
            raise SsevError("a number is longer than SSEV keeps", Problem.OUR_DEFECT)
        return soap_messages.letter(content, files)

    def _message_id(self, answer: _Answer) -> int:
        """A message id, or a break: something was done, and we do not know what."""
        try:
            return soap_messages.whole("" if answer.result is None else xml.text(answer.result))
        except WireError as error:
            raise BrokenOffError("SSEV's answer to a message cannot be read") from error

    # --- lists ---------------------------------------------------------------------------------

    async def inbox(self, *, only_new: bool, page: int = 1, size: int | None = None) -> RowPage:
        """Return a page of received messages, unopened first. Opens nothing."""
        answer = await self._call(
            "GetReceivedMessagesListPaged",
            (
                ("onlyNew", only_new),
                ("pageNumber", page),
                ("pageSize", size or self._settings.page_size),
                *self._operator(),
            ),
            quiet=True,
        )
        return await self._read(soap_messages.row_page, answer.result)

    async def outbox(self, *, page: int = 1, size: int | None = None) -> RowPage:
        """Return a page of sent messages, newest first, one row a recipient."""
        answer = await self._call(
            "GetSentMessagesListPaged",
            (
                ("pageNumber", page),
                ("pageSize", size or self._settings.page_size),
                *self._operator(),
            ),
            quiet=True,
        )
        return await self._read(soap_messages.row_page, answer.result)

    async def find_sent(self, marker: str, *, since: datetime) -> Sought:
        """Look for messages of ours whose subject holds `marker`, sent since a moment.

        There is no idempotency key (facts 8.3): this is what stands before any resend. Safe to
        repeat.
        """
        found, since = [], since - MARGIN
        for page in range(1, self._lookup_pages + 1):
            rows = (await self.outbox(page=page)).rows
            found += [row for row in rows if marker in row.subject and row.sent_at >= since]
            if len(rows) < self._settings.page_size or rows[-1].sent_at < since:
                unique = {row.message_id: row for row in found}
                return Sought(found=tuple(unique.values()), complete=True)
        return Sought(found=tuple(found), complete=False)

    # --- reading -------------------------------------------------------------------------------

    async def open(self, message_id: int, into: Path) -> OpenedMessage:
        """Open a received message, all files and proofs into the folder `into`.

        The first call is the legal receipt and cannot be undone; write the intent down before.
        Safe to repeat: after `BrokenOffError` it may be open already, call again. A message of
        another template raises `Problem.SERVER` for ever and stays unopened: take REST.
        """
        answer = await self._call(
            "GetReceivedMessageContent",
            (("messageId", message_id), *self._operator()),
            into=into,
            quiet=True,
        )
        return await self._read(soap_reading.opened, _must(answer), answer.mtom, into, message_id)

    async def sent(self, message_id: int, into: Path) -> SentMessage:
        """Return the state of a message of ours, origin proof and summary into `into`.

        Only for messages we sent: asked by a recipient, the service opens them (facts 9, no. 1).
        With several recipients only the first one's state is shown. Safe to repeat.
        """
        answer = await self._call(
            "GetSentMessageStatus",
            (("messageId", message_id), *self._operator()),
            into=into,
            quiet=True,
        )
        return await self._read(soap_reading.sent, _must(answer), answer.mtom, into, message_id)

    # --- the call ------------------------------------------------------------------------------

    def _operator(self) -> tuple[tuple[str, Value], ...]:
        return (("operatorEGN", self._settings.operator_egn or None),)

    def _office(self) -> tuple[tuple[str, Value], ...]:
        return (("serviceOID", self._settings.service_oid or None), *self._operator())

    async def _call(
        self,
        operation: str,
        parameters: Sequence[tuple[str, Value]],
        *,
        quiet: bool,
        parts: Sequence[FilePart] = (),
        into: Path | None = None,
    ) -> _Answer:
        """Call; `quiet` where repeating it does no harm, so that an inner error is a plain one."""
        envelope = soap_messages.call(operation, parameters)
        request = MtomRequest(
            envelope=await self._threads.run(self._secured, envelope),
            parts=parts,
            boundary=f"depesha-{self._ids.guid()}",
            action=action(operation),
        )
        if request.length > self._settings.request_bytes:
            raise SsevError("a message is larger than SSEV's SOAP side takes", Problem.TOO_LARGE)
        try:
            async with request.body(self._threads) as body:
                answer, status = await self._exchange(request, body, into)
            return await self._threads.run(self._judged, answer, status, operation, quiet)
        except (WireError, TooLargeError) as error:
            raise _unreadable(quiet=quiet) from error

    def _secured(self, envelope: _Element) -> bytes:
        self._signer.secure(envelope, self._clock.now())
        return etree.tostring(envelope, encoding="utf-8", xml_declaration=True)

    async def _read(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Read values out of an answer that did no harm."""
        try:
            return await self._threads.run(function, *args, **kwargs)
        except WireError as error:
            raise _unreadable(quiet=True) from error

    async def _exchange(
        self, request: MtomRequest, body: Body, into: Path | None
    ) -> tuple[MtomAnswer, int]:
        async with self._carrier.exchange(
            "POST",
            self._settings.url,
            headers=request.headers,
            body=body,
            whole_seconds=self._settings.answer_seconds,
        ) as response:
            return (
                await read_answer(
                    response.headers.get("Content-Type", ""),
                    pieces(response),
                    folder=into,
                    limits=self._limits,
                    threads=self._threads,
                ),
                response.status,
            )

    def _judged(self, mtom: MtomAnswer, status: int, operation: str, quiet: bool) -> _Answer:  # noqa: FBT001 -- handed on by position to a thread
        if status in _REFUSED:
            raise SsevError("SSEV refused the call", _REFUSED[status], status=status)
        if status not in {_OK, _FAULT}:
            raise _failed(status, quiet=quiet)
        try:
            root = xml.parse(mtom.envelope).root
            body = soap_messages.body_of(root)
        except WireError:
            if status == _FAULT:  # a page of whatever stands before the service
                raise _failed(status, quiet=quiet) from None
            raise
        fault = soap_messages.fault_of(body)
        if fault is not None:
            problem = of_fault(*fault)
            if problem is None:
                raise _failed(status, quiet=quiet)
            raise SsevError("SSEV answered with a fault", problem, status=status)
        if status != _OK:
            raise _failed(status, quiet=quiet)
        self.clock_offset = judge_header(root, self._clock.now())
        return _Answer(result=soap_messages.result_of(body, operation), mtom=mtom)

    async def close(self) -> None:
        """Close every connection."""
        await self._carrier.close()


def _must(answer: _Answer) -> _Element:
    if answer.result is None:
        raise SsevError("SSEV's answer holds nothing", Problem.UNREADABLE)
    return answer.result


def _failed(status: int, *, quiet: bool) -> SsevError | BrokenOffError:
    if quiet:
        return SsevError("SSEV failed inside", Problem.SERVER, status=status)
    return BrokenOffError("SSEV failed, and may have taken the message", status=status)


def _unreadable(*, quiet: bool) -> SsevError | BrokenOffError:
    if quiet:
        return SsevError("SSEV's answer cannot be read", Problem.UNREADABLE)
    return BrokenOffError("SSEV's answer to a message cannot be read")
