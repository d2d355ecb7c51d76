"""How far the mailbox is read, what is to be looked at again, and what is left for a person.

One small file, written whole and synced before it replaces the old one. Only addresses, names and
subjects of mails left for a person stand in it, besides numbers.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from depesha.adapters.email.mailbox import Cursor
from depesha.errors import StorageError

LEFT_KEPT: Final = 1_000
"""Mails named in the list; all of them lie in the mailbox anyway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftMail:
    """A mail that no program may handle: it lies in the mailbox, unseen, for a person."""

    uid: int
    why: str
    """`UNSIGNED`, `SENDER_UNKNOWN`, `TOO_LARGE`, `UNREADABLE`, `REPORT_UNKNOWN`, `UNFETCHABLE` …"""
    at: datetime
    size: int
    message_id: str = ""
    sender: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """A mail to be looked at again: something on our side or on the way failed."""

    due_at: datetime
    tries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What is known of the mailbox between two looks."""

    validity: int = 0
    uid: int = 0
    again: dict[int, Again] = field(default_factory=dict)
    left: tuple[LeftMail, ...] = ()
    quiet: bool = False
    """The server numbered anew: old mails come again, and are not answered a second time."""

    @property
    def cursor(self) -> Cursor:
        """For the mailbox."""
        return Cursor(validity=self.validity, uid=self.uid)

    def renewed(self, validity: int) -> Places:
        """Begin anew under another numbering."""
        return Places(validity=validity, quiet=self.validity != 0)

    def done(self, uid: int) -> Places:
        """Note that a mail is handled."""
        again = {one: due for one, due in self.again.items() if one != uid}
        return replace(self, uid=max(self.uid, uid), again=again)

    def postponed(self, uid: int, again: Again) -> Places:
        """Note that a mail is to be looked at again."""
        return replace(self.done(uid), again={**self.again, uid: again})

    def cleared(self, uids: Collection[int]) -> Places:
        """Take mails off the list: a person has seen to them."""
        return replace(self, left=tuple(one for one in self.left if one.uid not in uids))

    def given_up(self, mail: LeftMail) -> Places:
        """Leave a mail to a person."""
        others = tuple(one for one in self.left if one.uid != mail.uid)
        return replace(self.done(mail.uid), left=(*others, mail)[-LEFT_KEPT:])


_PLACES: Final = TypeAdapter(Places)


class PlacesFile:
    """The file. Blocking: called from threads."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Places:
        """Read it; nothing there is a beginning. Raises `StorageError` where it is damaged."""
        try:
            return _PLACES.validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return Places()
        except (OSError, ValidationError) as error:
            raise StorageError(
                "the mailbox's own place cannot be read",
                remedy="remove the file: every mail is then looked at again, none is doubled",
            ) from error

    def save(self, places: Places) -> None:
        """Write it; on disk when this returns. Raises `StorageError`."""
        beside = self._path.with_suffix(".new")
        try:
            beside.touch(mode=0o600)
            with beside.open("wb") as file:
                file.write(_PLACES.dump_json(places))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise StorageError("the mailbox's own place cannot be written") from error
