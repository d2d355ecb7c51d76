"""Tells senders something by a signed letter: writes, signs, hands in. Decides nothing about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from depesha.adapters.email.answers import AnswerLetter, write_answer
from depesha.adapters.email.directory import guid_from
from depesha.adapters.email.letter import Written
from depesha.adapters.email.machine import ErrorWord, MachineWord, StatusWord
from depesha.adapters.email.partners import Partner
from depesha.adapters.email.smime import MailSigner
from depesha.adapters.email.smtp import Dispatch, Submitter
from depesha.ports import Clock, Threads
from depesha.schemas.answer import (
    Answer,
    EmptyAnswer,
    ErrorAnswer,
    StatusAnswer,
    UnreadableAnswer,
)
from depesha.schemas.envelope import DocumentReference, Party
from depesha.schemas.outcome import Outcome
from depesha.schemas.sentences import sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedLetter:
    """A letter ready for the mail server."""

    written: Written
    content: bytes


class Teller:
    """Says words to partners. Safe to repeat: the same word has the same Message-ID."""

    def __init__(
        self,
        *,
        own_address: str,
        signer: MailSigner,
        submitter: Submitter,
        threads: Threads,
        clock: Clock,
    ) -> None:
        self._own_address = own_address
        self._signer = signer
        self._submitter = submitter
        self._threads = threads
        self._clock = clock

    async def letter(
        self, partner: Partner, us: Party, answer: Answer, about: str, series: str = ""
    ) -> SignedLetter | None:
        """Return the signed letter; None where the answer says nothing. Raises `WireError`."""
        return await self._threads.run(
            self._letter, partner, us, answer, about, series, self._clock.now()
        )

    def _letter(
        self, partner: Partner, us: Party, answer: Answer, about: str, series: str, at: datetime
    ) -> SignedLetter | None:
        word = _word(partner, us, answer, about + series)
        if word is None:
            return None
        written = write_answer(
            AnswerLetter(
                word=word,
                sender=self._own_address,
                recipient=partner.address,
                language=partner.language,
                written_at=at,
                about=about,
                series=series,
            )
        )
        return SignedLetter(written=written, content=self._signer.sign(written))

    async def send(self, letter: SignedLetter) -> Outcome:
        """Hand it in once; see `Submitter.send`."""
        written = letter.written
        return await self._submitter.send(
            Dispatch(
                sender=written.sender,
                recipient=written.recipient,
                content=letter.content,
                envelope_id=written.envelope_id,
                every_report=False,
            )
        )


def _word(partner: Partner, us: Party, answer: Answer, occasion: str) -> MachineWord | None:
    them = Party(identifier=partner.identifier, name=partner.name)
    us = Party(identifier=us.identifier, name=us.name)
    match answer:
        case EmptyAnswer():
            return None
        case StatusAnswer():
            number = answer.document.number
            told = "" if number is None else f"{number.number}/{number.date}"
            guid = answer.document.guid
            return StatusWord(
                transport_id=guid_from("status", occasion, guid, answer.status, told),
                sender=us,
                recipient=them,
                document=DocumentReference(guid=guid, number=number),
                status=answer.status,
                reason=_reason(answer, partner.language),
                expected_close=answer.expected_close,
            )
        case ErrorAnswer():
            description = sentence(answer.finding, partner.language, "peer")
            return ErrorWord(
                transport_id=guid_from("error", occasion, answer.transport_id or ""),
                sender=us,
                recipient=them,
                failed=answer.transport_id,
                description=description,
            )
        case UnreadableAnswer():
            description = sentence(answer.finding, partner.language, "peer")
            return ErrorWord(
                transport_id=guid_from("error", occasion),
                sender=us,
                recipient=them,
                failed=None,
                description=description,
            )
        case _:
            assert_never(answer)


def _reason(answer: StatusAnswer, language: str) -> str:
    if answer.rejection is not None:
        return sentence(answer.rejection, language, "peer")
    return answer.reason


class MailReply:
    """`ports.Reply` to one letter: the signed letter's bytes, or nothing. Safe to repeat."""

    def __init__(
        self, teller: Teller, partner: Partner, us: Party, about: str, *, silent: bool
    ) -> None:
        """`silent`: nothing may be answered, whatever there is to say."""
        self._teller = teller
        self._partner = partner
        self._us = us
        self._about = about
        self._silent = silent
        self.letters: dict[bytes, SignedLetter] = {}
        """The letters made, by their bytes."""

    async def __call__(self, answer: Answer) -> bytes:
        """Return the bytes of the letter that says `answer`; empty where none is sent."""
        if self._silent:
            return b""
        letter = await self._teller.letter(self._partner, self._us, answer, self._about)
        if letter is None:
            return b""
        self.letters[letter.content] = letter
        return letter.content
