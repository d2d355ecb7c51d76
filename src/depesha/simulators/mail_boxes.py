"""Mailboxes in memory: numbered mails with flags, and a bell for those who wait.

Forgets everything with the process. Serves one event loop.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class StoredMail:
    """One mail in a box."""

    uid: int
    content: bytes = field(repr=False)
    flags: set[str] = field(default_factory=set)


@dataclass(slots=True, kw_only=True)
class Box:
    """One mailbox of one user. `validity` changes only where a test renumbers it."""

    address: str
    password: str = field(repr=False)
    validity: int = 1
    mails: list[StoredMail] = field(default_factory=list)
    next_uid: int = 1
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def deposit(self, content: bytes) -> StoredMail:
        """Add a mail, and wake everybody who waits."""
        mail = StoredMail(uid=self.next_uid, content=content)
        self.next_uid += 1
        self.mails.append(mail)
        self._changed.set()
        self._changed = asyncio.Event()
        return mail

    def remove(self, uid: int) -> None:
        """Take a mail out; one that is gone already is no fault."""
        self.mails = [mail for mail in self.mails if mail.uid != uid]

    def renumber(self) -> None:
        """Give every mail a new number under a new validity, as a restored server does."""
        self.validity += 1
        for number, mail in enumerate(self.mails, 1):
            mail.uid = number
        self.next_uid = len(self.mails) + 1

    async def changed(self) -> None:
        """Return when the next mail comes."""
        await self._changed.wait()


class Boxes:
    """All mailboxes of a domain, by address."""

    def __init__(self) -> None:
        self._boxes: dict[str, Box] = {}

    def open(self, address: str, password: str) -> Box:
        """Return the box of an address, made where there is none yet."""
        return self._boxes.setdefault(
            address.lower(), Box(address=address.lower(), password=password)
        )

    def find(self, address: str) -> Box | None:
        """Return the box of an address."""
        return self._boxes.get(address.lower())

    def login(self, user: str, password: str) -> Box | None:
        """Return the box whose user proves to be."""
        box = self.find(user)
        return box if box is not None and box.password == password else None
