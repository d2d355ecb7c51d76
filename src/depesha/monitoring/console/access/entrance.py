"""Getting in and staying in: password, second factor, sessions. One answer for every failure.

Whether a person may get in is decided by the functions handed in (`deciding.py`); here the work is
put in order so that its cost tells nothing: for known and unknown names alike one look at the
store, one password hash, one durable row.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from depesha.errors import ConflictError, RuleError, StorageError
from depesha.monitoring.console.access import totp
from depesha.monitoring.console.access.cookies import token_digest
from depesha.monitoring.console.access.doors import Doors, Failure, Opened, Present, Refused
from depesha.schemas.people import (
    EntryBar,
    Person,
    PersonChange,
    Role,
    Session,
    Stage,
    login_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from depesha.schemas.message import NewEvidence

NOBODY = "-"
"""No login: looked up in place of a text that cannot be one."""
_DOORS = 64
_TRIES = 3
_TOUCH = timedelta(minutes=1)


_GUESSES = frozenset({Failure.PASSWORD, Failure.CODE})
"""Failures that are counted towards the closing of an account."""


class Entrance:
    """Log-in, second factor, log-out, and who a session belongs to."""

    def __init__(self, doors: Doors) -> None:
        self._in = doors
        self._locks = tuple(asyncio.Lock() for _ in range(_DOORS))

    # --- getting in ---

    async def with_password(self, typed: str, password: str, address: str) -> Opened | Refused:
        """Try a name and a password; raise `StorageError` where nothing could be made durable."""
        wait = self._closed_for(address)
        if wait:
            return Refused(wait=wait)
        login = _login(typed)
        async with self._lock(login):  # guesses of one account are counted one after the other
            person = await self._in.accounts.find(login)
            kept = "" if person is None else person.secrets.password
            right = await self._in.passwords.matches(kept, password)
            why = self._why_not(person, right=right and self._in.password_login)
            if why is not None or person is None:
                return await self._refuse(person, why or Failure.UNKNOWN, address)
            if person.secrets.totp:
                return await self._open(person, Stage.HALF)
            return await self._enter(person, "password")

    async def second(self, token: str, typed: str, address: str) -> Opened | Refused:
        """Try a code of the second factor, or a recovery code, on a half session."""
        wait = self._closed_for(address)
        session = None if wait else await self._alive(token)
        if session is None or session.stage is not Stage.HALF:
            return Refused(wait=wait)
        async with self._lock(session.login):
            person = await self._in.accounts.find(session.login)
            if person is None or self._bar(person) is not None:
                return await self._refuse(person, Failure.CODE, address)
            proved = self._proved(person, typed)
            if proved is None:
                return await self._refuse(person, Failure.CODE, address)
            person, means = proved
            try:
                return await self._enter(person, means, half=session)
            except ConflictError:  # the code was used at the same moment by somebody else
                return await self._refuse(person, Failure.CODE, address)

    async def with_provider(
        self, person: Person | None, roles: frozenset[Role] | None, *, second: bool, address: str
    ) -> Opened | Refused:
        """Let in whom an OpenID provider vouched for; `second`: its word counts for both factors.

        None where the provider named nobody whom we know, or its word was not to be believed.
        """
        wait = self._closed_for(address)
        if wait:
            return Refused(wait=wait)
        if person is None:
            return await self._refuse(None, Failure.PROVIDER, address)
        async with self._lock(person.login):
            why = self._bar(person)
            if why is None and not (person.account.roles if roles is None else roles):
                why = EntryBar.NO_ROLE
            if why is not None:
                return await self._refuse(person, why, address)
            if person.secrets.totp and not second:
                return await self._open(person, Stage.HALF, roles=roles, provider=True)
            return await self._enter(person, "openid", roles=roles, provider=True)

    async def provider_failed(self, address: str) -> Refused:
        """Count an answer of the OpenID provider that was not to be believed."""
        return await self._refuse(None, Failure.PROVIDER, address)

    # --- staying in ---

    async def present(self, token: str) -> Present | None:
        """Return who is there; None for no, an ended or a half session, and for a closed account.

        A look is written down once a minute at most.
        """
        session = await self._alive(token)
        if session is None or session.stage is not Stage.WHOLE:
            return None
        person = await self._in.accounts.find(session.login)
        bar = None if person is None else self._bar(person)
        if person is None or bar not in {None, EntryBar.LOCKED}:  # a guesser throws nobody out
            return None
        now = self._in.clock.now()
        if now - session.seen_at >= _TOUCH:
            await self._in.sessions.touch(session.token, now)
        return Present(person=person, session=session)

    async def half(self, token: str) -> Session | None:
        """Return the session that waits for its second factor."""
        session = await self._alive(token)
        return session if session is not None and session.stage is Stage.HALF else None

    async def leave(self, token: str) -> None:
        """Log out; leaving twice is safe."""
        digest = token_digest(token)
        session = await self._in.sessions.find(digest)
        if session is not None:
            now = self._in.clock.now()
            whole = session.stage is Stage.WHOLE and self._lasts(session, now)
            row = self._in.decisions.logged_out(session.login, now) if whole else None
            await self._in.sessions.end(digest, row)

    async def renew(self, present: Present) -> Opened:
        """Open a new session for somebody who is there, after a change that ended all of his."""
        session = present.session
        return await self._open(
            present.person, Stage.WHOLE, roles=session.roles, provider=session.provider
        )

    async def knows(self, present: Present, password: str, address: str) -> bool | None:
        """Ask somebody who is there for the password again; None where guessing closed the door.

        Guesses are counted as those at the log-in are.
        """
        if self._closed_for(address):
            return None
        login = present.person.login
        async with self._lock(login):
            person = await self._in.accounts.find(login)
            if person is None or self._bar(person) is not None:
                return None
            if await self._in.passwords.matches(person.secrets.password, password):
                return True
            await self._refuse(person, Failure.PASSWORD, address)
        return None if await self._shut(login) else False

    async def wrong_code(self, present: Present, address: str) -> bool:
        """Count a wrong code given from within; True where the account is now closed."""
        login = present.person.login
        async with self._lock(login):
            await self._refuse(present.person, Failure.CODE, address)
        return await self._shut(login)

    async def _shut(self, login: str) -> bool:
        person = await self._in.accounts.find(login)
        return person is None or self._bar(person) is not None

    async def sweep(self) -> int:
        """Forget sessions that have ended by time."""
        now = self._in.clock.now()
        idle = timedelta(minutes=self._in.rules.idle_minutes)
        return await self._in.sessions.sweep(now - idle, now)

    # --- parts ---

    def _closed_for(self, address: str) -> float:
        wait = self._in.addresses.wait(address)
        if wait:
            self._in.observer.trouble("console", "TOO_MANY_ATTEMPTS")
        return wait

    def _lock(self, login: str) -> asyncio.Lock:
        return self._locks[int(token_digest(login)[:8], 16) % _DOORS]

    def _bar(self, person: Person) -> EntryBar | None:
        now = self._in.clock.now()
        return self._in.decisions.entry_bar(person, now, now.astimezone(self._in.zone).date())

    def _why_not(self, person: Person | None, *, right: bool) -> Failure | EntryBar | None:
        if person is None:
            return Failure.UNKNOWN
        if not right:
            return Failure.PASSWORD
        end = person.secrets.expires_at
        if end is not None and end <= self._in.clock.now():
            return Failure.EXPIRED
        bar = self._bar(person)
        return EntryBar.NO_ROLE if bar is None and not person.account.roles else bar

    async def _refuse(
        self, person: Person | None, why: Failure | EntryBar, address: str
    ) -> Refused:
        """Write the failure down and count it; one durable row for every kind of failure."""
        now = self._in.clock.now()
        self._in.addresses.failed(address)
        self._in.observer.trouble("console", "LOGIN_FAILED")
        if person is None:
            await self._in.journal.record(self._in.decisions.login_failed(None, now, why))
            return Refused()
        row = self._in.decisions.login_failed(person.login, now, why)
        guess = why in _GUESSES
        await self._change(
            person.login,
            row,
            lambda p: self._in.decisions.failed(p, now, self._in.locks) if guess else p,
        )
        return Refused()

    async def _change(self, login: str, row: NewEvidence, step: Callable[[Person], Person]) -> None:
        """Change a person as he stands; others may be changing him, too."""
        for _ in range(_TRIES):
            person = await self._in.accounts.find(login)
            if person is None:
                return
            try:
                await self._in.accounts.change(PersonChange(person=step(person), evidence=row))
            except ConflictError:
                continue
            return
        raise StorageError("the account is being changed by others; try again")

    def _proved(self, person: Person, typed: str) -> tuple[Person, str] | None:
        """Return the person with the code used up, and by what he proved himself."""
        secrets, now = person.secrets, self._in.clock.now()
        key = self._in.vault.open(secrets.totp, person.login)
        step = totp.step_of(key, typed, now, secrets.totp_step)
        if step is not None:
            return replace(person, secrets=replace(secrets, totp_step=step)), "totp"
        digest = totp.recovery_digest(typed)
        if digest not in secrets.recovery:
            return None
        left = tuple(one for one in secrets.recovery if one != digest)
        return replace(person, secrets=replace(secrets, recovery=left)), "recovery-code"

    async def _enter(
        self,
        person: Person,
        means: str,
        *,
        half: Session | None = None,
        roles: frozenset[Role] | None = None,
        provider: bool = False,
    ) -> Opened:
        """Write the log-in down, then open the session."""
        now = self._in.clock.now()
        row = self._in.decisions.logged_in(person.login, now, means)
        after = self._in.decisions.succeeded(person, now)
        person = await self._in.accounts.change(PersonChange(person=after, evidence=row))
        if half is not None:
            roles, provider = half.roles, half.provider
        return await self._open(person, Stage.WHOLE, roles=roles, provider=provider, half=half)

    async def _open(
        self,
        person: Person,
        stage: Stage,
        *,
        roles: frozenset[Role] | None = None,
        provider: bool = False,
        half: Session | None = None,
    ) -> Opened:
        """Store a session under a new token: none that a browser brought is ever taken over."""
        token, now, rules = self._in.ids.secret(), self._in.clock.now(), self._in.rules
        minutes = rules.minutes if stage is Stage.WHOLE else rules.half_minutes
        session = Session(
            token=token_digest(token),
            login=person.login,
            stage=stage,
            began_at=now,
            seen_at=now,
            ends_at=now + timedelta(minutes=minutes),
            roles=roles,
            provider=provider,
        )
        await self._in.sessions.open(session, None, None if half is None else half.token)
        return Opened(token=token, session=session)

    async def _alive(self, token: str) -> Session | None:
        if not token:
            return None
        session = await self._in.sessions.find(token_digest(token))
        if session is None or not self._lasts(session, self._in.clock.now()):
            return None
        return session

    def _lasts(self, session: Session, now: datetime) -> bool:
        idle = timedelta(minutes=self._in.rules.idle_minutes)
        return now < session.ends_at and now - session.seen_at < idle


def _login(typed: str) -> str:
    try:
        return login_of(typed)
    except RuleError:
        return NOBODY
