"""The outbox folder as files: what is complete, taking it aside, reading it, telling the outcome.

Blocking; call it from worker threads. Whoever writes there is not trusted: every step goes by
open folders and single names, never by paths, and follows no symbolic link.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from contextlib import contextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING, Any

from depesha.errors import StorageError, TooLargeError, WireError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

READY = ".ready"
JSON = ".json"
WORDS = "message.json"
WORK, DONE, REFUSED = "work", "done", "refused"
_OWN = frozenset({WORK, DONE, REFUSED})
ACCEPTED_RESULT, REFUSED_RESULT = ".accepted.json", ".refused.json"
_NAME = re.compile(r"(?!\.)[^/\\]+")
_LONGEST_BYTES = 200
"""Of a document's name: the results' endings and a number must still fit behind it."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MISSING = (errno.ENOENT, errno.ENOTDIR)


def plain_name(text: str) -> bool:
    """Tell whether a text is one name in a folder: no path, nothing hidden, nothing unseen."""
    return _NAME.fullmatch(text) is not None and text.isprintable()


def _document_name(text: str) -> bool:
    """Tell whether a document may be called so."""
    return (
        plain_name(text)
        and len(text.encode()) <= _LONGEST_BYTES
        and text not in _OWN
        and not text.endswith((".accepted", ".refused"))
    )


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            "the outbox folder cannot be worked in",
            remedy="look at its owner, permissions and space",
            errno=error.errno or 0,
        ) from error


class FolderFiles:
    """One look at the folder. It holds the folders open for as long as anybody uses it."""

    def __init__(self, root: Path, *, words_bytes: int) -> None:
        """`root` exists; `words_bytes` is the most that a document's JSON may have."""
        self._words_bytes = words_bytes
        self._fds: dict[str, int] = {}
        self.stuck: set[str] = set()
        """Names of what is complete and cannot be taken: unusable names, missing rights."""
        with _disk():
            self._fds[""] = self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            for name in (WORK, DONE, REFUSED):
                with suppress(FileExistsError):
                    os.mkdir(name, 0o770, dir_fd=self._root)
                self._fds[name] = os.open(name, _FOLDER, dir_fd=self._root)

    def __del__(self) -> None:
        # Not by a `close`: a look that is cancelled may leave a call running in its thread.
        for handle in self._fds.values():
            os.close(handle)

    # --- taking aside ---

    def claim(self) -> tuple[str, ...]:
        """Take what is complete aside; return the names of all that lies aside, in order.

        A document is moved whole before it is read, so that nothing changes under the reader and
        the way out of `work` is one renaming. Interrupted at any point, the next call goes on.
        """
        with _disk():
            for entry in sorted(os.listdir(self._root)):  # noqa: PTH208 -- of an open folder
                name = entry.removesuffix(READY)
                if name == entry:
                    continue
                if not _document_name(name) or not self._claimed(entry, name):
                    self.stuck.add(name)
            aside = os.listdir(self._fds[WORK])  # noqa: PTH208 -- the same
        return tuple(sorted(name for name in aside if name not in self.stuck))

    def _claimed(self, entry: str, name: str) -> bool:
        """Take one aside; False where it cannot be, so that the others are not kept waiting."""
        try:
            self._claim_one(entry, name)
        except OSError:
            return False
        return True

    def _claim_one(self, entry: str, name: str) -> None:
        if self._is_folder(self._root, entry):
            if not self._there(self._fds[WORK], name):
                os.rename(entry, name, src_dir_fd=self._root, dst_dir_fd=self._fds[WORK])
            return
        if self._there(self._root, name + JSON):
            if self._there(self._fds[WORK], name) and self._whole(name):
                return  # an earlier one of this name is not yet done
            self._gather(name)
        elif self._there(self._root, name):
            if self._there(self._fds[WORK], name):
                return
            os.rename(name, name, src_dir_fd=self._root, dst_dir_fd=self._fds[WORK])
        elif not self._there(self._fds[WORK], name):
            return  # said to be complete before it is there: perhaps it comes
        os.unlink(entry, dir_fd=self._root)

    def _gather(self, name: str) -> None:
        """Move the files that a `NAME.json` lists beside it, and last of all itself."""
        listed = self._listed(name + JSON)
        with suppress(FileExistsError):
            os.mkdir(name, 0o770, dir_fd=self._fds[WORK])
        place = os.open(name, _FOLDER, dir_fd=self._fds[WORK])
        try:
            for file in listed:
                if self._there(self._root, file) and not self._is_folder(self._root, file):
                    os.rename(file, file, src_dir_fd=self._root, dst_dir_fd=place)
            os.rename(name + JSON, WORDS, src_dir_fd=self._root, dst_dir_fd=place)
            os.fsync(place)
        finally:
            os.close(place)

    def _listed(self, file: str) -> list[str]:
        """The parts a JSON names; whatever is wrong with it is said when it is read whole."""
        try:
            words: Any = json.loads(self._read(self._root, file))
            parts = [entry["part"] for entry in words.get("files") or ()]
        except (WireError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return []
        return [
            part
            for part in parts
            if isinstance(part, str)
            and plain_name(part)
            and part not in _OWN
            and not part.endswith((READY, JSON))
        ]

    def _whole(self, name: str) -> bool:
        try:
            place = os.open(name, _FOLDER, dir_fd=self._fds[WORK])
        except OSError:
            return True
        try:
            return self._there(place, WORDS)
        finally:
            os.close(place)

    # --- reading ---

    def words(self, name: str) -> bytes:
        """Return the JSON of a document; raise `WireError`, or `StorageError`."""
        with self._document(name) as place:
            return self._read(place, WORDS)

    def names(self, name: str) -> tuple[str, ...]:
        """Return the names of a document's files, in order; its JSON is none of them."""
        with self._document(name) as place, _disk():
            entries = os.listdir(place)  # noqa: PTH208 -- of an open folder
        return tuple(sorted(entry for entry in entries if entry != WORDS))

    @contextmanager
    def content(self, name: str, file: str) -> Iterator[Iterator[bytes]]:
        """Give the bytes of one file in pieces; raise `WireError` where it is no plain file."""
        with self._document(name) as place:
            handle = _open(place, file)
            with os.fdopen(handle, "rb") as opened:
                yield iter(lambda: opened.read(1024 * 1024), b"")

    @contextmanager
    def _document(self, name: str) -> Iterator[int]:
        try:
            place = os.open(name, _FOLDER, dir_fd=self._fds[WORK])
        except OSError as error:
            if error.errno in {errno.ELOOP, errno.ENOTDIR}:
                raise WireError("the document is no folder but a link or a file") from None
            raise StorageError("a document in the outbox folder cannot be read") from error
        try:
            yield place
        finally:
            os.close(place)

    def _read(self, place: int, file: str) -> bytes:
        with os.fdopen(_open(place, file), "rb") as opened, _disk():
            data = opened.read(self._words_bytes + 1)
        if len(data) > self._words_bytes:
            raise TooLargeError(f"the document's JSON has more than {self._words_bytes} bytes")
        return data

    # --- the outcome ---

    def tell(self, name: str, ending: str, result: dict[str, Any]) -> None:
        """Write `NAME<ending>`, whole or not at all; an earlier outcome of the name goes."""
        data = json.dumps(result, ensure_ascii=False, indent=2).encode() + b"\n"
        fresh, final = f".{name}{ending}.new", name + ending
        other = REFUSED_RESULT if ending == ACCEPTED_RESULT else ACCEPTED_RESULT
        with _disk():
            with suppress(FileNotFoundError):
                os.unlink(fresh, dir_fd=self._root)
            with os.fdopen(os.open(fresh, _NEW, 0o640, dir_fd=self._root), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.rename(fresh, final, src_dir_fd=self._root, dst_dir_fd=self._root)
            with suppress(FileNotFoundError):
                os.unlink(name + other, dir_fd=self._root)
            os.fsync(self._root)

    def finish(self, name: str, where: str) -> None:
        """Move a document to `done` or `refused`, under a name that is free there."""
        target = self._fds[where]
        with _disk():
            free = next(n for n in self._numbered(name) if not self._there(target, n))
            os.rename(name, free, src_dir_fd=self._fds[WORK], dst_dir_fd=target)
            os.fsync(target)
            os.fsync(self._fds[WORK])

    @staticmethod
    def _numbered(name: str) -> Iterator[str]:
        yield name
        yield from (f"{name}-{number}" for number in count(2))

    @staticmethod
    def _there(place: int, name: str) -> bool:
        try:
            os.stat(name, dir_fd=place, follow_symlinks=False)
        except OSError as error:
            if error.errno in _MISSING:
                return False
            raise
        return True

    @staticmethod
    def _is_folder(place: int, name: str) -> bool:
        return stat.S_ISDIR(os.stat(name, dir_fd=place, follow_symlinks=False).st_mode)


def _open(place: int, file: str) -> int:
    """Open a plain file; anything else is no file of a document."""
    try:
        handle = os.open(file, _FILE, dir_fd=place)
    except OSError as error:
        if error.errno in {*_MISSING, errno.ELOOP, errno.ENXIO, errno.ENAMETOOLONG}:
            raise WireError("a file is missing, or is a link") from None
        raise StorageError("a file in the outbox folder cannot be read") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise WireError("something that is no file lies in the place of one")
    return handle
