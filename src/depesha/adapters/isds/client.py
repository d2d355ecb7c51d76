"""The client of ISDS: one method for each thing the channel may want (facts 5).

It decides nothing, repeats nothing and stores nothing but the files it is told to fetch. Every
failure is one of these: `LoginRefusedError` (the session stopped itself), `UnreachableError`
(nothing was done), `BrokenOffError` (what was done is unknown) and `IsdsError` (surely nothing was
done), besides `WireError` of an answer that cannot be read and `StorageError` of our own disk.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from depesha.adapters.filestreams import StoredFile
from depesha.adapters.isds import answers, calls
from depesha.adapters.isds.bodies import Content, PlainBody
from depesha.adapters.isds.calling import Manner, read_whole
from depesha.adapters.isds.dialect import MARK_BYTES, Dialect
from depesha.adapters.isds.fetching import receive
from depesha.adapters.isds.values import (
    Box,
    Boxes,
    CreateWords,
    Delivery,
    OutgoingFile,
    Row,
    Sought,
    StateChange,
    boolean_of,
    moment_of,
)
from depesha.errors import BrokenOffError, WireError
from depesha.schemas import xml
from depesha.schemas.wire.isds import Service

if TYPE_CHECKING:
    from lxml.etree import _Element

    from depesha.adapters.isds.calling import Body, Session
    from depesha.ports import IdSource, Threads

R = TypeVar("R")
QUIET: Final = Manner()
LOUD: Final = Manner(loud=True, large=True)
LARGE: Final = Manner(large=True)
ANSWER_BYTES: Final = 16 * 1024 * 1024
PAPER_BYTES: Final = 256 * 1024 * 1024


class IsdsClient:
    """Calls the ordinary services for one box. One object serves any number of tasks of a loop."""

    def __init__(
        self,
        *,
        session: Session,
        dialect: Dialect,
        ids: IdSource,
        threads: Threads,
        answer_bytes: int = ANSWER_BYTES,
        paper_bytes: int = PAPER_BYTES,
    ) -> None:
        """`dialect` may be shared by all clients."""
        self._session = session
        self._dialect = dialect
        self._ids = ids
        self._threads = threads
        self._answer_bytes = answer_bytes
        self._paper_bytes = paper_bytes

    # --- sending -------------------------------------------------------------------------------

    async def create_message(self, words: CreateWords, files: Sequence[OutgoingFile]) -> str:
        """Send an ordinary message; return its number. Never safe to repeat.

        After `BrokenOffError` the list of sent messages must be looked through (`find_sent`)
        before anything else: ISDS knows no key against repeats.
        """
        marks = self._marks(len(files))
        said = calls.message(words, files, marks)
        contents = [(file.path, file.size) for file in files]
        return await self._create(Service.OPERATIONS, "CreateMessage", said, marks, contents)

    async def _create(
        self,
        service: Service,
        operation: str,
        said: Any,
        marks: Sequence[bytes],
        contents: Sequence[Content],
    ) -> str:
        call = await self._threads.run(self._dialect.write, service, operation, said, marks)
        try:
            response = await self._answer(
                service, operation, PlainBody(call, contents), LOUD, _created
            )
        except WireError as error:
            raise BrokenOffError("the answer of ISDS to a message cannot be read") from error
        return response

    async def find_sent(self, reference: str, since: datetime, *, pages: int = 20) -> Sought:
        """Look for messages that carry `reference` as `dmSenderRefNumber`, sent since a moment.

        Delivered ones only have a time to be filtered by: one that is still on its way shows
        nowhere, so absence is proved only some minutes after the send. Safe to repeat.
        """
        found: list[Row] = []
        size = 500
        for page in range(pages):
            rows = await self.sent(since=since, offset=page * size + 1, limit=size)
            found += [row for row in rows if row.words.sender_reference == reference]
            if len(rows) < size:
                return Sought(found=tuple(found), complete=True)
        return Sought(found=tuple(found), complete=False)

    # --- lists ---------------------------------------------------------------------------------

    async def received(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        offset: int = 1,
        limit: int = 500,
        states: Sequence[int] = (),
    ) -> tuple[Row, ...]:
        """List received messages by time of delivery. **Delivers them in law** (facts 3).

        `offset` counts from 1. Safe to repeat.
        """
        said = calls.listing(since, until, offset, limit, states)
        return await self._small(Service.INFO, "GetListOfReceivedMessages", said, answers.rows)

    async def sent(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        offset: int = 1,
        limit: int = 500,
        states: Sequence[int] = (),
    ) -> tuple[Row, ...]:
        """List sent messages by time of delivery. Changes nothing; safe to repeat."""
        said = calls.listing(since, until, offset, limit, states)
        return await self._small(Service.INFO, "GetListOfSentMessages", said, answers.rows)

    async def state_changes(
        self, since: datetime, until: datetime | None = None
    ) -> tuple[StateChange, ...]:
        """List changes of sent messages: 15 days back at most, the last minutes never shown."""
        said = calls.period(since, until)
        return await self._small(Service.INFO, "GetMessageStateChanges", said, answers.changes)

    # --- one message ---------------------------------------------------------------------------

    async def fetch_received(self, dm_id: str, target: Path) -> StoredFile:
        """Fetch a received message as ZFO into `target`. Safe to repeat: sealed anew each time."""
        return await self._paper(Service.OPERATIONS, "SignedMessageDownload", dm_id, target)

    async def fetch_sent(self, dm_id: str, target: Path) -> StoredFile:
        """Fetch a sent message as ZFO; `Action.NOT_READY` while it is not sealed."""
        return await self._paper(Service.OPERATIONS, "SignedSentMessageDownload", dm_id, target)

    async def fetch_delivery(self, dm_id: str, target: Path) -> StoredFile:
        """Fetch signed delivery information as ZFO, of either party, erased messages included."""
        return await self._paper(Service.INFO, "GetSignedDeliveryInfo", dm_id, target)

    async def delivery(self, dm_id: str) -> Delivery:
        """Return unsigned delivery information: for looking, not for evidence."""
        return await self._small(Service.INFO, "GetDeliveryInfo", {"dmID": dm_id}, answers.delivery)

    async def mark_downloaded(self, dm_id: str) -> None:
        """Set a received message to state 7; without meaning in law. Safe to repeat."""
        await self._small(Service.INFO, "MarkMessageAsDownloaded", {"dmID": dm_id}, _nothing)

    async def stored_hash(self, dm_id: str) -> tuple[str, bytes]:
        """Return algorithm and value of the hash that ISDS keeps, erased messages included."""
        return await self._small(Service.INFO, "VerifyMessage", {"dmID": dm_id}, _hash)

    async def is_genuine(self, paper: Path, size: int) -> bool:
        """Ask ISDS whether a ZFO of an ordinary message is one of its own. Safe to repeat."""
        return await self._with_content(
            Service.OPERATIONS, "AuthenticateMessage", "dmMessage", (paper, size), _genuine
        )

    async def resign(self, paper: Path, size: int, target: Path) -> StoredFile:
        """Have a paper without a time stamp sealed anew, into `target` (codes 2200-2214)."""
        marks = self._marks(1)
        operation = "Re-signISDSDocument"
        call = await self._threads.run(
            self._dialect.write, Service.OPERATIONS, operation, {"dmDoc": marks[0]}, marks
        )
        body = PlainBody(call, [(paper, size)])
        return await self._long(Service.OPERATIONS, operation, body, "dmResultDoc", target, LARGE)

    # --- boxes ---------------------------------------------------------------------------------

    async def box_state(self, box_id: str) -> int | None:
        """Return a box's state (facts 6.6); 1 alone can receive. `IsdsError` for no such box."""
        return await self._small(Service.SEARCH, "CheckDataBox", {"dbID": box_id}, _state)

    async def search(
        self, text: str, *, by: str = "GENERAL", scope: str = "ALL", page: int = 0, size: int = 50
    ) -> Boxes:
        """Search boxes by words, IČO, OVM id or box id; two characters at least, pages from 0."""
        said = {
            "searchText": text,
            "searchType": by,
            "searchScope": scope,
            "page": page,
            "pageSize": size,
        }
        return await self._small(Service.SEARCH, "ISDSSearch3", said, answers.boxes)

    async def box(self, box_id: str) -> Box | None:
        """Return a box by its id, state included; None where there is none."""
        said = {"dbOwnerInfo": {"dbID": box_id}}
        found = await self._small(Service.SEARCH, "FindDataBox2", said, answers.owners)
        return found[0] if found else None

    async def owner(self) -> Box:
        """Return the box that the log-in enters."""
        said = {"dbDummy": ""}
        return await self._small(Service.ACCESS, "GetOwnerInfoFromLogin2", said, answers.owner)

    async def password_expires_at(self) -> datetime | None:
        """Return when the password runs out; None for never."""
        return await self._small(Service.ACCESS, "GetPasswordInfo", {"dbDummy": ""}, _expiry)

    # --- how calls are made --------------------------------------------------------------------

    def _marks(self, count: int) -> list[bytes]:
        """Return unguessable marks, so that no word of an envelope can be one."""
        return [self._mark() for _ in range(count)]

    def _mark(self) -> bytes:
        secret = self._ids.secret().encode()
        return base64.b64encode(secret)[:MARK_BYTES].ljust(MARK_BYTES, b"-")

    async def _small(
        self, service: Service, operation: str, said: Any, read: Callable[[_Element], R]
    ) -> R:
        call = await self._threads.run(self._dialect.write, service, operation, said)
        return await self._answer(service, operation, PlainBody(call), QUIET, read)

    async def _with_content(
        self,
        service: Service,
        operation: str,
        name: str,
        content: Content,
        read: Callable[[_Element], R],
    ) -> R:
        marks = self._marks(1)
        call = await self._threads.run(
            self._dialect.write, service, operation, {name: marks[0]}, marks
        )
        return await self._answer(service, operation, PlainBody(call, [content]), LARGE, read)

    async def _answer(
        self,
        service: Service,
        operation: str,
        body: Body,
        manner: Manner,
        read: Callable[[_Element], R],
    ) -> R:
        async with self._session.exchange(service, body, manner) as response:
            received = await read_whole(response, self._answer_bytes)
        return await self._threads.run(_read, received, operation, read)

    async def _paper(
        self, service: Service, operation: str, dm_id: str, target: Path
    ) -> StoredFile:
        call = await self._threads.run(self._dialect.write, service, operation, {"dmID": dm_id})
        return await self._long(service, operation, PlainBody(call), "dmSignature", target, LARGE)

    async def _long(
        self,
        service: Service,
        operation: str,
        body: Body,
        content: str,
        target: Path,
        manner: Manner,
    ) -> StoredFile:
        async with self._session.exchange(service, body, manner) as response:
            answer = await receive(
                response,
                operation,
                content,
                target,
                limit=self._paper_bytes,
                threads=self._threads,
            )
        try:
            return answer.must()
        except BaseException:
            await self._threads.run(target.unlink, missing_ok=True)
            raise


def _read(received: bytes, operation: str, read: Callable[[_Element], R]) -> R:
    response = answers.response_of(xml.parse(received).root, operation)
    answers.succeed(response)
    return read(response)


def _nothing(_response: _Element) -> None:
    """Read nothing but the outcome."""


def _created(response: _Element) -> str:
    number = answers.text(response, "dmID").strip()
    if not number:
        raise WireError("an answer of ISDS names no message")
    return number


def _state(response: _Element) -> int | None:
    text = answers.text(response, "dbState").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) == 1 else None


def _expiry(response: _Element) -> datetime | None:
    return moment_of(answers.text(response, "pswExpDate"))


def _genuine(response: _Element) -> bool:
    return boolean_of(answers.text(response, "dmAuthResult")) is True


def _hash(response: _Element) -> tuple[str, bytes]:
    element = answers.child(response, "dmHash")
    if element is None:
        raise WireError("an answer of ISDS lacks what was asked for")
    try:
        value = base64.b64decode("".join((element.text or "").split()), validate=True)
    except ValueError:
        raise WireError("a hash in an answer of ISDS cannot be read") from None
    return element.get("algorithm", "SHA-1"), value
