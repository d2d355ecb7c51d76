"""Tells the sender of a document its state by a call of our own (facts 6.1, 6.6).

It decides what an answer means, never whether to try again: that is the queue's. A notice may be
repeated at will, as the network takes any status any number of times (facts 6.5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from depesha.adapters.seos.mapping import NETWORK, error_description
from depesha.adapters.seos.replies import Parties
from depesha.adapters.seos.texts import told_by_peer
from depesha.errors import (
    Blame,
    BrokenOffError,
    DepeshaError,
    PeerError,
    UnreachableError,
    WireError,
)
from depesha.schemas import xml
from depesha.schemas.outcome import Deferred, Delivered, Outcome, Refused, Unclear
from depesha.schemas.participant import Participant, ParticipantStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from depesha.adapters.seos.client import SeosClient
    from depesha.adapters.seos.replies import SeosReplies
    from depesha.ports import Clock, Directory, Observer, SignatureVerifier, Threads
    from depesha.schemas.answer import Notice
    from depesha.schemas.envelope import Party
    from depesha.schemas.verdict import Finding

UNKNOWN_DOCUMENT: Final = "UNKNOWN_DOCUMENT"
NOT_READABLE: Final = "ANSWER_NOT_READABLE"
NOT_BELIEVED: Final = "ANSWER_NOT_BELIEVED"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """What an answer says, and whether its signature is to be believed."""

    error: str | None
    """Our code for the error it tells; None where it is none."""
    doubt: Finding | None


class SeosNotifier:
    """`ports.Notifier` of SEOS."""

    def __init__(
        self,
        *,
        client: SeosClient,
        replies: SeosReplies,
        directory: Directory,
        verifier: SignatureVerifier,
        own: Sequence[Party],
        threads: Threads,
        clock: Clock,
        observer: Observer,
    ) -> None:
        """`own` are the parties we are; a notice speaks as the one that was written to."""
        self._client = client
        self._replies = replies
        self._directory = directory
        self._verifier = verifier
        self._own = tuple(own)
        self._threads = threads
        self._clock = clock
        self._observer = observer

    @property
    def network(self) -> str:
        """The network it speaks."""
        return NETWORK

    async def notify(self, notice: Notice) -> Outcome:
        """Try once. Never raises for the network's faults: they are outcomes."""
        participant = self._find(notice.original_sender)
        if participant is None:
            return _deferred("NOT_IN_REGISTER", "the sender is not in the participants' register")
        if participant.status is ParticipantStatus.INACTIVE or not participant.url:
            return _deferred("NOT_ACTIVE", "the sender is not an active participant")
        us = next((p for p in self._own if p.guid == notice.original_recipient.guid), self._own[0])
        parties = Parties(us=us, them=notice.original_sender)
        try:
            document = await self._replies.document(parties, notice.answer)
            answer = await self._client.submit(participant.url, document)
        except BrokenOffError as error:
            return Unclear(code=error.code, public=error.public)
        except (UnreachableError, PeerError) as error:
            return Deferred(code=error.code, public=error.public, blame=error.blame)
        except DepeshaError as error:
            self._observer.trouble("seos.notifier", error.code)
            return Deferred(code=error.code, public=error.public, blame=error.blame)
        return await self._judge(answer, participant)

    def _find(self, party: Party) -> Participant | None:
        if party.guid is not None:
            return self._directory.find(party.guid)
        return self._directory.by_identifier(party.identifier)

    async def _judge(self, answer: bytes, participant: Participant) -> Outcome:
        if not answer:
            return Delivered(receipt=answer)
        try:
            heard = await self._threads.run(self._hear, answer, participant)
        except WireError:
            return Unclear(code=NOT_READABLE, public="the answer cannot be read", receipt=answer)
        if heard.doubt is not None:
            self._observer.trouble("seos.answer", heard.doubt.reason)
        if heard.error is None:
            # An empty answer would have done: nothing in this one has to be believed.
            return Delivered(receipt=answer)
        if heard.doubt is not None:
            told = "an error whose signature is not to be believed"
            return Unclear(code=NOT_BELIEVED, public=told, receipt=answer)
        if heard.error == UNKNOWN_DOCUMENT:
            told = "the sender does not know the document"
            return Refused(code=heard.error, public=told, receipt=answer)
        return Deferred(
            code=heard.error,
            public="the sender answered with an error",
            blame=Blame.THEIRS,
            receipt=answer,
        )

    def _hear(self, answer: bytes, participant: Participant) -> _Heard:
        """Judge the signature and read what the answer says; raise `WireError`. In a thread."""
        document = xml.parse(answer)
        # The serial of whom we called, and no other: what the answer calls itself proves nothing.
        expected = () if participant.serial is None else (participant.serial,)
        facts = self._verifier.verify(document, expected, self._clock.now())
        description = error_description(document.root)
        code = None if description is None else told_by_peer(description)
        return _Heard(error=code, doubt=facts.finding)


def _deferred(code: str, public: str) -> Deferred:
    return Deferred(code=code, public=public, blame=Blame.THEIRS)
