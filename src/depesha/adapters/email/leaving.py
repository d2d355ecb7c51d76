"""The list of letters left in the mailbox, as the console has it. Reads and clears, no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from depesha.adapters.email.places import LeftMail
from depesha.schemas.letters import LeftLetter

_DIGITS: Final = 10
"""Of a number of IMAP (RFC 3501, 2.3.1.1): 32 bits."""


class Left(Protocol):
    """What is asked of `MailReceiver`."""

    async def left(self) -> tuple[LeftMail, ...]:
        """The mails that wait for a person."""

    async def numbering(self) -> int:
        """The mailbox's own numbering."""

    async def clear(self, numbering: int, uids: frozenset[int]) -> int:
        """Take mails off the list."""


class MailLeft:
    """`ports.LeftLetters` over the receiver's list.

    A key names the numbering of the mailbox, too: after a new one it means nothing any more.
    """

    def __init__(self, receiver: Left) -> None:
        self._receiver = receiver

    async def left(self) -> tuple[LeftLetter, ...]:
        """See `LeftLetters.left`."""
        mails, numbering = await self._receiver.left(), await self._receiver.numbering()
        return tuple(
            LeftLetter(
                key=f"{numbering}-{mail.uid}",
                why=mail.why,
                at=mail.at,
                size=mail.size,
                sender=mail.sender,
                subject=mail.subject,
            )
            for mail in mails
        )

    async def clear(self, keys: Sequence[str]) -> int:
        """See `LeftLetters.clear`."""
        numbering = await self._receiver.numbering()
        named = (key.partition("-") for key in keys)
        uids = frozenset(
            int(uid)
            for of, _, uid in named
            if of == str(numbering) and uid.isdecimal() and uid.isascii() and len(uid) <= _DIGITS
        )
        return await self._receiver.clear(numbering, uids)
