"""Is a back-up whole and true? Signature, every digest, the database, the evidence chain, seals.

It believes nothing that it did not read itself, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import apsw

from depesha.errors import EvidenceError, StorageError
from depesha.queue import statements as sql
from depesha.queue.backup import DATABASE, Progress, reading
from depesha.queue.backup_shelf import Shelf, digests_of
from depesha.queue.blobs import disk, file_digest
from depesha.queue.rows import record_of, seal_of
from depesha.queue.sqlite_lane import storage_error
from depesha.schemas.backup import Manifest, Part
from depesha.schemas.ids import Digest
from depesha.schemas.proof import ChainReader

_CHUNK = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was found in a back-up."""

    manifest: Manifest
    files: int
    lost: tuple[Digest, ...] = ()
    """Not there."""
    changed: tuple[Digest, ...] = ()
    """There, with other bytes."""
    rows: int = 0
    """Evidence rows that hold, in one chain, under seals that hold."""
    fault: str = ""
    """Of database, chain or seals; empty where they hold."""

    @property
    def whole(self) -> bool:
        """Everything holds."""
        return not (self.lost or self.changed or self.fault)


def verify_backup(
    shelf: Shelf,
    name: str,
    progress: Progress,
    keys: tuple[str, ...] = (),
    earlier_keys: tuple[str, ...] = (),
) -> Verified:
    """Look at every byte of a back-up.

    `keys` are believed for the manifest; seals also by `earlier_keys`. Raises `EvidenceError`
    where the manifest itself does not hold: then nothing can be said of the rest.
    """
    manifest = shelf.manifest(name, keys)
    wanted = sorted(set(digests_of(manifest)))
    lost, changed = [], []
    for done, one in enumerate(wanted):
        if done % 100 == 0:
            progress("files", done, len(wanted))
        place = shelf.place(one)
        if not place.is_file():
            lost.append(one)
            continue
        with disk():
            if file_digest(place) != one:
                changed.append(one)
    progress("files", len(wanted), len(wanted))
    rows, fault = 0, ""
    try:
        database = shelf.place(part_of(manifest, DATABASE).digest)
        rows = verify_database(database, manifest, progress, earlier_keys)
    except (StorageError, EvidenceError) as error:
        fault = error.public
    return Verified(
        manifest=manifest,
        files=len(wanted),
        lost=tuple(lost),
        changed=tuple(changed),
        rows=rows,
        fault=fault,
    )


def part_of(manifest: Manifest, path: str) -> Part:
    """Return a part by its path; raise `EvidenceError`."""
    for part in manifest.parts:
        if part.path == path:
            return part
    raise EvidenceError(f"the back-up has no {path}")


def verify_database(
    database: Path, manifest: Manifest, progress: Progress, earlier_keys: tuple[str, ...] = ()
) -> int:
    """Verify a copied database: its pages, the whole evidence chain, every seal.

    Return the number of evidence rows; raise `StorageError`, `EvidenceError`.
    """
    keys = (manifest.seal, *earlier_keys)
    if not database.is_file():
        raise StorageError("the database is not there")
    try:
        with reading(database) as connection:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()
            if found is None or found[0] != "ok":
                raise StorageError("the database is damaged")
            rows = _verify_chain(connection, keys, progress)
    except apsw.Error as error:
        raise storage_error(error) from None
    if rows != manifest.sequence:
        raise EvidenceError("the database has other evidence than the manifest says")
    return rows


def _verify_chain(connection: apsw.Connection, keys: Collection[str], progress: Progress) -> int:
    reader, number = ChainReader(keys), 0
    total = (connection.execute(sql.HEAD).fetchone() or (0,))[0]
    while True:
        seals = connection.execute(sql.SEALS_AFTER, (number, _CHUNK)).fetchall()
        for row in seals:
            seal = seal_of(row)
            if seal is None:
                continue
            _read_to(connection, reader, seal.last)
            reader.seal(seal)
            number = seal.number
            progress("evidence", reader.sequence, total)
        if not seals:
            break
    _read_to(connection, reader, None)
    reader.end()
    progress("evidence", reader.sequence, total)
    return reader.sequence


def _read_to(connection: apsw.Connection, reader: ChainReader, last: int | None) -> None:
    while last is None or reader.sequence < last:
        limit = _CHUNK if last is None else min(_CHUNK, last - reader.sequence)
        rows = connection.execute(sql.WIRED_AFTER, (reader.sequence, limit)).fetchall()
        if not rows:
            return
        reader.rows([(record_of(row), _bytes(row[5])) for row in rows])


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""
