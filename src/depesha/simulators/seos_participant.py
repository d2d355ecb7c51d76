"""A faithful SEOS participant: sends, receives and answers as the reference node does (facts 6-9).

It has a real TLS endpoint and a real TLS client, keeps everything it said and heard, and can be
as odd as its `Quirks` say. It must never know anything about the product it talks to.
"""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from typing import Final, Self

import aiohttp

from depesha.errors import DepeshaError, PeerError, UnreachableError
from depesha.ports import Clock, IdSource
from depesha.schemas.envelope import Party, RegistrationNumber
from depesha.schemas.ids import Guid
from depesha.simulators import seos_checks
from depesha.simulators.authority import Identity
from depesha.simulators.listening import Listener
from depesha.simulators.seos_books import Books, Exchange, Seen, Sent
from depesha.simulators.seos_documents import (
    Body,
    DocumentId,
    Failure,
    RegistrationRequest,
    StatusRequest,
)
from depesha.simulators.seos_endpoint import Endpoint
from depesha.simulators.seos_office import Office
from depesha.simulators.seos_pen import Pen
from depesha.simulators.seos_quirks import Oddity, Quirks
from depesha.simulators.seos_reading import read
from depesha.simulators.seos_signing import Hand, judge
from depesha.simulators.seos_soap import (
    ACTION,
    CONTENT_TYPE,
    unwrap_answer,
    wrap_request,
)
from depesha.simulators.tls import KeyFiles, client_context, server_context

CALL_SECONDS: Final = 120.0
"""Longest one call may last; the reference node waits ten minutes (facts 2.5)."""


class SeosParticipant:
    """`async with SeosParticipant(...)`; one event loop, real sockets."""

    def __init__(
        self,
        *,
        party: Party,
        identity: Identity,
        keys: KeyFiles,
        find: seos_checks.Find,
        clock: Clock,
        ids: IdSource,
        quirks: Quirks | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.party = party
        self.identity = identity
        self.books = Books()
        self._clock = clock
        self._oddity = Oddity(quirks or Quirks())
        self._pen = Pen(party=party, identity=identity, clock=clock, ids=ids, oddity=self._oddity)
        self._office = Office(
            books=self.books, find=find, say=self._notify, clock=clock, oddity=self._oddity
        )
        endpoint = Endpoint(
            party=party,
            books=self.books,
            pen=self._pen,
            find=find,
            clock=clock,
            oddity=self._oddity,
            taken=self._office.took,
        )
        self._client_tls = client_context(keys)
        self._listener = Listener(endpoint.handle, server_context(keys), host, port)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen and be ready to send; after `stop`, on the same port again."""
        await self._listener.start()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._client_tls),
            timeout=aiohttp.ClientTimeout(total=CALL_SECONDS),
        )

    async def stop(self) -> None:
        """Refuse connections; books are kept. Stopping twice is safe."""
        await self._office.stop()
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        await self._listener.stop()

    @property
    def url(self) -> str:
        """The endpoint as it should stand in the register."""
        return self._listener.origin + self.quirks.path

    @property
    def quirks(self) -> Quirks:
        """How it is odd; setting it starts the counts anew."""
        return self._oddity.quirks

    @quirks.setter
    def quirks(self, quirks: Quirks) -> None:
        self._oddity.quirks = quirks

    # --- sending --------------------------------------------------------------------------

    async def submit(
        self,
        recipient: Party,
        url: str,
        request: RegistrationRequest,
        *,
        hand: Hand | None = None,
        message_guid: Guid | None = None,
    ) -> Exchange:
        """Send a document for registration under a new MessageGUID, and keep what comes back."""
        header = self._pen.header(recipient, message_guid)
        wire = await self._pen.write(header, request, hand)
        self.books.message_guids.add(header.message_guid)
        known = self.books.sent.get(request.document.guid)
        if known is None:
            self.books.sent[request.document.guid] = Sent(
                request=request,
                recipient=recipient,
                url=url,
                message_guid=header.message_guid,
                wire=wire,
            )
        else:
            known.message_guid, known.wire = header.message_guid, wire
        exchange = await self.post(url, wire)
        if self.quirks.send_twice:
            await self.post(url, wire)
        return exchange

    async def resend(self, document: Guid) -> Exchange:
        """Send the very same signed bytes once more, as the reference node's retry does."""
        sent = self.books.sent[document]
        return await self.post(sent.url, sent.wire)

    async def ask(self, recipient: Party, url: str, document: DocumentId) -> Exchange:
        """Ask for the state of a document."""
        wire = await self._pen.write(self._pen.header(recipient), StatusRequest(document=document))
        return await self.post(url, wire)

    async def say(
        self, recipient: Party, url: str, body: Body, *, hand: Hand | None = None
    ) -> Exchange:
        """Send any body, such as a status notice or an error."""
        return await self.post(url, await self._pen.write(self._pen.header(recipient), body, hand))

    async def post(self, url: str, wire: str) -> Exchange:
        """Send a document as it stands; never raises for what the other side does."""
        envelope = await asyncio.to_thread(wrap_request, wire, cdata=self.quirks.cdata)
        begun = self._clock.monotonic()
        status, raw, trouble = await self._call(url, envelope)
        exchange = await asyncio.to_thread(_understand, url, wire, status, raw, trouble)
        exchange = replace(exchange, seconds=self._clock.monotonic() - begun)
        self.books.exchanges.append(exchange)
        await self._note(exchange)
        return exchange

    async def _call(self, url: str, envelope: bytes) -> tuple[int, bytes, str]:
        if self._session is None:
            raise UnreachableError("the participant is not started")
        headers = {"Content-Type": CONTENT_TYPE}
        if not self.quirks.no_action:
            headers["SOAPAction"] = ACTION
        try:
            body = io.BytesIO(envelope)  # aiohttp warns of large plain bytes
            async with self._session.post(url, data=body, headers=headers) as response:
                return response.status, await response.read(), ""
        except aiohttp.ClientConnectorError:
            return 0, b"", "no connection"
        except TimeoutError:
            return 0, b"", "no answer in time"
        except (aiohttp.ClientError, ConnectionError):
            return 0, b"", "broken off"

    async def _note(self, exchange: Exchange) -> None:
        heard, judgement = exchange.heard, exchange.judgement
        if heard is None or judgement is None:
            return
        if isinstance(heard.body, Failure):
            for sent in self.books.sent.values():
                if sent.message_guid == heard.body.failed:
                    sent.failures.append(heard.body.description)
        else:
            at = self._clock.now()
            await self.books.saw(heard, exchange.answer, judgement, at, pushed=False)

    async def wait_for_status(self, document: Guid, status: str, seconds: float) -> Seen:
        """Wait until the recipient said this status of a document of ours; `PeerError` if not."""
        return await self.books.wait_for_status(document, status, seconds)

    # --- the office behind it -------------------------------------------------------------

    async def register(self, document: Guid, number: RegistrationNumber) -> Exchange:
        """Register a received document and tell its sender."""
        return await self._office.register(document, number)

    async def reject(self, document: Guid, reason: str) -> Exchange:
        """Decline a received document and tell its sender."""
        return await self._office.reject(document, reason)

    async def close(self, document: Guid, *, early: bool = False) -> Exchange:
        """End the work on a registered document and tell its sender."""
        return await self._office.close(document, early=early)

    async def claim(
        self, document: Guid, status: str, number: RegistrationNumber | None = None
    ) -> Exchange:
        """Tell the sender any status, also one that goes back; the books stay as they are."""
        return await self._office.claim(document, status, number)

    async def _notify(self, sender: Party, url: str, body: Body) -> Exchange:
        exchange = await self.say(sender, url, body)
        return await self.post(url, exchange.sent) if self.quirks.notices_twice else exchange


def _understand(url: str, sent: str, status: int, raw: bytes, trouble: str) -> Exchange:
    answer, heard, judgement = "", None, None
    if not trouble:
        try:
            answer = unwrap_answer(raw) or ""
            if answer:
                heard, judgement = read(answer), judge(answer)
        except PeerError as error:
            trouble = f"SOAP fault: {error.facts.get('said', '')}"
        except DepeshaError:
            trouble = f"HTTP {status}" if status >= 400 else "unreadable answer"  # noqa: PLR2004 - HTTP
    return Exchange(
        url=url,
        sent=sent,
        http_status=status,
        answer=answer,
        raw=raw,
        heard=heard,
        judgement=judgement,
        trouble=trouble,
        seconds=0.0,
    )
