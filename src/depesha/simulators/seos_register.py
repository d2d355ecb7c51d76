"""The participants' register of SEOS as a server: entries that may change while it runs.

It answers the five operations of facts 10.1 over TLS with client certificates, and it can be
slow, down, empty, wrong or emptied of active participants. It never judges messages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Self

from aiohttp import web
from lxml import etree

from depesha.errors import DepeshaError, WireError
from depesha.ports import Clock
from depesha.schemas.envelope import Party
from depesha.schemas.ids import Guid, guid, serial_number
from depesha.schemas.wire.seos import REGISTER_WSDL
from depesha.schemas.xml import parse
from depesha.simulators.listening import Listener
from depesha.simulators.seos_entries import Entry, answer
from depesha.simulators.seos_soap import SOAP, wrap_fault
from depesha.simulators.tls import KeyFiles, server_context

PATH: Final = "/service/"
GARBAGE: Final = b"<html><body>502 Bad Gateway</body>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mood:
    """How the register behaves just now."""

    down: bool = False
    """Connections are taken and cut without an answer; `stop` refuses them outright."""
    slow_seconds: float = 0.0
    empty: bool = False
    garbage: bool = False
    all_inactive: bool = False
    """Every participant suddenly inactive."""


class SeosRegister:
    """`async with SeosRegister(...)`; `put`, `remove` and `mood` may be used while it runs."""

    def __init__(
        self, *, clock: Clock, keys: KeyFiles, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self._clock = clock
        self._keys = keys
        self._listener = Listener(self._handle, server_context(keys), host, port)
        self._entries: dict[Guid, Entry] = {}
        self._last_change = clock.now()
        self.mood = Mood()
        self.calls = 0
        """Requests heard since the start."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; after `stop`, on the same port again."""
        await self._listener.start()

    async def stop(self) -> None:
        """Refuse connections until started again."""
        await self._listener.stop()

    @property
    def url(self) -> str:
        """Where it answers."""
        return self._listener.origin + PATH

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What it holds, in the order of entering."""
        return tuple(self._entries.values())

    @property
    def last_change(self) -> datetime:
        """Time of the last change of the register."""
        return self._last_change

    def find(self, participant: Guid) -> Entry | None:
        """Return the entry with this GUID."""
        return self._entries.get(participant)

    def put(self, entry: Entry) -> None:
        """Enter a participant, or replace it; its change is dated now."""
        self._last_change = self._clock.now()
        self._entries[entry.guid] = replace(entry, last_change=self._last_change)

    def remove(self, participant: Guid) -> None:
        """Strike a participant out; striking twice is safe."""
        if self._entries.pop(participant, None) is not None:
            self._last_change = self._clock.now()

    def fill(self, count: int) -> None:
        """Add fictional participants up to `count` in all, as many as production has (10.2)."""
        missing = range(len(self._entries), count)
        for entry in crowd(missing, self._clock.now()):
            self._entries[entry.guid] = entry
        self._last_change = self._clock.now()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        mood = self.mood
        if mood.slow_seconds:
            await self._clock.sleep(mood.slow_seconds)
        if mood.down:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=503)
        if mood.garbage:
            return web.Response(body=GARBAGE, content_type="text/html")
        if request.method == "GET":
            return _xml(await asyncio.to_thread(REGISTER_WSDL.read_bytes), 200)
        envelope = await request.read()
        try:
            body = await asyncio.to_thread(self._answer, envelope, mood)
        except DepeshaError as error:
            return _xml(wrap_fault(error.public, "Client"), 500)
        return _xml(body, 200)

    def _answer(self, envelope: bytes, mood: Mood) -> bytes:
        call = parse(envelope).root.find(f"{{{SOAP}}}Body/*")
        if call is None:
            raise WireError("the call names no operation")
        operation = etree.QName(call).localname
        argument = (call[0].text or "").strip() if len(call) else ""
        found: Iterable[Entry] = () if mood.empty else self._select(operation, argument)
        if mood.all_inactive:
            found = [replace(e, status="Inactive") for e in found]
        return answer(operation, tuple(found), self._last_change)

    def _select(self, operation: str, argument: str) -> list[Entry]:
        entries = list(self._entries.values())
        match operation:
            case "GetAllRecords":
                return entries
            case "GetNewRecords":
                since = _moment(argument)
                return [e for e in entries if e.last_change >= since]
            case "GetByEntityIdentifier":
                return [e for e in entries if e.party.identifier == argument]
            case "GetByGuid":
                wanted = guid(argument)
                return [e for e in entries if e.guid == wanted]
            case "GetByCertificateSN":
                serial = serial_number(argument)
                return [e for e in entries if e.serial == serial]
            case _:
                raise WireError("the register does not know this operation")


def crowd(numbers: Iterable[int], at: datetime) -> Iterable[Entry]:
    """Make fictional participants, the same ones for the same numbers."""
    for number in numbers:
        yield Entry(
            party=Party(
                identifier=f"999{number:06d}" if number % 3 else f"999{number:06d}{number:04d}",
                name=f"Община Образцова {number}",
                guid=Guid(f"cccccccc-0000-4000-8000-{number:012x}"),
            ),
            serial=serial_number(f"7E{number:014X}"),
            url=f"https://obraztsova-{number}.example:8443/DocExchangeService",
            last_change=at,
            email=f"delo@obraztsova-{number}.example",
        )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise WireError("the date cannot be read") from error
    if moment.tzinfo is None:
        raise WireError("the date has no offset")
    return moment


def _xml(body: bytes, status: int) -> web.Response:
    return web.Response(body=body, status=status, content_type="text/xml", charset="utf-8")
