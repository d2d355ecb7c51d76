"""Keeps revocation lists fresh: from files or addresses, on a schedule, last good one kept.

It must never judge a certificate, and never let a worse list take the place of a better one.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Final, Protocol

import aiohttp
from asn1crypto.crl import CertificateList
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from depesha.adapters.certificates import authorities
from depesha.errors import (
    ConfigurationError,
    DepeshaError,
    PeerError,
    TooLargeError,
    UnreachableError,
    WireError,
)
from depesha.ports import Clock, Observer, Threads

LIST_BYTES: Final = 16 * 1024 * 1024
"""Largest revocation list taken: about 400,000 entries."""
FETCH_SECONDS: Final = 30.0


class FetchList(Protocol):
    """Gets a list from an address. Safe to repeat; raises `DepeshaError` on failure."""

    async def __call__(self, address: str) -> bytes:
        """Return the list's bytes, PEM or DER, at most `LIST_BYTES` of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListState:
    """How fresh the list of one source is, for `doctor` and the console."""

    source: str
    this_update: datetime | None = None
    next_update: datetime | None = None
    entries: int = 0
    fetched_at: datetime | None = None
    problem: str = ""
    """Public text of the last failure; empty where the last attempt went well."""

    def stale(self, now: datetime) -> bool:
        """Tell whether the list is missing or past its next update."""
        return self.next_update is None or self.next_update < now


class RevocationLists:
    """The lists in force. Any thread may read; replacing one is atomic."""

    def __init__(self, trusted: Sequence[bytes]) -> None:
        """`trusted` are the certificates (PEM or DER) whose keys may sign lists."""
        self._issuers = tuple(authorities(trusted))
        self._lists: dict[str, tuple[x509.CertificateRevocationList, CertificateList]] = {}
        self._lock = threading.Lock()
        self.version = 0
        """Grows with every change, so that verdicts made by older lists are not used again."""
        self.current: tuple[CertificateList, ...] = ()

    def held(self) -> tuple[tuple[str, bytes], ...]:
        """Return source and DER of each list in force, for `put` in another process."""
        with self._lock:
            return tuple(
                (source, fresh.public_bytes(Encoding.DER))
                for source, (fresh, _) in self._lists.items()
            )

    def put(self, source: str, content: bytes) -> ListState:
        """Take a newer list of a source; the same one again changes nothing.

        Raises `WireError` where the bytes are no list, no trusted authority signed it, or it is
        older than the one in force: then the one in force stays.
        """
        fresh = _parse(content)
        if not any(_signed(fresh, issuer) for issuer in self._issuers):
            raise WireError("a revocation list is not signed by a trusted authority")
        encoded = fresh.public_bytes(Encoding.DER)
        with self._lock:
            held = self._lists.get(source)
            if held and fresh.last_update_utc < held[0].last_update_utc:
                raise WireError("a revocation list is older than the one in force")
            if not held or held[0] != fresh:
                self._lists[source] = (fresh, CertificateList.load(encoded, strict=True))
                self.current = tuple(pair[1] for pair in self._lists.values())
                self.version += 1
        return ListState(
            source=source,
            this_update=fresh.last_update_utc,
            next_update=fresh.next_update_utc,
            entries=len(fresh),
        )


def _parse(content: bytes) -> x509.CertificateRevocationList:
    try:
        if content.lstrip().startswith(b"-----BEGIN"):
            return x509.load_pem_x509_crl(content)
        return x509.load_der_x509_crl(content)
    except ValueError as error:
        raise WireError("a revocation list cannot be read") from error


def _signed(revoked: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    key = issuer.public_key()
    if revoked.issuer != issuer.subject:
        return False
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | dsa.DSAPublicKey):
        return False
    try:
        return revoked.is_signature_valid(key)
    except (UnsupportedAlgorithm, TypeError, ValueError) as error:
        raise WireError("a revocation list's signature cannot be judged") from error


class RevocationRefresher:
    """Brings the lists of all sources up to date, one after the other, on a schedule.

    A source is a file path or an http(s) address. Safe to run once or for ever.
    """

    def __init__(
        self,
        *,
        sources: Sequence[str],
        lists: RevocationLists,
        fetch: FetchList,
        clock: Clock,
        threads: Threads,
        observer: Observer,
        every: timedelta = timedelta(hours=1),
        again: timedelta = timedelta(minutes=5),
    ) -> None:
        """`every` is the pace when all went well, `again` after a failure."""
        self._lists = lists
        self._fetch = fetch
        self._clock = clock
        self._threads = threads
        self._observer = observer
        self._every = every
        self._again = again
        self._states = {source: ListState(source=source) for source in sources}

    def states(self) -> tuple[ListState, ...]:
        """Tell how fresh every source's list is."""
        return tuple(self._states.values())

    async def refresh(self) -> tuple[ListState, ...]:
        """Ask every source once; where one fails, its last good list stays in force."""
        for source, before in tuple(self._states.items()):
            try:
                content = await self._read(source)
                state = await self._threads.run(self._lists.put, source, content)
                self._states[source] = replace(state, fetched_at=self._clock.now())
            except DepeshaError as error:
                self._observer.trouble("revocation", error.code)
                self._states[source] = replace(before, problem=error.public)
        return self.states()

    async def run(self) -> None:
        """Refresh for ever; end it by cancelling."""
        while True:
            states = await self.refresh()
            failed = any(state.problem for state in states)
            await self._clock.sleep((self._again if failed else self._every).total_seconds())

    async def _read(self, source: str) -> bytes:
        if source.startswith(("http://", "https://")):
            return await self._fetch(source)
        return await self._threads.run(_read_file, Path(source))


def _read_file(path: Path) -> bytes:
    try:
        if path.stat().st_size > LIST_BYTES:
            raise TooLargeError("a revocation list is too large")
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"the revocation list {path.name} cannot be read") from error


class HttpListFetcher:
    """`FetchList` over HTTP. Plain http is usual here: the list itself is signed."""

    def __init__(self, session: aiohttp.ClientSession, *, seconds: float = FETCH_SECONDS) -> None:
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=seconds)

    async def __call__(self, address: str) -> bytes:
        """Return the list's bytes; raise `UnreachableError`, `PeerError` or `TooLargeError`."""
        try:
            async with self._session.get(address, timeout=self._timeout) as answer:
                if answer.status != HTTPStatus.OK:
                    raise PeerError("a revocation list was refused by its server")
                return await _limited(answer)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UnreachableError("a revocation list's server cannot be reached") from error


async def _limited(answer: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for piece in answer.content.iter_chunked(64 * 1024):
        content += piece
        if len(content) > LIST_BYTES:
            raise TooLargeError("a revocation list is too large")
    return bytes(content)
