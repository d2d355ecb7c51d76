"""Who looks after a taken need today: who took it, his deputy, or everybody again (ACC-09, S23).

What people noted stays as it was written; on the days of a deputy it is read as the deputy's, and
what belongs to nobody who is there as not taken, so that nothing is left without an owner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from depesha.schemas.attending import Attention, attention_bytes, load_attentions
from depesha.schemas.notes import Area

if TYPE_CHECKING:
    from datetime import date, tzinfo

    from depesha.ports import Accounts, Clock, Notebook
    from depesha.schemas.message import NewEvidence
    from depesha.schemas.people import Account

_AT_ONCE = 500


class Receiver(Protocol):
    """Who receives a person's tasks on a day; `gateway/people.py` decides it."""

    def __call__(self, login: str, on: date, accounts: Mapping[str, Account]) -> str | None:
        """Return the login; None: nobody is there, so everybody of the role."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyNotebook:
    """`ports.Notebook` as people on duty read it."""

    notebook: Notebook
    accounts: Accounts
    receiver: Receiver
    clock: Clock
    zone: tzinfo

    async def read(self, area: str) -> Mapping[str, bytes]:
        """See `Notebook.read`; taken needs are told as those of who receives them today."""
        noted = await self.notebook.read(area)
        if area != Area.TAKEN or not noted:
            return noted
        people = await self._people()
        today = self.clock.now().astimezone(self.zone).date()
        found: dict[str, bytes] = {}
        for key, one in load_attentions(noted).items():
            login = self.receiver(one.login, today, people)
            if login is not None:
                found[key] = attention_bytes(_of(one, people[login]))
        return found

    async def write(self, area: str, key: str, value: bytes | None, evidence: NewEvidence) -> None:
        """See `Notebook.write`."""
        await self.notebook.write(area, key, value, evidence)

    async def add(self, area: str, key: str, value: bytes, evidence: NewEvidence) -> bool:
        """See `Notebook.add`; what somebody took who is not here any more counts as not taken."""
        if await self.notebook.add(area, key, value, evidence):
            return True
        if area != Area.TAKEN or key in await self.read(area):
            return False
        await self.notebook.write(area, key, value, evidence)
        return True

    async def _people(self) -> Mapping[str, Account]:
        found: dict[str, Account] = {}
        after = ""
        while page := await self.accounts.list(after, _AT_ONCE):
            found |= {one.login: one for one in page}
            after = page[-1].login
        return found


def _of(note: Attention, account: Account) -> Attention:
    if note.login == account.login:
        return note
    return replace(note, login=account.login, name=account.name)
