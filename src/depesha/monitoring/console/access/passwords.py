"""Passwords: what one must be, how it is kept (Argon2id, RFC 9106), how it is compared.

Every comparison costs the same, also where there is nothing to compare with. Passwords go
nowhere: not into errors, logs or evidence.
"""

from __future__ import annotations

import asyncio
import unicodedata
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from depesha.errors import RuleError, StorageError

if TYPE_CHECKING:
    from depesha.ports import Threads
    from depesha.schemas.people import PasswordRules

_PLACES = 2
"""Hashes made at the same time: each takes its memory, and there are two cores."""
_WAITING = 64
"""Callers that may wait for a place; further ones are sent away."""
_DIFFERENT = 5
"""Different characters at least."""
_STEMS = frozenset(
    {
        "password",
        "passw0rd",
        "administrator",
        "admin",
        "welcome",
        "letmein",
        "qwerty",
        "qwertyuiop",
        "asdfghjkl",
        "changeme",
        "changeit",
        "iloveyou",
        "monkey",
        "dragon",
        "football",
        "master",
        "sunshine",
        "princess",
        "trustno",
        "secret",
        "depesha",
        "gateway",
        "муниципалитет",
        "община",
        "парола",
        "администратор",
        "здравей",
        "добредошли",
        "йцукен",
        "йцукенгшщз",
        "пароль",
        "адміністратор",
        "привіт",
        "heslo",
        "administrátor",
        "obec",
        "vitejte",
    }
)
"""What remains of the commonest passwords without digits and signs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Work of one hash: OWASP's first choice of 46 MiB, one pass, one lane."""

    memory_kib: int = 47_104
    passes: int = 1
    lanes: int = 1


class Passwords:
    """Checks, hashes and compares passwords, in worker threads."""

    def __init__(self, rules: PasswordRules, threads: Threads, cost: Cost | None = None) -> None:
        """Make the decoy that unknown names are compared with; blocking, a fraction of a second."""
        cost = cost or Cost()
        self.rules = rules
        self._threads = threads
        self._hasher = PasswordHasher(
            time_cost=cost.passes,
            memory_cost=cost.memory_kib,
            parallelism=cost.lanes,
            type=Type.ID,
        )
        self._decoy = self._hasher.hash("no account has this")
        self._places = asyncio.Semaphore(_PLACES)
        self._waiting = 0

    def check(self, password: str, *others: str) -> None:
        """Raise `RuleError` for a password that is too short, too plain, or made of `others`."""
        text = _normal(password)
        if len(text) < self.rules.characters:
            raise RuleError(
                f"a password has at least {self.rules.characters} characters",
                rule="password-short",
                characters=self.rules.characters,
            )
        if len(text) > self.rules.longest:
            raise RuleError("the password is too long", rule="password-long")
        folded = text.casefold()
        bare = "".join(c for c in folded if c.isalpha())
        named = [o.casefold() for o in others if len(o) > 2]  # noqa: PLR2004 -- "a" is in any text
        plain = len(set(folded)) < _DIFFERENT or bare in _STEMS or _runs(folded)
        if plain or any(other in folded for other in named):
            raise RuleError(
                "the password is too easy to guess, or holds the account's name",
                rule="password-plain",
            )

    async def hash(self, password: str) -> str:
        """Return the form to be kept."""
        async with self._place():
            return await self._threads.run(self._hasher.hash, _normal(password))

    async def matches(self, kept: str, password: str) -> bool:
        """Tell whether a password is the one kept; the same work is done where none is kept."""
        async with self._place():
            return await self._threads.run(self._compare, kept, _normal(password))

    def outdated(self, kept: str) -> bool:
        """Tell whether a kept form was made at another cost."""
        return self._hasher.check_needs_rehash(kept)

    def _compare(self, kept: str, password: str) -> bool:
        try:
            found = self._hasher.verify(kept or self._decoy, password[: self.rules.longest])
        except (VerificationError, InvalidHashError):
            return False
        return found and bool(kept) and len(password) <= self.rules.longest

    def _place(self) -> _Place:
        return _Place(self)


class _Place:
    """One of the places, waited for in a bounded queue."""

    def __init__(self, passwords: Passwords) -> None:
        self._of = passwords

    async def __aenter__(self) -> None:
        if self._of._waiting >= _WAITING:  # noqa: SLF001 -- its own other half
            raise StorageError("too many log-ins at once; try again")
        self._of._waiting += 1  # noqa: SLF001 -- the same
        try:
            await self._of._places.acquire()  # noqa: SLF001 -- the same
        finally:
            self._of._waiting -= 1  # noqa: SLF001 -- the same

    async def __aexit__(self, *_: object) -> None:
        self._of._places.release()  # noqa: SLF001 -- the same


def _normal(password: str) -> str:
    """The same password typed on another keyboard is the same (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def _runs(text: str) -> bool:
    """Tell whether a text only counts up or down, as 123456789012 does."""
    steps = {ord(b) - ord(a) for a, b in pairwise(text)}
    return steps in ({1}, {-1}, {1, -9}, {-1, 9})
