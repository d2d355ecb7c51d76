"""Accounts and sessions on SQLite. Every call is one function in one shared transaction.

Knows rows and keys; what may be done to an account is said in `gateway/people.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from depesha.errors import ConflictError, UnknownMessageError
from depesha.queue import people_statements as sql
from depesha.queue.lane import Database, Row, Transaction
from depesha.queue.rows import append, to_micros, to_moment
from depesha.schemas.ids import Digest
from depesha.schemas.message import NewEvidence
from depesha.schemas.people import Account, Person, PersonChange, Session
from depesha.schemas.people_stored import (
    account_bytes,
    load_account,
    load_secrets,
    load_session,
    secrets_bytes,
    session_bytes,
)


class SqliteAccounts:
    """`Accounts` on SQLite."""

    def __init__(self, db: Database) -> None:
        """Use `db`."""
        self._db = db

    async def add(self, change: PersonChange) -> Person:
        """See `Accounts.add`."""
        return await self._db.write(lambda transaction: _add(transaction, change))

    async def change(self, change: PersonChange) -> Person:
        """See `Accounts.change`."""
        return await self._db.write(lambda transaction: _change(transaction, change))

    async def find(self, login: str) -> Person | None:
        """See `Accounts.find`."""
        return _person(await self._db.read(lambda t: t.one(sql.PERSON, login)))

    async def by_subject(self, subject: str) -> Person | None:
        """See `Accounts.by_subject`."""
        return _person(await self._db.read(lambda t: t.one(sql.PERSON_OF_SUBJECT, subject)))

    async def list(self, after: str, limit: int) -> tuple[Account, ...]:
        """See `Accounts.list`."""
        return _accounts(await self._db.read(lambda t: t.all(sql.ACCOUNTS, after, limit)))

    async def stood_in_for(self, login: str) -> tuple[Account, ...]:
        """See `Accounts.stood_in_for`."""
        return _accounts(await self._db.read(lambda t: t.all(sql.STOOD_IN_FOR, login)))


class SqliteSessions:
    """`Sessions` on SQLite."""

    def __init__(self, db: Database) -> None:
        """Use `db`."""
        self._db = db

    async def open(
        self, session: Session, evidence: NewEvidence | None, replaces: Digest | None = None
    ) -> None:
        """See `Sessions.open`."""

        def work(transaction: Transaction) -> None:
            if replaces is not None and not transaction.run(sql.END_SESSION, replaces):
                raise ConflictError("the session to be replaced has ended")
            times = (to_micros(session.seen_at), to_micros(session.ends_at))
            body = session_bytes(session)
            transaction.run(sql.ADD_SESSION, session.token, session.login, *times, body)
            if evidence is not None:
                append(transaction, evidence)

        await self._db.write(work)

    async def find(self, token: Digest) -> Session | None:
        """See `Sessions.find`."""
        row = await self._db.read(lambda t: t.one(sql.SESSION, token))
        return None if row is None else _session(row)

    async def touch(self, token: Digest, at: datetime) -> None:
        """See `Sessions.touch`."""
        await self._db.write(lambda t: t.run(sql.TOUCH_SESSION, to_micros(at), token))

    async def end(self, token: Digest, evidence: NewEvidence | None = None) -> bool:
        """See `Sessions.end`."""

        def work(transaction: Transaction) -> bool:
            ended = transaction.run(sql.END_SESSION, token) > 0
            if ended and evidence is not None:
                append(transaction, evidence)
            return ended

        return await self._db.write(work)

    async def of(self, login: str) -> tuple[Session, ...]:
        """See `Sessions.of`."""
        rows = await self._db.read(lambda t: t.all(sql.SESSIONS_OF, login))
        return tuple(sorted(map(_session, rows), key=lambda one: (one.began_at, one.token)))

    async def sweep(self, seen_before: datetime, now: datetime) -> int:
        """See `Sessions.sweep`."""
        return await self._db.write(
            lambda t: (
                t.run(sql.SWEEP_ENDED, to_micros(now))
                + t.run(sql.SWEEP_UNSEEN, to_micros(seen_before))
            )
        )


def _add(transaction: Transaction, change: PersonChange) -> Person:
    account = change.person.account
    _check_subject(transaction, account)
    added = transaction.run(sql.ADD_ACCOUNT, account.login, *_columns(change.person))
    if not added:
        raise ConflictError("an account of this name exists or existed")
    append(transaction, change.evidence)
    return replace(change.person, version=1)


def _change(transaction: Transaction, change: PersonChange) -> Person:
    person = change.person
    if transaction.one(sql.PERSON, person.login) is None:
        raise UnknownMessageError("there is no such account")
    _check_subject(transaction, person.account)
    columns = _columns(person)
    if not transaction.run(sql.CHANGE_ACCOUNT, *columns, person.login, person.version):
        raise ConflictError("the account was changed meanwhile; try again")
    if change.ends_sessions:
        transaction.run(sql.END_SESSIONS, person.login)
    append(transaction, change.evidence)
    return replace(person, version=person.version + 1)


def _check_subject(transaction: Transaction, account: Account) -> None:
    """One person at the provider is one person here."""
    if not account.subject:
        return
    holder = _person(transaction.one(sql.PERSON_OF_SUBJECT, account.subject))
    if holder is not None and holder.login != account.login:
        raise ConflictError("another account has this subject")


def _columns(person: Person) -> tuple[str | None, str | None, bytes, bytes]:
    account = person.account
    deputy = account.deputy.login if account.deputy else None
    return (
        deputy,
        account.subject or None,
        account_bytes(account),
        secrets_bytes(person.secrets),
    )


def _person(row: Row | None) -> Person | None:
    if row is None:
        return None
    return Person(account=load_account(row[0]), secrets=load_secrets(row[1]), version=row[2])


def _accounts(rows: Sequence[Row]) -> tuple[Account, ...]:
    return tuple(load_account(row[0]) for row in rows)


def _session(row: Row) -> Session:
    return replace(load_session(row[0]), seen_at=to_moment(row[1]))
