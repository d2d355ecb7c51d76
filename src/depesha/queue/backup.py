"""Makes a back-up of the memory while the gateway runs: database, blobs, refused bytes, state.

The database is read through a second connection that only reads: in a log-keeping database no
reader ever keeps the writer waiting, and one open snapshot makes the copy that of one moment,
whatever is written meanwhile. Order is everything: state files first (pollers that begin too early
meet what is known), then blobs, then the database, then the blobs that came meanwhile, then files
that only grow. It never writes into the store.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import apsw

from depesha.errors import ConfigurationError, StorageError
from depesha.ports import Clock
from depesha.queue.backup_shelf import DamagedError, Shelf
from depesha.queue.blobs import disk
from depesha.queue.db import FILE_NAME, LOCK_NAME
from depesha.queue.sqlite_lane import storage_error
from depesha.schemas.backup import (
    Manifest,
    Part,
    backup_name,
    manifest_bytes,
    sign_manifest,
)
from depesha.schemas.evidence import GENESIS
from depesha.schemas.ids import Digest
from depesha.schemas.journal import SealKey

DATABASE, STATE, QUARANTINE = "depesha.db", "state/", "quarantine/"
_PAGES = 2_000
"""Copied between two words of progress: about 8 MB."""
_ORIGINALS = "SELECT DISTINCT unhex(original) FROM messages WHERE original NOT LIKE 'destroyed:%'"
_REFERRED = "SELECT DISTINCT digest FROM blob_refs"
_KEYS = "SELECT digest FROM quarantine ORDER BY digest"
_SCHEMA = "SELECT max(number) FROM migrations"
_HEAD = "SELECT sequence, hash FROM evidence ORDER BY sequence DESC LIMIT 1"

Progress = Callable[[str, int, int], None]
"""What is being done, how much of it is done, and how much there is."""


def _silent(_what: str, _done: int, _all: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Whose store is backed up, and what lies outside of it."""

    folder: Path
    version: str
    participant: str
    certificate: str = ""
    """SHA-256 of the gateway's certificate."""
    grows: frozenset[str] = frozenset()
    """State files that are only appended to: copied after the database, which refers to them."""
    further: Mapping[str, bytes] = field(default_factory=dict)
    """Further parts: settings, hashes of tokens, sealed keys; path → bytes."""
    postgres: str = field(default="", repr=False)
    """Address of the database where it is PostgreSQL; a secret."""


class BackupMaker:
    """Makes one back-up after the other into a shelf. Blocking; safe beside a running gateway."""

    def __init__(
        self, origin: Origin, shelf: Shelf, key: SealKey, clock: Clock, progress: Progress = _silent
    ) -> None:
        self._origin = origin
        self._shelf = shelf
        self._key = key
        self._clock = clock
        self._progress = progress

    def make(self) -> Manifest:
        """Make a back-up; raises `DepeshaError`, and then nothing looks like one.

        Damaged blobs do not stop it, for what is whole must be saved: the manifest names them.
        """
        with self._shelf.held():
            at = self._clock.now()
            name = backup_name(at)
            with self._shelf.making(name) as making:
                manifest = self._made(_Round(self._shelf, making), name)
                data = manifest_bytes(manifest)
                self._shelf.finish(name, making, data, sign_manifest(data, self._key))
        return manifest

    def _made(self, round_: _Round, name: str) -> Manifest:
        folder = self._origin.folder
        copy = round_.making / DATABASE
        if not self._origin.postgres and not (folder / FILE_NAME).is_file():
            raise ConfigurationError(f"{folder} holds no store", remedy="check [store] folder")
        round_.state(folder, lambda file: file not in self._origin.grows)
        at = self._database(round_, copy)
        with reading(copy) as snapshot:
            self._blobs(round_, _referred(snapshot))
            schema = int(_one(snapshot, _SCHEMA)[0])
            sequence, chain = snapshot.execute(_HEAD).fetchone() or (0, GENESIS)
            sealed = [str(row[0]) for row in snapshot.execute(_KEYS)]
        for one in sealed:
            round_.part(folder / "quarantine" / one, QUARANTINE + one)
        round_.part(copy, DATABASE)
        round_.state(folder, lambda file: file in self._origin.grows)
        for path, content in self._origin.further.items():
            round_.further(content, path)
        return Manifest(
            name=name,
            at=at,
            version=self._origin.version,
            schema=schema,
            participant=self._origin.participant,
            seal=self._key.public,
            certificate=self._origin.certificate,
            sequence=int(sequence),
            chain=Digest(str(chain)),
            parts=tuple(sorted(round_.parts, key=lambda part: part.path)),
            blobs=tuple(sorted((d, round_.blobs[d]) for d in round_.needed if d in round_.blobs)),
            missing=tuple(sorted(round_.needed - round_.blobs.keys() - round_.damaged)),
            damaged=tuple(sorted(round_.damaged & round_.needed)),
        )

    def _database(self, round_: _Round, copy: Path) -> datetime:
        """Copy the database; return the moment at which its knowledge ends, or one before."""
        if self._origin.postgres:
            # Its driver is large, and most back-ups need none.
            from depesha.queue.backup_postgres import copy_postgres  # noqa: PLC0415 - as said

            at = self._clock.now()
            copy_postgres(self._origin.postgres, copy, at, self._progress)
            return at
        with _reading(self._origin.folder / FILE_NAME) as live:
            self._blobs(round_, _referred(live))
            at = self._clock.now()
            self._copy(live, copy)
        return at

    def _blobs(self, round_: _Round, digests: frozenset[Digest]) -> None:
        """Copy what is not copied yet; the last call says what is needed at all."""
        round_.needed = digests
        folder = self._origin.folder / "blobs"
        for done, one in enumerate(sorted(digests - round_.blobs.keys())):
            if done % 100 == 0:
                self._progress("blobs", done, len(digests))
            round_.blob(folder / one[:2] / one, one)
        self._progress("blobs", len(digests), len(digests))

    def _copy(self, live: apsw.Connection, copy: Path) -> None:
        """Copy the database as of one moment, a piece at a time.

        The source's open transaction keeps its snapshot: without it every commit of the gateway
        would make the copy begin anew.
        """
        try:
            target = apsw.Connection(str(copy))
            try:
                target.execute("PRAGMA synchronous = OFF")
                live.execute("BEGIN")
                live.execute(_HEAD).fetchall()
                with target.backup("main", live, "main") as copying:
                    while not copying.done:
                        copying.step(_PAGES)
                        pages = copying.page_count
                        self._progress("database", pages - copying.remaining, pages)
                live.execute("COMMIT")
                target.execute("PRAGMA journal_mode = DELETE").fetchall()
            finally:
                target.close()
        except apsw.Error as error:
            raise storage_error(error) from None


@dataclass(slots=True)
class _Round:
    """What one back-up holds so far."""

    shelf: Shelf
    making: Path
    parts: list[Part] = field(default_factory=list)
    blobs: dict[Digest, int] = field(default_factory=dict)
    damaged: set[Digest] = field(default_factory=set)
    needed: frozenset[Digest] = frozenset()

    def part(self, file: Path, path: str) -> None:
        """Copy a file; one that is gone by now is left out (shredded, replaced)."""
        try:
            name, size = self.shelf.put(file, self.making)
        except FileNotFoundError:
            return
        self.parts.append(Part(path=path, size=size, digest=name))

    def further(self, content: bytes, path: str) -> None:
        """Keep bytes under a path."""
        name, size = self.shelf.put_bytes(content, self.making)
        self.parts.append(Part(path=path, size=size, digest=name))

    def blob(self, file: Path, name: Digest) -> None:
        """Copy a blob; what is gone stands among the missing, what is damaged is named."""
        try:
            self.blobs[name] = self.shelf.put(file, self.making, name)[1]
        except FileNotFoundError:
            return
        except DamagedError:
            self.damaged.add(name)

    def state(self, folder: Path, wanted: Callable[[str], bool]) -> None:
        """Copy the small files that lie beside the database."""
        with disk():
            files = sorted(one for one in folder.iterdir() if _is_state(one))
        for file in files:
            if wanted(file.name):
                self.part(file, STATE + file.name)


def _is_state(file: Path) -> bool:
    """Tell a state file of a network or a register from database, locks, sockets, new ones."""
    if file.name == LOCK_NAME or file.name.startswith((FILE_NAME, ".")):
        return False
    return file.suffix != ".new" and stat.S_ISREG(file.lstat().st_mode)


class _Closing:
    """A connection for a `with`."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> apsw.Connection:
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def _reading(path: Path) -> _Closing:
    """Open a database that another process may be writing; only to read."""
    return _opened(str(path), apsw.SQLITE_OPEN_READONLY)


def reading(path: Path) -> _Closing:
    """Open a database that nobody writes, leaving no trace beside it."""
    uri = f"{path.absolute().as_uri()}?immutable=1"
    return _opened(uri, apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)


def _opened(name: str, flags: int) -> _Closing:
    try:
        connection = apsw.Connection(name, flags=flags)
        connection.set_busy_timeout(5000)
        for setting in ("query_only = ON", "trusted_schema = OFF"):
            connection.execute(f"PRAGMA {setting}").fetchall()
        _one(connection, _SCHEMA)
    except apsw.Error as error:
        raise storage_error(error) from None
    return _Closing(connection)


def _one(connection: apsw.Connection, statement: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = connection.execute(statement).fetchone()
    if row is None or row[0] is None:
        raise StorageError("the database is not one of this program's")
    return row


def _referred(connection: apsw.Connection) -> frozenset[Digest]:
    """Return every digest that a stored row needs; not held open while files are copied."""
    try:
        return frozenset(_digests(connection.execute(_ORIGINALS))) | frozenset(
            _digests(connection.execute(_REFERRED))
        )
    except apsw.Error as error:
        raise storage_error(error) from None


def _digests(rows: Iterable[tuple[bytes]]) -> Iterator[Digest]:
    for row in rows:
        if row[0] is None:
            raise StorageError("a digest in the store cannot be read")
        yield Digest(row[0].hex())
