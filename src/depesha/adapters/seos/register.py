"""The participants' register: fetched whole, the last good copy in memory and on disk (facts 10).

Look-ups never block and never fetch. A refresh that fails, or that would take away many
participants at once, changes nothing: yesterday's register is better than none (facts 15).
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from depesha.adapters.seos import book
from depesha.adapters.seos.client import Dialect
from depesha.adapters.seos.entries import read_register
from depesha.errors import ConflictError, DepeshaError, PeerError, StorageError
from depesha.schemas.participant import DirectoryState, Participant, ParticipantStatus
from depesha.schemas.wire.seos import REGISTER_WSDL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from depesha.adapters.seos.calling import Caller
    from depesha.adapters.seos.entries import RegisterCopy
    from depesha.ports import Clock, Observer, Threads
    from depesha.schemas.ids import Guid

ACTION: Final = "uri:egovmsg/GetAllRecords"
_FAILURE: Final = 500
FEW: Final = 5
"""So many deactivations at once are never a mass."""


class SeosRegister:
    """Asks the register for everything it holds."""

    def __init__(self, *, url: str, caller: Caller, threads: Threads) -> None:
        self._url = url
        self._caller = caller
        self._threads = threads
        self._lock = threading.Lock()
        self._call: bytes | None = None

    async def fetch(self) -> RegisterCopy:
        """Fetch and read all entries; raise `DepeshaError`. Safe to repeat."""
        call = await self._threads.run(self._write)
        body = await self._caller.post(self._url, ACTION, call)
        return await self._threads.run(read_register, body)

    async def ping(self, seconds: float) -> None:
        """Find out whether somebody answers there; raise `DepeshaError`. Fetches no entries.

        Any answer proves the connection, TLS and a server; only one that says "my fault" does not.
        """
        answer = await self._caller.look(self._url + "?wsdl", seconds)
        if answer.status >= _FAILURE:
            raise PeerError("the participants' register answers with a failure")

    async def close(self) -> None:
        """Close every connection."""
        await self._caller.close()

    def _write(self) -> bytes:
        """Write the call once: it is always the same."""
        with self._lock:
            if self._call is None:
                self._call = Dialect(REGISTER_WSDL).write("GetAllRecords")
            return self._call


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copy:
    """One good copy, ready for look-ups; replaced as a whole."""

    loaded_at: datetime | None
    by_guid: Mapping[Guid, Participant]
    by_identifier: Mapping[str, Participant]
    searchable: tuple[tuple[str, Participant], ...]


def _copy(participants: Iterable[Participant], loaded_at: datetime | None) -> _Copy:
    ordered = sorted(participants, key=_rank)
    by_identifier: dict[str, Participant] = {}
    for participant in ordered:
        by_identifier.setdefault(participant.identifier, participant)
    return _Copy(
        loaded_at=loaded_at,
        by_guid={participant.guid: participant for participant in ordered},
        by_identifier=by_identifier,
        searchable=tuple((f"{p.name} {p.identifier}".casefold(), p) for p in ordered),
    )


def _rank(participant: Participant) -> tuple[bool, str, str]:
    """Active ones first, then by name."""
    inactive = participant.status is not ParticipantStatus.ACTIVE
    return inactive, participant.name.casefold(), participant.identifier


class SeosDirectory:
    """`ports.Directory` over the register of SEOS."""

    def __init__(
        self,
        *,
        register: SeosRegister,
        threads: Threads,
        clock: Clock,
        observer: Observer,
        file: Path,
        max_deactivated: float = 0.2,
    ) -> None:
        """Start empty: `load` takes the copy in `file`, `refresh` fetches a new one.

        `max_deactivated` is the share of active participants that one refresh may take away.
        """
        self._register = register
        self._threads = threads
        self._clock = clock
        self._observer = observer
        self._file = file
        self._max_deactivated = max_deactivated
        self._copy = _copy((), None)
        self.version = 0
        """Grows with every copy that is taken."""
        self._last_error = ""
        self._refreshing = asyncio.Lock()

    def load(self) -> DirectoryState:
        """Take the copy on disk, if there is a good one. Blocks: called in a thread, at start."""
        try:
            stored = book.read(self._file)
        except StorageError as error:
            self._last_error = error.public
            self._observer.trouble("seos.register.file", error.code)
            return self.state()
        if stored is not None:
            self._take(_copy(stored.participants, stored.loaded_at))
        return self.state()

    def held(self) -> tuple[tuple[Participant, ...], datetime | None]:
        """Return all participants and when they were loaded, for another process."""
        copy = self._copy
        return tuple(copy.by_guid.values()), copy.loaded_at

    def _take(self, copy: _Copy) -> None:
        self._copy = copy
        self.version += 1

    def find(self, guid: Guid) -> Participant | None:
        """Return the participant with this register GUID."""
        return self._copy.by_guid.get(guid)

    def by_identifier(self, identifier: str) -> Participant | None:
        """Return the participant with this EIK; an active one before an inactive one."""
        return self._copy.by_identifier.get(identifier.strip())

    def search(self, words: str, limit: int) -> tuple[Participant, ...]:
        """Return participants whose name or identifier holds all the words, active ones first."""
        wanted = words.casefold().split()
        found: list[Participant] = []
        for text, participant in self._copy.searchable:
            if len(found) >= limit:
                break
            if all(word in text for word in wanted):
                found.append(participant)
        return tuple(found)

    def state(self) -> DirectoryState:
        """Tell how fresh the copy is."""
        copy = self._copy
        return DirectoryState(
            loaded_at=copy.loaded_at,
            participants=len(copy.by_guid),
            last_error=self._last_error,
        )

    async def refresh(self) -> DirectoryState:
        """Fetch the whole register; on failure the last good copy stays. Safe to repeat."""
        async with self._refreshing:
            try:
                fetched = await self._register.fetch()
                now = self._clock.now()
                fresh = await self._threads.run(self._merge, fetched, now)
            except DepeshaError as error:
                self._last_error = error.public
                self._observer.trouble("seos.register", error.code)
                return self.state()
            self._take(fresh)
            self._last_error = await self._keep(fresh)
            return self.state()

    async def _keep(self, fresh: _Copy) -> str:
        """Write the copy to disk; one that cannot be written serves from memory all the same."""
        if fresh.loaded_at is None:
            return ""
        kept = book.Book(loaded_at=fresh.loaded_at, participants=tuple(fresh.by_guid.values()))
        try:
            await self._threads.run(book.write, self._file, kept)
        except StorageError as error:
            self._observer.trouble("seos.register.file", error.code)
            return error.public
        return ""

    def _merge(self, fetched: RegisterCopy, now: datetime) -> _Copy:
        """Lay the new entries over the old: what is missing becomes inactive, serials are kept."""
        if not fetched.participants:
            raise ConflictError("the register's answer holds no usable participant")
        merged = dict(self._copy.by_guid)
        present = {participant.guid for participant in fetched.participants}
        for guid, old in self._copy.by_guid.items():
            if guid not in present:
                merged[guid] = replace(old, status=ParticipantStatus.INACTIVE)
        for new in fetched.participants:
            merged[new.guid] = _with_history(new, self._copy.by_guid.get(new.guid))
        self._judge_losses(merged)
        return _copy(merged.values(), now)

    def _judge_losses(self, merged: Mapping[Guid, Participant]) -> None:
        active = [p.guid for p in self._copy.by_guid.values() if _active(p)]
        lost = sum(not _active(merged[guid]) for guid in active)
        if lost > FEW and lost > self._max_deactivated * len(active):
            raise ConflictError(
                "the register would deactivate too many participants at once",
                remedy="check the register; then raise `register_max_deactivated` for one refresh",
                lost=lost,
            )


def _active(participant: Participant) -> bool:
    return participant.status is ParticipantStatus.ACTIVE


def _with_history(new: Participant, old: Participant | None) -> Participant:
    """Keep the serials a participant had before, newest first, the present one left out."""
    if old is None:
        return new
    seen = dict.fromkeys(s for s in (old.serial, *old.earlier_serials) if s is not None)
    return replace(new, earlier_serials=tuple(s for s in seen if s != new.serial))
