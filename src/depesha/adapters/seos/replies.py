"""Turns an answer of the gateway into the bytes for the wire: written, signed, dated.

The bytes describe themselves: nothing, a signed document, or a SOAP fault. So a stored answer can
be given again as it is. It decides nothing about what is answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from depesha.adapters.seos import soap
from depesha.adapters.seos.texts import error_text, fault_text, rejection_text
from depesha.adapters.seos.writing import Heading, write_error, write_status
from depesha.schemas.answer import (
    Answer,
    DocumentStatus,
    EmptyAnswer,
    ErrorAnswer,
    StatusAnswer,
    UnreadableAnswer,
)
from depesha.schemas.envelope import DocumentReference
from depesha.schemas.facts import Arrival

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from depesha.adapters.seos.reader import Heard
    from depesha.ports import Clock, IdSource, Signer, Threads
    from depesha.schemas.envelope import Party
    from depesha.schemas.ids import Guid
    from depesha.schemas.verdict import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """Who speaks and to whom, seen from us."""

    us: Party
    them: Party


class SeosReplies:
    """Writes and signs everything we say on this network."""

    def __init__(
        self,
        *,
        own: Sequence[Party],
        signer: Signer,
        threads: Threads,
        clock: Clock,
        ids: IdSource,
        peer_sentence: Callable[[Finding], str],
        algorithm_for: Callable[[Guid | None], str],
    ) -> None:
        """Take who we are and how we sign.

        `own` are the parties we are in the register; the first one answers for misdirected
        messages. `algorithm_for` gives the signature algorithm for a partner's GUID.
        """
        self._own = tuple(own)
        self._signer = signer
        self._threads = threads
        self._clock = clock
        self._ids = ids
        self._peer_sentence = peer_sentence
        self._algorithm_for = algorithm_for

    def reply_to(self, heard: Heard) -> SeosReply:
        """Return the `ports.Reply` for what was heard."""
        if not isinstance(heard, Arrival):
            return SeosReply(self, self._swap(heard.sender, heard.recipient))
        if heard.envelope is None:
            return SeosReply(self, None)
        return SeosReply(self, self._swap(heard.envelope.sender, heard.envelope.recipient))

    def foresee(self, heard: Heard) -> SeosReply:
        """Return the reply, with the usual answer signed already where it is likely.

        Called in the thread that read the message: one thread hop a message less (design 7). An
        answer that turns out differently is written when it is known; this one is then forgotten.
        """
        reply = self.reply_to(heard)
        if not isinstance(heard, Arrival) or heard.envelope is None or reply.parties is None:
            return reply
        if heard.signature is not None and heard.signature.finding is None:
            document = DocumentReference(guid=heard.envelope.document.guid)
            usual = StatusAnswer(status=DocumentStatus.WAITING, document=document)
            reply.usual = (usual, self._write(reply.parties, usual))
        return reply

    def _swap(self, sender: Party, recipient: Party) -> Parties:
        """Answer as the party that was written to, or as ourselves where that is not us."""
        us = next((party for party in self._own if party.guid == recipient.guid), self._own[0])
        return Parties(us=us, them=sender)

    async def document(self, parties: Parties, answer: StatusAnswer | ErrorAnswer) -> bytes:
        """Return the signed document that says `answer`, under a new MessageGUID."""
        return await self._threads.run(self._write, parties, answer)

    def fault(self, found: Finding) -> bytes:
        """Return the SOAP fault for what could not be read at all."""
        return soap.fault(fault_text(found, self._peer_sentence(found)))

    def _write(self, parties: Parties, answer: StatusAnswer | ErrorAnswer) -> bytes:
        heading = Heading(
            transport_id=self._ids.guid(),
            created_at=self._clock.now(),
            sender=parties.us,
            recipient=parties.them,
        )
        algorithm = self._algorithm_for(parties.them.guid)
        return self._signer.sign(self._unsigned(heading, answer), algorithm)

    def _unsigned(self, heading: Heading, answer: StatusAnswer | ErrorAnswer) -> bytes:
        if isinstance(answer, ErrorAnswer):
            text = error_text(answer.finding, self._peer_sentence(answer.finding))
            return write_error(heading, answer.transport_id, text)
        reason = answer.reason
        if answer.rejection is not None:
            reason = rejection_text(answer.rejection, self._peer_sentence(answer.rejection))
        return write_status(
            heading,
            answer.document,
            answer.status,
            reason=reason,
            expected_close=answer.expected_close,
        )


class SeosReply:
    """`ports.Reply` to one message. Safe to repeat: only MessageGUID and date are new."""

    def __init__(self, replies: SeosReplies, parties: Parties | None) -> None:
        self._replies = replies
        self.parties = parties
        self.usual: tuple[StatusAnswer, bytes] | None = None
        """An answer signed beforehand; used once, for its MessageGUID must not stand twice."""

    async def __call__(self, answer: Answer) -> bytes:
        """Return the bytes; a sender that could not be read is told by a fault."""
        usual, self.usual = self.usual, None
        if usual is not None and usual[0] == answer:
            return usual[1]
        match answer:
            case EmptyAnswer():
                return b""
            case UnreadableAnswer(finding=found):
                return self._replies.fault(found)
            case StatusAnswer() | ErrorAnswer():
                return await self._tell(answer)
            case _:
                assert_never(answer)

    async def _tell(self, answer: StatusAnswer | ErrorAnswer) -> bytes:
        if self.parties is not None:
            return await self._replies.document(self.parties, answer)
        return self._replies.fault(answer.finding) if isinstance(answer, ErrorAnswer) else b""
