"""The mailbox by IMAP: what is new, fetched in pieces, marked seen when its bytes are safe.

It never reads into a mail, never deletes, and never marks anything by itself.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aioimaplib

from depesha.errors import (
    BrokenOffError,
    DepeshaError,
    PeerError,
    StorageError,
    TooLargeError,
    UnreachableError,
    WireError,
)
from depesha.ports import Clock, Threads

_PIECE: Final = 256 * 1024
_BATCH: Final = 50
"""Sizes asked for at once: the library descends a level of recursion for each line it hears."""
_VALIDITY: Final = re.compile(rb"UIDVALIDITY (\d{1,10})\b")
_SIZE: Final = re.compile(rb"\bRFC822\.SIZE (\d{1,19})\b")
_UID: Final = re.compile(rb"\bUID (\d{1,10})\b")
_NUMBERS: Final = re.compile(r"\d{1,10}(?: \d{1,10})*")
_FOLDER: Final = re.compile(r"[A-Za-z0-9._/ &+,-]{1,200}")
_LIBRARY: Final = (aioimaplib.AioImapException, OSError, TimeoutError, ValueError, RecursionError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Which mailbox, and how long an answer may take."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    folder: str = "INBOX"
    command_seconds: float = 60.0
    mail_bytes: int = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far the caller has stored. Only good together with the folder's validity."""

    validity: int = 0
    """UIDVALIDITY; 0: never looked."""
    uid: int = 0
    """Highest UID whose mail the caller holds durably, all lower ones included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A mail that lies in the mailbox."""

    uid: int
    size: int
    """As the server says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What is new after a cursor, oldest first."""

    validity: int
    renewed: bool
    """True: the server numbers anew, so the cursor was worth nothing and all mails are listed.
    The caller tells known ones by their digests."""
    mails: tuple[Waiting, ...]


class Mailbox:
    """One connection to one folder. Not for several tasks at once; after an error: `close`."""

    def __init__(
        self, *, account: Account, tls: ssl.SSLContext, clock: Clock, threads: Threads
    ) -> None:
        """`tls` must verify certificates and host names; a laxer context is refused."""
        if tls.verify_mode is not ssl.CERT_REQUIRED or not tls.check_hostname:
            raise WireError("the TLS context for mail does not verify the server")
        if _FOLDER.fullmatch(account.folder) is None:
            raise WireError("the mailbox folder has an unusable name")
        self._account = account
        self._tls = tls
        self._clock = clock
        self._threads = threads
        self._client: Any = None
        self._lost = asyncio.Event()
        """The connection is gone, which the library tells, and its commands do not notice."""
        self._validity = 0

    async def open(self) -> None:
        """Connect, log in and select the folder. Raises `UnreachableError` or `PeerError`."""
        account = self._account
        await self.close()
        self._lost = lost = asyncio.Event()
        client = aioimaplib.IMAP4(
            host=account.host,
            port=account.port,
            timeout=account.command_seconds,
            conn_lost_cb=lambda _: lost.set(),
            ssl_context=self._tls,
        )
        self._client = client
        try:
            await client.wait_hello_from_server()
            self._good(await client.login(account.user, account.password), "login")
            self._validity = await self._select()
        except _LIBRARY as error:
            await self.close()
            raise UnreachableError("the mailbox could not be reached") from error
        except DepeshaError:
            await self.close()
            raise

    async def _select(self) -> int:
        answer = await self._client.select(f'"{self._account.folder}"')
        self._good(answer, "select")
        match = _VALIDITY.search(b"\n".join(bytes(line) for line in answer.lines))
        if match is None:
            raise PeerError("the mail server numbers nothing for good")
        return int(match[1])

    async def new(self, cursor: Cursor, limit: int = 200) -> Listing:
        """List at most `limit` mails after the cursor. Safe to repeat; changes nothing."""
        renewed = cursor.validity != self._validity
        after = 0 if renewed else cursor.uid
        answer = await self._ask(
            "search", self._opened().uid_search(f"UID {after + 1}:*", charset=None)
        )
        # "n:*" names the last mail even where its number is lower.
        uids = sorted(uid for uid in _uids(answer.lines) if uid > after)[:limit]
        mails: list[Waiting] = []
        for start in range(0, len(uids), _BATCH):
            mails += await self._sizes(uids[start : start + _BATCH])
        return Listing(validity=self._validity, renewed=renewed, mails=tuple(mails))

    async def _sizes(self, uids: Sequence[int]) -> list[Waiting]:
        names = ",".join(map(str, uids))
        answer = await self._ask("fetch", self._opened().uid("fetch", names, "(UID RFC822.SIZE)"))
        sizes = {}
        for line in answer.lines:
            uid, size = _UID.search(line), _SIZE.search(line)
            if uid and size:
                sizes[int(uid[1])] = int(size[1])
        return [Waiting(uid=uid, size=sizes[uid]) for uid in uids if uid in sizes]

    async def fetch(self, uid: int, into: Path) -> int:
        """Write a mail's bytes to a file, not yet marked seen; return how many. Safe to repeat.

        Raises `TooLargeError` past the limit, `WireError` where the mail is gone; a file may be
        left behind half-written.
        """
        await self._threads.run(_write, into, b"", 0)
        done = 0
        while True:
            piece = await self._piece(uid, done)
            if not piece:
                break
            if done + len(piece) > self._account.mail_bytes:
                raise TooLargeError("a mail passes the permitted size")
            await self._threads.run(_write, into, piece, done)
            done += len(piece)
            if len(piece) < _PIECE:
                break
        if not done:
            raise WireError("a mail is no longer in the mailbox")
        return done

    async def _piece(self, uid: int, start: int) -> bytes:
        what = f"(UID BODY.PEEK[]<{start}.{_PIECE}>)"
        answer = await self._ask("fetch", self._opened().uid("fetch", str(uid), what))
        # The library gives literals as bytearray and lines as bytes; a short one may be quoted.
        pieces = [bytes(line) for line in answer.lines if isinstance(line, bytearray)]
        if len(pieces) > 1 or (pieces and len(pieces[0]) > _PIECE):
            raise PeerError("the mail server gave more than was asked for")
        return pieces[0] if pieces else b""

    async def seen(self, uid: int) -> None:
        """Mark a mail as seen: only after its bytes are durable. Safe to repeat."""
        await self._ask("store", self._opened().uid("store", str(uid), "+FLAGS.SILENT", r"(\Seen)"))

    async def wait(self, seconds: float) -> None:
        """Return when something may be new, at the latest after `seconds`.

        By IDLE where the server offers it; otherwise the clock alone. Being woken for nothing,
        or late by one poll, is normal.
        """
        client = self._opened()
        if not client.has_capability("IDLE"):
            await self._clock.sleep(seconds)
            await self._ask("noop", client.noop())
            return
        try:
            patience = self._account.command_seconds
            begin = client.idle_start(timeout=seconds + patience)
            idle = await self._while_connected(begin, patience)
            with suppress(TimeoutError):  # nothing came: the poll's turn
                await self._while_connected(client.wait_server_push(), seconds)
            client.idle_done()
            await self._while_connected(idle, patience)
        except _LIBRARY as error:
            raise BrokenOffError("the mailbox fell silent") from error

    async def close(self) -> None:
        """Leave; closing twice is safe."""
        client, self._client = self._client, None
        if client is None:
            return
        transport = client.protocol.transport
        if transport is None:
            client._client_task.cancel()  # noqa: SLF001 -- a connection still being made
            return
        try:
            seconds = min(5.0, self._account.command_seconds)
            await self._while_connected(client.logout(), seconds)
        except _LIBRARY:
            transport.abort()
        else:
            transport.close()

    def _opened(self) -> Any:
        if self._client is None:
            raise UnreachableError("the mailbox is not open")
        return self._client

    async def _ask(self, what: str, question: Any) -> Any:
        try:
            answer = await self._while_connected(question, self._account.command_seconds)
        except _LIBRARY as error:
            raise BrokenOffError("the mailbox fell silent") from error
        self._good(answer, what)
        return answer

    async def _while_connected(self, question: Any, seconds: float) -> Any:
        """Wait for an answer as long as one may come; raise `OSError` once the line is lost."""
        asking = asyncio.ensure_future(question)
        losing = asyncio.ensure_future(self._lost.wait())
        try:
            await asyncio.wait(
                {asking, losing}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if asking.done():
                return asking.result()
            if losing.done():
                raise ConnectionResetError
            raise TimeoutError
        finally:
            asking.cancel()
            losing.cancel()
            await asyncio.gather(asking, losing, return_exceptions=True)

    @staticmethod
    def _good(answer: Any, what: str) -> None:
        if answer.result != "OK":
            raise PeerError("the mail server refuses us", step=what)


def _uids(lines: Sequence[bytes]) -> list[int]:
    text = [line.decode("ascii", "replace").strip() for line in lines]
    return [int(n) for line in text if _NUMBERS.fullmatch(line) for n in line.split()]


def _write(into: Path, piece: bytes, at: int) -> None:
    try:
        with into.open("r+b" if at else "wb") as file:
            file.seek(at)
            file.write(piece)
    except OSError as error:
        raise StorageError("a mail cannot be written down") from error
