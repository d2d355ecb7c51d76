"""Tells the sender of a letter its document's state, by a signed letter in reply.

It decides what an answer of the mail server means, never whether to try again: that is the
queue's. A notice may be repeated at will: its Message-ID is the same.
"""

from __future__ import annotations

from typing import Protocol

from depesha.adapters.email.partners import PartnerBook
from depesha.adapters.email.telling import Teller
from depesha.errors import Blame, DepeshaError, UnknownMessageError
from depesha.ports import Observer
from depesha.schemas import ids
from depesha.schemas.answer import Notice
from depesha.schemas.dispatch import EMAIL
from depesha.schemas.envelope import Party
from depesha.schemas.ids import MessageId
from depesha.schemas.message import Message
from depesha.schemas.outcome import Deferred, Outcome, Refused


class ReceivedMessages(Protocol):
    """Finds a received message: the part of the store that a reply needs."""

    async def get(self, message_id: MessageId) -> Message:
        """Return one message; raise `UnknownMessageError`."""


class MailNotifier:
    """`ports.Notifier` of e-mail."""

    def __init__(
        self,
        *,
        teller: Teller,
        book: PartnerBook,
        own: Party,
        messages: ReceivedMessages,
        observer: Observer,
    ) -> None:
        """`messages` tells which mail is answered; without its name a notice goes all the same."""
        self._teller = teller
        self._book = book
        self._own = own
        self._messages = messages
        self._observer = observer

    @property
    def network(self) -> str:
        """The network it speaks."""
        return EMAIL

    async def notify(self, notice: Notice) -> Outcome:
        """Try once. Never raises for the network's faults: they are outcomes.

        `Delivered`, not proven: the mail server has it.
        """
        partner = self._book.find(notice.original_sender.identifier)
        if partner is None:
            told = "no address is known any more for the sender"
            return Deferred(code="NO_ADDRESS", public=told, blame=Blame.OURS)
        try:
            about = await self._about(notice.message_id)
            us = Party(identifier=notice.original_recipient.identifier, name=self._own.name)
            letter = await self._teller.letter(partner, us, notice.answer, about)
            if letter is None:
                return Refused(code="NOTHING_TO_SAY", public="the notice says nothing")
            return await self._teller.send(letter)
        except DepeshaError as error:
            self._observer.trouble("email.notifier", error.code)
            return Deferred(code=error.code, public=error.public, blame=error.blame)

    async def _about(self, message_id: str) -> str:
        """Return the Message-ID of the letter that the notice answers."""
        try:
            message = await self._messages.get(ids.message_id(message_id))
        except UnknownMessageError:
            return ""
        return "" if message.envelope is None else message.envelope.extra
