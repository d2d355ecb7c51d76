"""The small built-in registry: numbers by a template, for an office that has no other (NUM-07).

It only counts. A number once returned stands for ever: it is on disk before anybody hears it,
and the same message gets the same number after any crash. It must never number anything by
itself: the gateway asks, and commits the number like that of any other registry (REG-04).

The file is append-only, one line a number, each with a checksum. A line torn by a crash was
never returned, so it is cut off and its serial given again: there are no gaps. The one exception
is a crash between the write and the answer; then the line is whole, and the same message finds it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import string
import threading
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from typing import TYPE_CHECKING

from depesha.adapters.registry.tokens import sync_folder
from depesha.errors import ConfigurationError, StorageError
from depesha.schemas.envelope import RegistrationNumber

if TYPE_CHECKING:
    from pathlib import Path

    from depesha.ports import Clock, IdSource
    from depesha.schemas.ids import MessageId

_FIELDS = frozenset({"index", "serial", "date", "year"})
_UUID7 = "7"
_UUID_VERSION_AT = 12
_MILLISECONDS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberTemplate:
    """How a number is written: index, serial, date of receipt (NUM-07)."""

    text: str = "{index}-{serial}/{date}"
    """Fields: index, serial (may have a width: `{serial:06}`), date, year."""
    index: str = "ВХ"
    """The registration index of incoming documents."""
    date_format: str = "%d.%m.%Y"
    yearly: bool = True
    """Serials begin anew with each year of receipt."""
    first: int = 1
    """The first serial, for an office that goes on from a paper register."""
    zone: tzinfo = UTC
    """Where a day begins and ends."""

    def __post_init__(self) -> None:
        try:
            parts = list(string.Formatter().parse(self.text))
        except ValueError as error:
            raise ConfigurationError("the template of numbers is not well formed") from error
        used = {name for _, name, _, _ in parts if name is not None}
        if not used <= _FIELDS:
            raise ConfigurationError("a template may use {index}, {serial}, {date} and {year}")
        if "serial" not in used:
            raise ConfigurationError("a template without {serial} gives every message one number")
        if self.yearly and not used & {"date", "year"}:
            raise ConfigurationError(
                "serials that begin anew each year need {date} or {year} in the template"
            )
        if self.first < 1:
            raise ConfigurationError("the first serial is at least 1")
        try:
            self.write(self.first, date(2026, 3, 3))
        except (ValueError, LookupError) as error:
            raise ConfigurationError("the template of numbers cannot be filled") from error

    def write(self, serial: int, day: date) -> str:
        """Return the number's text."""
        return self.text.format(
            index=self.index,
            serial=serial,
            date=day.strftime(self.date_format),
            year=day.strftime("%Y"),
        )


class BuiltinRegistry:
    """`ports.Numbers` over one append-only file that one process holds."""

    def __init__(self, path: Path, template: NumberTemplate, clock: Clock) -> None:
        """Open or create the file; raise `ConfigurationError` if held or damaged."""
        self._template = template
        self._clock = clock
        self._lock = threading.Lock()
        self._offsets: dict[int, int] = {}
        """Message id → where its line begins: about 150 bytes a number, whatever its length."""
        self._last: dict[int, int] = {}
        """Series (year, or 0) → last serial given."""
        self._end = 0
        self._torn = False
        """A line that the disk did not take whole may stand behind the end."""
        self._broken = False
        """A failed fsync: what the disk holds is unknown."""
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigurationError(
                "the file of the built-in registry cannot be opened"
            ) from error
        try:
            self._hold()
            self._load()
            sync_folder(path.parent)
        except OSError as error:
            os.close(self._file)
            raise ConfigurationError("the file of the built-in registry cannot be used") from error
        except ConfigurationError:
            os.close(self._file)
            raise

    def number_for(self, message_id: MessageId) -> RegistrationNumber:
        """Return the message's number, the same for ever. Blocks for one fsync.

        The date is the day of receipt, read from the message id, which begins with the time of
        its making. Raises `StorageError`; then nothing was given.
        """
        return self._given(message_id, 1)

    def skip(self, ids: IdSource, count: int, *, since: datetime) -> tuple[RegistrationNumber, ...]:
        """Never give the next `count` serials of any year from `since` to now.

        After a restore they may stand in others' books. Returns the last one of each year, which
        no message has. Raises `StorageError`.
        """
        return tuple(self._given(ids.message_id(), count, day) for day in self._days(since))

    def _days(self, since: datetime) -> tuple[date, ...]:
        """Return a day of every series in which numbers may have been given since."""
        zone = self._template.zone
        today = self._clock.now().astimezone(zone).date()
        if not self._template.yearly:
            return (today,)
        years = range(since.astimezone(zone).year, today.year)
        return (*(date(year, 12, 31) for year in years), today)

    def _given(
        self, message_id: MessageId, further: int, day: date | None = None
    ) -> RegistrationNumber:
        key = int(message_id, 16)
        with self._lock:
            if self._file < 0:
                raise StorageError("the built-in registry is closed")
            offset = self._offsets.get(key)
            if offset is not None:
                return self._read(offset)
            if self._broken:
                raise _unknown_disk()
            day = day or self._day(message_id)
            series = day.year if self._template.yearly else 0
            serial = self._last.get(series, self._template.first - 1) + further
            text = self._template.write(serial, day)
            self._append(_line(message_id, series, serial, text, day), key)
            self._last[series] = serial
            return RegistrationNumber(number=text, date=day)

    def close(self) -> None:
        """Let go of the file. Closing twice is safe."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def _day(self, message_id: MessageId) -> date:
        """The day of receipt; of now where the id does not tell (it is no UUIDv7)."""
        moment = self._clock.now()
        if message_id[_UUID_VERSION_AT] == _UUID7:
            milliseconds = int(message_id[:_UUID_VERSION_AT], 16)
            moment = datetime.fromtimestamp(milliseconds / _MILLISECONDS, UTC)
        return moment.astimezone(self._template.zone).date()

    def _hold(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigurationError("another process holds the built-in registry") from error

    def _load(self) -> None:
        with os.fdopen(os.dup(self._file), "rb") as file:
            file.seek(0)
            for raw in file:
                entry = _parse(raw)
                if entry is None:
                    if not _torn(raw) or file.read(1):
                        raise ConfigurationError("the file of the built-in registry is damaged")
                    break
                message, series, serial = entry
                self._offsets[message] = self._end
                self._last[series] = max(serial, self._last.get(series, 0))
                self._end += len(raw)
        # A torn last line was never returned to anybody.
        os.ftruncate(self._file, self._end)
        os.fsync(self._file)

    def _append(self, line: bytes, key: int) -> None:
        self._cut()
        self._torn = True
        try:
            done = 0
            while done < len(line):
                done += os.pwrite(self._file, line[done:], self._end + done)
        except OSError as error:
            self._cut()
            raise _not_taken(error) from error
        self._torn = False
        try:
            os.fsync(self._file)
        except OSError as error:
            # Nobody knows what the disk holds now: only a fresh start reads it anew.
            self._broken = True
            raise _unknown_disk() from error
        self._offsets[key] = self._end
        self._end += len(line)

    def _cut(self) -> None:
        """Take away a line that was not written whole: it was never returned to anybody.

        Where even that fails, the next call does it first. A line written over the rest of a
        longer one would be damage for every later start.
        """
        if not self._torn:
            return
        try:
            os.ftruncate(self._file, self._end)
        except OSError as error:
            raise _not_taken(error) from error
        self._torn = False

    def _read(self, offset: int) -> RegistrationNumber:
        with os.fdopen(os.dup(self._file), "rb") as file:
            file.seek(offset)
            item = json.loads(file.readline())
        return RegistrationNumber(number=item["number"], date=date.fromisoformat(item["date"]))


def _not_taken(error: OSError) -> StorageError:
    return StorageError(
        "the built-in registry could not write a number",
        remedy="look at the disk: space, permissions, health",
        errno=error.errno or 0,
    )


def _unknown_disk() -> StorageError:
    return StorageError(
        "the built-in registry does not know what its disk holds",
        remedy="check the disk, then restart the gateway: no number is given before",
    )


def _line(message_id: MessageId, series: int, serial: int, text: str, day: date) -> bytes:
    item: dict[str, str | int] = {
        "message": message_id,
        "series": series,
        "serial": serial,
        "number": text,
        "date": day.isoformat(),
    }
    check = hashlib.sha256(_canonical(item)).hexdigest()[:16]
    return _canonical(item | {"check": check}) + b"\n"


def _canonical(item: dict[str, str | int]) -> bytes:
    return json.dumps(item, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def _torn(raw: bytes) -> bool:
    """Tell a line that never reached the disk whole from one that was damaged there later."""
    return not raw.endswith(b"\n") or b"\0" in raw


def _parse(raw: bytes) -> tuple[int, int, int] | None:
    """Return message, series and serial of a whole line, or None."""
    if not raw.endswith(b"\n"):
        return None
    try:
        item = json.loads(raw)
        check = item.pop("check")
        if check != hashlib.sha256(_canonical(item)).hexdigest()[:16]:
            return None
        return int(item["message"], 16), int(item["series"]), int(item["serial"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
