"""Bearer tokens of the registry API: made, listed, revoked and judged. Holds hashes, no secrets.

A token's secret is drawn from at least 192 bits of chance by the `IdSource`, so it cannot be
guessed or found by trying; a plain SHA-256 of it is therefore the right thing to keep. (Slow
password hashes protect secrets that people choose. They would only cost time on each call.)
The methods that touch the file block; call them from worker threads. `authenticate` does not.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import re
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from depesha.errors import ConfigurationError, ConflictError, StorageError, UnknownMessageError
from depesha.schemas.tokens import Scope, Token

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from depesha.ports import Clock, IdSource

__all__ = ["Attempts", "Scope", "Token", "TokenStore", "sync_folder"]

PREFIX = "dep_"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_NOBODY = hashlib.sha256(b"").hexdigest()
_WRITABLE_BY_OTHERS = 0o022
_ID_CHARACTERS = 12
_LONGEST = 512
"""Characters of a presented token that are looked at; ours have about 60."""


@dataclass(frozen=True, slots=True)
class _Entry:
    token: Token
    sha256: str


_Stamp = tuple[int, int, int]


class TokenStore:
    """All tokens of one gateway in one JSON file, read again when it changes."""

    def __init__(self, path: Path, clock: Clock, ids: IdSource) -> None:
        self._path = path
        self._clock = clock
        self._ids = ids
        self._stamp: _Stamp | None = None
        self._entries: dict[str, _Entry] = {}
        self._uses: dict[str, date] = {}
        self._looked: float | None = None

    # --- judging; never blocks ---

    def due(self, seconds: float) -> bool:
        """Tell whether `reload` was not called for so long; if so, the caller now must."""
        now = self._clock.monotonic()
        if self._looked is not None and now - self._looked < seconds:
            return False
        self._looked = now
        return True

    def still_valid(self, token: Token) -> bool:
        """Tell whether a token judged before may still be used (long streams)."""
        entry = self._entries.get(token.id)
        return entry is not None and entry.token.valid(self._clock.now())

    def authenticate(self, presented: str) -> Token | None:
        """Return the valid token with this secret, or None. Constant time in the secret."""
        if len(presented) > _LONGEST:
            return None
        identity = presented.removeprefix(PREFIX).partition(".")[0]
        entry = self._entries.get(identity)
        expected = entry.sha256 if entry is not None else _NOBODY
        found = hashlib.sha256(presented.encode("utf-8", "replace")).hexdigest()
        same = hmac.compare_digest(found, expected)
        now = self._clock.now()
        if entry is None or not same or not entry.token.valid(now):
            return None
        self._uses[identity] = now.date()
        return entry.token

    def has_unsaved_uses(self) -> bool:
        """Tell whether some token was used on a day that the file does not know."""
        return any(
            entry.token.last_used != day
            for identity, day in self._uses.items()
            if (entry := self._entries.get(identity)) is not None
        )

    # --- the file; blocks ---

    def reload(self) -> None:
        """Read the file if it changed. On failure no token is valid any more (fail closed)."""
        try:
            stamp = self._look()
            if stamp == self._stamp:
                return
            self._entries = self._read()
        except ConfigurationError:
            self._entries, self._stamp = {}, None
            raise
        self._stamp = stamp

    def create(
        self, name: str, scopes: Sequence[Scope], expires_at: datetime | None = None
    ) -> tuple[Token, str]:
        """Make a token; return it with its secret, which is shown this once only.

        Raises `ConflictError` for a name that was ever given, `ConfigurationError` for a bad
        name, no scopes or an end in the past.
        """
        now = self._clock.now()
        if _NAME.fullmatch(name) is None:
            raise ConfigurationError("a token's name is made of letters, digits, _ and -")
        if not scopes:
            raise ConfigurationError("a token needs at least one scope")
        if expires_at is not None and expires_at <= now:
            raise ConfigurationError("a token must expire in the future")
        with self._locked() as entries:
            if any(entry.token.name == name for entry in entries.values()):
                raise ConflictError("a token of this name exists or existed")
            identity = self._ids.guid().replace("-", "")[-_ID_CHARACTERS:]
            if identity in entries:
                raise StorageError("two tokens drew the same identity; try again")
            secret = f"{PREFIX}{identity}.{self._ids.secret()}"
            token = Token(
                id=identity,
                name=name,
                scopes=frozenset(scopes),
                created_at=now,
                expires_at=expires_at,
            )
            entries[identity] = _Entry(token, hashlib.sha256(secret.encode()).hexdigest())
        return token, secret

    def tokens(self) -> tuple[Token, ...]:
        """List all tokens, revoked and expired ones included, in order of making."""
        self.reload()
        listed = (entry.token for entry in self._entries.values())
        return tuple(sorted(listed, key=lambda token: (token.created_at, token.name)))

    def revoke(self, name: str) -> Token:
        """Make a token useless from now on; safe to repeat. Raises `UnknownMessageError`."""
        with self._locked() as entries:
            for identity, entry in entries.items():
                if entry.token.name == name:
                    gone = entry.token
                    if gone.revoked_at is None:
                        gone = replace(gone, revoked_at=self._clock.now())
                    entries[identity] = _Entry(gone, entry.sha256)
                    return gone
            raise UnknownMessageError("no token has this name")

    def save_uses(self) -> None:
        """Write down on which day each token was last used; at most once a day each."""
        uses = dict(self._uses)
        with self._locked() as entries:
            for identity, day in uses.items():
                entry = entries.get(identity)
                if entry is not None:
                    entries[identity] = _Entry(replace(entry.token, last_used=day), entry.sha256)

    @contextmanager
    def _locked(self) -> Iterator[dict[str, _Entry]]:
        """Hold the file against other processes, give its entries, write them if all went well."""
        lock_path = self._path.with_name(self._path.name + ".lock")
        try:
            lock = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError("the token file cannot be locked") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._look()
            entries = self._read()
            yield entries
            self._write(entries)
            self._entries, self._stamp = entries, self._look()
        finally:
            os.close(lock)

    def _look(self) -> _Stamp | None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigurationError("the token file cannot be looked at") from error
        if status.st_mode & _WRITABLE_BY_OTHERS:
            raise ConfigurationError("the token file can be written by others: chmod 600")
        return (status.st_mtime_ns, status.st_ino, status.st_size)

    def _read(self) -> dict[str, _Entry]:
        try:
            raw = self._path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConfigurationError("the token file cannot be read") from error
        try:
            entries = (_entry(item) for item in json.loads(raw)["tokens"])
            return {entry.token.id: entry for entry in entries}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigurationError("the token file is damaged") from error

    def _write(self, entries: dict[str, _Entry]) -> None:
        document = {"version": 1, "tokens": [_item(entry) for entry in entries.values()]}
        data = json.dumps(document, indent=1).encode()
        fresh = self._path.with_name(self._path.name + ".new")
        try:
            fresh.unlink(missing_ok=True)
            target = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(target, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
            sync_folder(self._path.parent)
        except OSError as error:
            raise StorageError("the token file cannot be written") from error


def sync_folder(folder: Path) -> None:
    """Make a folder's entries durable; raise `OSError`."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _item(entry: _Entry) -> dict[str, Any]:
    token = entry.token
    return {
        "id": token.id,
        "name": token.name,
        "sha256": entry.sha256,
        "scopes": sorted(token.scopes),
        "created_at": token.created_at.isoformat(),
        "expires_at": token.expires_at.isoformat() if token.expires_at else None,
        "revoked_at": token.revoked_at.isoformat() if token.revoked_at else None,
        "last_used": token.last_used.isoformat() if token.last_used else None,
    }


def _entry(item: dict[str, Any]) -> _Entry:
    def moment(name: str) -> datetime | None:
        return datetime.fromisoformat(item[name]) if item[name] else None

    token = Token(
        id=str(item["id"]),
        name=str(item["name"]),
        scopes=frozenset(Scope(scope) for scope in item["scopes"]),
        created_at=datetime.fromisoformat(item["created_at"]),
        expires_at=moment("expires_at"),
        revoked_at=moment("revoked_at"),
        last_used=date.fromisoformat(item["last_used"]) if item["last_used"] else None,
    )
    return _Entry(token, str(item["sha256"]))


class Attempts:
    """Counts wrong tokens by address, in bounded memory.

    It protects the gateway's work and its log, not the tokens, which cannot be guessed. So a
    valid token always passes, whatever a neighbour behind the same address does.
    """

    def __init__(self, clock: Clock, *, limit: int, window: float, addresses: int) -> None:
        self._clock = clock
        self._limit = limit
        self._window = window
        self._addresses = addresses
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def failed(self, address: str) -> float:
        """Count one failure; return the seconds to wait, zero while under the limit."""
        now = self._clock.monotonic()
        since, count = self._seen.pop(address, (now, 0))
        if now - since >= self._window:
            since, count = now, 0
        self._seen[address] = (since, count + 1)
        while len(self._seen) > self._addresses:
            self._seen.popitem(last=False)
        return self._window - (now - since) if count >= self._limit else 0.0
