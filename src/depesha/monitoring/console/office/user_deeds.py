"""What may be done to an account: a table of buttons, and what each asks for. Pure.

The gateway's room judges every step again (`gateway/people.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from depesha.errors import RuleError
from depesha.monitoring.console.office.forms import day
from depesha.schemas.people import Deputy, Person

Asks = Literal["closing", "ground", "roles", "undertaking", "nothing", "deputy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UserDeed:
    """One button, and the page behind it. Words: `user-deed.<name>`, `user-effect.<name>`."""

    name: str
    asks: Asks
    blocked: bool | None = False
    """Offered for accounts that are blocked, that are not, or (None) for both."""
    grave: bool = False


DEEDS: tuple[UserDeed, ...] = (
    UserDeed(name="block", asks="closing", grave=True),
    UserDeed(name="unblock", asks="ground", blocked=True),
    UserDeed(name="roles", asks="roles"),
    UserDeed(name="undertaking", asks="undertaking"),
    UserDeed(name="reset", asks="nothing"),
    UserDeed(name="deputy", asks="deputy", blocked=None),
)


def possible(person: Person) -> tuple[UserDeed, ...]:
    """Return what may be done to an account as it stands."""
    blocked = person.account.blocked is not None
    return tuple(deed for deed in DEEDS if deed.blocked in (None, blocked))


def deputy_of(form: Mapping[str, str]) -> Deputy | None:
    """Return who is named; None for nobody. Raises `RuleError`."""
    login = form.get("deputy", "").strip()
    if not login:
        return None
    since = day(form, "since")
    if since is None:
        raise RuleError("the first day of the absence", rule="day")
    return Deputy(login=login, since=since, until=day(form, "until"))
