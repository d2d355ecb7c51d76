"""Back-ups of one installation: what belongs to it, made, looked at, thinned out. Blocking.

They are made by a process of their own, beside the gateway or without it.
"""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from depesha import __version__
from depesha.adapters.keys import load_key_pair, load_or_create_seal_key
from depesha.adapters.sealed_keys import seal_keys
from depesha.adapters.system import SystemClock
from depesha.app.memory import shared
from depesha.config.secret import secret
from depesha.errors import ConfigurationError, DepeshaError, EvidenceError
from depesha.queue.backup import BackupMaker, Origin, Progress
from depesha.queue.backup_reading import Verified, verify_backup
from depesha.queue.backup_shelf import Shelf
from depesha.queue.blobs import disk, sync_file, sync_folder
from depesha.queue.db import FILE_NAME
from depesha.schemas.backup import Keeping, Manifest
from depesha.schemas.evidence import sha256
from depesha.schemas.journal import SealKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from depesha.config import Settings

NUMBERS = "numbers.log"
"""The built-in registry's file only grows: it is copied after the database, which refers to it."""
SETTINGS, TOKENS, KEYS = "config/depesha.toml", "config/tokens.json", "keys/sealed"
STANDING = "backup.json"
"""Beside the store: when the last back-up ended, and how."""
TAR = ".tar"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a back-up came to."""

    manifest: Manifest
    gone: tuple[str, ...] = ()
    """Earlier ones that were taken away."""


def seal_key(settings: Settings) -> SealKey:
    """Return the key that seals; a back-up never makes one, for it would prove nothing."""
    if not settings.seal.key.is_file():
        raise ConfigurationError(
            f"there is no seal key at {settings.seal.key}",
            remedy="start the gateway once, or put the key back",
        )
    return SealKey(load_or_create_seal_key(settings.seal.key))


def postgres_of(settings: Settings) -> str:
    """Return the address of the database where it is PostgreSQL, else an empty text; a secret."""
    return secret(env=settings.store.postgres_env, file=settings.store.postgres_file) or ""


def check_there(settings: Settings) -> None:
    """Raise `ConfigurationError` where a command would begin an empty store by looking at it."""
    if not shared(settings) and not (settings.store.folder / FILE_NAME).is_file():
        raise ConfigurationError(
            f"{settings.store.folder} holds no store", remedy="check [store] folder, or restore one"
        )


def make(
    settings: Settings,
    to: Path,
    *,
    keeping: Keeping,
    passphrase: str | None,
    progress: Progress,
) -> Made:
    """Make a back-up into a folder of back-ups, or as one `.tar` file; raises `DepeshaError`.

    How it ended is written beside the store, so that an operator is told of a failure (BKP-06).
    """
    clock = SystemClock()
    standing = settings.store.folder.with_name(f"{settings.store.folder.name}.{STANDING}")
    try:
        made = _made(settings, to, keeping=keeping, passphrase=passphrase, progress=progress)
    except DepeshaError as error:
        _note(standing, {"at": clock.now().isoformat(), "ended": error.code})
        raise
    ended = "damaged" if made.manifest.damaged else "ok"
    at = clock.now().isoformat()
    _note(standing, {"at": at, "ended": ended, "name": made.manifest.name, "to": str(to)})
    return made


def _made(
    settings: Settings,
    to: Path,
    *,
    keeping: Keeping,
    passphrase: str | None,
    progress: Progress,
) -> Made:
    origin = _origin(settings, passphrase)
    key, clock = seal_key(settings), SystemClock()
    if to.suffix == TAR:
        with _written(to) as folder:
            return Made(manifest=BackupMaker(origin, Shelf(folder), key, clock, progress).make())
    shelf = Shelf(to)
    manifest = BackupMaker(origin, shelf, key, clock, progress).make()
    with shelf.held():
        return Made(manifest=manifest, gone=shelf.thin(keeping))


def verify(settings: Settings | None, place: Path, name: str, progress: Progress) -> Verified:
    """Look at every byte of a back-up; raises `EvidenceError` where its manifest does not hold."""
    keys = () if settings is None else (seal_key(settings).public,)
    with opened(place) as shelf:
        return verify_backup(shelf, name or shelf.newest(), progress, keys)


@contextmanager
def opened(place: Path) -> Iterator[Shelf]:
    """A folder of back-ups, or a `.tar` of one, unpacked beside it for as long as it is needed."""
    if not place.is_file():
        yield Shelf(place)
        return
    folder = place.with_name(f".{place.name}.open-{os.getpid()}")
    try:
        with disk():
            folder.mkdir(mode=0o700)
        try:
            with disk(), tarfile.open(place) as packed:
                _unpack(packed, folder)
        except tarfile.TarError:
            raise EvidenceError(f"{place.name} is no whole back-up") from None
        yield Shelf(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unpack(packed: tarfile.TarFile, folder: Path) -> None:
    """Write plain files and folders below `folder`; raise `EvidenceError` for anything else.

    By hand: Debian 12's Python has no `filter` for it yet, and a back-up may come from anywhere.
    """
    for member in packed:
        place = Path(os.path.normpath(folder / member.name))
        if not (place == folder or folder in place.parents) or not (
            member.isdir() or member.isreg()
        ):
            raise EvidenceError("the file holds what no back-up holds")
        if member.isdir():
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            continue
        content = packed.extractfile(member)
        if content is None:
            raise EvidenceError("the file is no whole back-up")
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with content, place.open("xb") as file:
            shutil.copyfileobj(content, file)


@contextmanager
def _written(file: Path) -> Iterator[Path]:
    """A folder that becomes a `.tar` at the end, under its name only when it is whole."""
    if file.exists():
        raise ConfigurationError(f"{file} exists", remedy="name a new file for each back-up")
    folder = file.with_name(f".{file.name}.making-{os.getpid()}")
    packed = folder.with_suffix(".packed")
    try:
        yield folder
        with disk():
            with tarfile.open(packed, "x") as tar:
                tar.add(folder, arcname=".")
            packed.chmod(0o600)
            sync_file(packed)
            packed.rename(file)
            sync_folder(file.parent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        packed.unlink(missing_ok=True)


def _origin(settings: Settings, passphrase: str | None) -> Origin:
    keys = settings.keys
    pair = load_key_pair(keys.key, keys.certificate, password_variable=keys.key_password_env)
    further = {SETTINGS: Path(settings.file).read_bytes()}
    if settings.registry.tokens.is_file():
        further[TOKENS] = settings.registry.tokens.read_bytes()
    if passphrase is not None:
        files = (keys.key, keys.certificate, settings.seal.key, settings.console.key)
        further[KEYS] = seal_keys(dict.fromkeys(files), passphrase)
    return Origin(
        folder=settings.store.folder,
        version=__version__,
        participant=settings.participant.identifier,
        certificate=sha256(pair.certificate_der),
        grows=frozenset({NUMBERS}),
        further=further,
        postgres=postgres_of(settings),
    )


def _note(file: Path, told: dict[str, str]) -> None:
    """Write how it ended; a disk that takes no note has more to say elsewhere."""
    beside = file.with_name(f".{file.name}")
    with disk():
        beside.write_text(json.dumps(told) + "\n", "utf-8")
        beside.replace(file)


def without(manifest: Manifest) -> Manifest:
    """Return a manifest for people: without its long lists."""
    return replace(manifest, parts=(), blobs=())
