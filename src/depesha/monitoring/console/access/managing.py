"""Accounts as the security administrator keeps them: read, decide, store. One method an act.

Used by the page of users, by the command line, and by its door into a running gateway.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from depesha.errors import RuleError, UnknownMessageError
from depesha.schemas.people import Account, Closing, Deputy, Doer, Person, Role, Secrets, login_of

if TYPE_CHECKING:
    from datetime import datetime

    from depesha.monitoring.console.access.deciding import AccountDecisions
    from depesha.monitoring.console.access.passwords import Passwords
    from depesha.ports import Accounts, Clock

_PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPerson:
    """What is told of a new person (ACC-02)."""

    login: str
    name: str
    roles: frozenset[Role]
    ground: str
    undertaking: date | None = None
    position: str = ""
    unit: str = ""
    contact: str = ""
    language: str = ""
    subject: str = ""


class AccountKeeper:
    """What may be done to accounts.

    Raises `RuleError`, `ForbiddenError`, `ConflictError`, `UnknownMessageError`, `StorageError`;
    nothing is left behind then.
    """

    def __init__(
        self,
        *,
        accounts: Accounts,
        decisions: AccountDecisions,
        passwords: Passwords,
        clock: Clock,
    ) -> None:
        self._accounts = accounts
        self._decisions = decisions
        self._passwords = passwords
        self._clock = clock

    async def add(self, doer: Doer, new: NewPerson, password: str) -> Account:
        """Make an account; an empty password leaves only the OpenID provider's way in."""
        now = self._clock.now()
        account = Account(
            login=login_of(new.login),
            name=" ".join(new.name.split()),
            roles=new.roles,
            created_at=now,
            created_by=doer.actor,
            ground=new.ground,
            undertaking=new.undertaking,
            position=new.position,
            unit=new.unit,
            contact=new.contact,
            language=new.language,
            subject=new.subject,
        )
        self._decisions.new_account(doer, account, Secrets())  # refuse before the costly hash
        secrets = await self._initial(password, account, now) if password else Secrets()
        step = self._decisions.new_account(doer, account, secrets)
        return (await self._accounts.add(step)).account

    async def block(self, doer: Doer, login: str, why: Closing, ground: str) -> Account:
        """Close an account; all its sessions end in the same moment."""
        person, others = await self._find(login), await self.all()
        step = self._decisions.blocked(doer, person, why, ground, self._clock.now(), others)
        return (await self._accounts.change(step)).account

    async def unblock(self, doer: Doer, login: str, ground: str) -> Account:
        """Open an account again."""
        person = await self._find(login)
        step = self._decisions.unblocked(doer, person, ground, self._clock.now())
        return (await self._accounts.change(step)).account

    async def give_roles(self, doer: Doer, login: str, roles: frozenset[Role]) -> Account:
        """Give a person other roles."""
        person, others = await self._find(login), await self.all()
        step = self._decisions.given_roles(doer, person, roles, self._clock.now(), others)
        return (await self._accounts.change(step)).account

    async def undertake(self, doer: Doer, login: str, signed: date | None) -> Account:
        """Note the date of the signed undertaking; None takes it back."""
        person = await self._find(login)
        step = self._decisions.undertook(doer, person, signed, self._clock.now())
        return (await self._accounts.change(step)).account

    async def reset(self, doer: Doer, login: str, password: str) -> Account:
        """Give a password that must be changed; the second factor is enrolled anew."""
        person, now = await self._find(login), self._clock.now()
        self._decisions.reset(doer, person, person.secrets, now)
        secrets = await self._initial(password, person.account, now)
        step = self._decisions.reset(doer, person, secrets, now)
        return (await self._accounts.change(step)).account

    async def depute(self, doer: Doer, login: str, deputy: Deputy | None) -> Account:
        """Name who receives a person's tasks while away, or nobody."""
        person = await self._find(login)
        if deputy is not None:
            deputy = replace(deputy, login=login_of(deputy.login))
        other = None if deputy is None else await self._accounts.find(deputy.login)
        step = self._decisions.deputed(doer, person, deputy, other, self._clock.now())
        return (await self._accounts.change(step)).account

    async def all(self) -> tuple[Account, ...]:
        """List all accounts, blocked ones included."""
        found: list[Account] = []
        while page := await self._accounts.list(found[-1].login if found else "", _PAGE):
            found += page
        return tuple(found)

    async def _find(self, login: str) -> Person:
        person = await self._accounts.find(login_of(login))
        if person is None:
            raise UnknownMessageError("no account has this name")
        return person

    async def _initial(self, password: str, account: Account, now: datetime) -> Secrets:
        if not password:
            raise RuleError("a password is needed", rule="password-short", characters=0)
        self._passwords.check(password, account.login, account.name)
        hours = self._passwords.rules.initial_hours
        return Secrets(
            password=await self._passwords.hash(password),
            must_change=True,
            changed_at=now,
            expires_at=now + timedelta(hours=hours),
        )
