"""A registry that gives each message one number, and repeats a call until it was answered.

Its book is what the audit compares with: a number stands there before the gateway hears of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from http import HTTPStatus

from yarl import URL

from depesha.errors import BrokenOffError, UnreachableError
from depesha.ports import Clock
from depesha.simulators.demo_witness import document_of
from depesha.simulators.registry import RegistryClient, RegistryProblemError

PAUSE = 0.05
CUTS = ("in its request", "after its request", "in the answer")
"""Where a registry's connection may break."""


class Office:
    """`work()` until cancelled."""

    def __init__(self, base: str, token: str, clock: Clock, index: str = "ВХ") -> None:
        """`index` begins every number."""
        self.client = RegistryClient(base, token, seconds=10.0)
        self.book: dict[str, dict[str, str]] = {}
        """Document GUID → message id → the number given for it."""
        self.refuses: dict[str, str] = {}
        """Document GUID → why it gets no number; its place in the book holds this reason."""
        self.cuts: dict[str, str] = {}
        """Document GUID → where the connection of the first call shall break."""
        self.cut: list[str] = []
        """Documents whose first call was cut."""
        self.repeats = 0
        self.faults: list[str] = []
        self._url, self._token = URL(base), token
        self._clock = clock
        self._index = index
        self._given = 0

    async def work(self) -> None:
        """Register whatever waits."""
        while True:
            try:
                for item in await self.client.waiting(5):
                    await self._register(item["id"])
            except (UnreachableError, BrokenOffError):
                await asyncio.sleep(PAUSE)
            except RegistryProblemError as problem:
                self._judge(problem)
                await asyncio.sleep(PAUSE)

    async def _register(self, message_id: str) -> None:
        document = document_of(await self.client.message(message_id))
        numbers = self.book.setdefault(document, {})
        if document in self.refuses:
            numbers[message_id] = self.refuses[document]
        elif message_id not in numbers:
            self._given += 1
            numbers[message_id] = f"{self._index}-{self._given}"
            if how := self.cuts.pop(document, ""):
                await self._cut(message_id, numbers[message_id], how)
                self.cut.append(document)
        while True:
            try:
                await self._tell(document, message_id)
            except (UnreachableError, BrokenOffError):
                self.repeats += 1
                await asyncio.sleep(PAUSE)
            else:
                return

    async def _tell(self, document: str, message_id: str) -> None:
        word = self.book[document][message_id]
        if document in self.refuses:
            await self.client.refuse(message_id, word)
        else:
            await self.client.register(message_id, word, self._clock.now().date())

    def _judge(self, problem: RegistryProblemError) -> None:
        """A gateway that stops may say so; anything else is a fault."""
        if problem.status != HTTPStatus.SERVICE_UNAVAILABLE:
            self.faults.append(f"the registry was told {problem.status} {problem.problem}")

    async def _cut(self, message_id: str, number: str, how: str) -> None:
        """Make the call over a connection that breaks."""
        day = self._clock.now().date().isoformat()
        body = json.dumps({"number": number, "date": day}).encode()
        head = (
            f"POST /api/v1/messages/{message_id}/registration HTTP/1.1\r\n"
            f"Host: {self._url.host}\r\nAuthorization: Bearer {self._token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        with contextlib.suppress(ConnectionError):
            reader, writer = await asyncio.open_connection(self._url.host, self._url.port)
            writer.write(head + (body[:-4] if how == CUTS[0] else body))
            await writer.drain()
            if how == CUTS[2]:
                await reader.read(20)
            writer.transport.abort()
