"""`Accounts` and `Sessions` in memory, over the same tables as the other doubles."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from depesha.adapters.memory.state import MemoryState
from depesha.errors import ConflictError, UnknownMessageError
from depesha.schemas.ids import Digest
from depesha.schemas.message import NewEvidence
from depesha.schemas.people import Account, Person, PersonChange, Session


class MemoryAccounts:
    """`Accounts` over a `MemoryState`."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    async def add(self, change: PersonChange) -> Person:
        """See `Accounts.add`."""
        self._check_subject(change.person.account)
        if change.person.login in self._state.people:
            raise ConflictError("an account of this name exists or existed")
        return self._keep(replace(change.person, version=1), change)

    async def change(self, change: PersonChange) -> Person:
        """See `Accounts.change`."""
        person = change.person
        before = self._state.people.get(person.login)
        if before is None:
            raise UnknownMessageError("there is no such account")
        self._check_subject(person.account)
        if before.version != person.version:
            raise ConflictError("the account was changed meanwhile; try again")
        if change.ends_sessions:
            sessions = self._state.sessions.values()
            for token in [s.token for s in sessions if s.login == person.login]:
                del self._state.sessions[token]
        return self._keep(replace(person, version=person.version + 1), change)

    async def find(self, login: str) -> Person | None:
        """See `Accounts.find`."""
        return self._state.people.get(login)

    async def by_subject(self, subject: str) -> Person | None:
        """See `Accounts.by_subject`."""
        if not subject:
            return None
        people = self._state.people.values()
        return next((p for p in people if p.account.subject == subject), None)

    async def list(self, after: str, limit: int) -> tuple[Account, ...]:
        """See `Accounts.list`."""
        logins = sorted(login for login in self._state.people if login > after)
        return tuple(self._state.people[login].account for login in logins[:limit])

    async def stood_in_for(self, login: str) -> tuple[Account, ...]:
        """See `Accounts.stood_in_for`."""
        accounts = (person.account for person in self._state.people.values())
        return tuple(
            sorted(
                (a for a in accounts if a.deputy is not None and a.deputy.login == login),
                key=lambda a: a.login,
            )
        )

    def _keep(self, person: Person, change: PersonChange) -> Person:
        self._state.people[person.login] = person
        self._state.append(change.evidence)
        return person

    def _check_subject(self, account: Account) -> None:
        people = self._state.people.values()
        if account.subject and any(
            p.account.subject == account.subject and p.login != account.login for p in people
        ):
            raise ConflictError("another account has this subject")


class MemorySessions:
    """`Sessions` over a `MemoryState`."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    async def open(
        self, session: Session, evidence: NewEvidence | None, replaces: Digest | None = None
    ) -> None:
        """See `Sessions.open`."""
        if replaces is not None and replaces not in self._state.sessions:
            raise ConflictError("the session to be replaced has ended")
        if replaces is not None:
            del self._state.sessions[replaces]
        self._state.sessions[session.token] = session
        if evidence is not None:
            self._state.append(evidence)

    async def find(self, token: Digest) -> Session | None:
        """See `Sessions.find`."""
        return self._state.sessions.get(token)

    async def touch(self, token: Digest, at: datetime) -> None:
        """See `Sessions.touch`."""
        session = self._state.sessions.get(token)
        if session is not None:
            seen = max(session.seen_at, at)
            self._state.sessions[token] = replace(session, seen_at=seen)

    async def end(self, token: Digest, evidence: NewEvidence | None = None) -> bool:
        """See `Sessions.end`."""
        ended = self._state.sessions.pop(token, None) is not None
        if ended and evidence is not None:
            self._state.append(evidence)
        return ended

    async def of(self, login: str) -> tuple[Session, ...]:
        """See `Sessions.of`."""
        found = (s for s in self._state.sessions.values() if s.login == login)
        return tuple(sorted(found, key=lambda one: (one.began_at, one.token)))

    async def sweep(self, seen_before: datetime, now: datetime) -> int:
        """See `Sessions.sweep`."""
        sessions = self._state.sessions.values()
        gone = [s.token for s in sessions if s.ends_at <= now or s.seen_at <= seen_before]
        for token in gone:
            del self._state.sessions[token]
        return len(gone)
