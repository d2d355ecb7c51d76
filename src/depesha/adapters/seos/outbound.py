"""Sends documents of ours to a partner's SEOS endpoint, and asks what became of them (facts 6-10).

The URL and the serial of the partner are read from the register afresh for each call. It never
repeats a submission, and decides nothing about whether or when.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from depesha.adapters.seos import outcomes, soap
from depesha.adapters.seos.calling import OK
from depesha.adapters.seos.hearing import Call, Heard, Unbelieved, hear
from depesha.adapters.seos.mapping import NETWORK
from depesha.adapters.seos.writing import Heading, write_inquiry, write_request
from depesha.errors import (
    Blame,
    BrokenOffError,
    DepeshaError,
    PeerError,
    StorageError,
    UnreachableError,
    WireError,
)
from depesha.schemas.dispatch import AttemptOutcome, Quality, envelope_of
from depesha.schemas.envelope import Party
from depesha.schemas.outbound import Prepared
from depesha.schemas.outcome import Absent, Answered, Deferred, Delivered, Outcome, Unclear
from depesha.schemas.participant import Participant, ParticipantStatus
from depesha.schemas.route import ChannelFacts, Reach

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from depesha.adapters.seos.calling import HttpAnswer
    from depesha.adapters.seos.client import SeosClient
    from depesha.adapters.seos.register import SeosRegister
    from depesha.adapters.seos.settings import SeosSettings
    from depesha.ports import (
        BlobStore,
        Clock,
        Directory,
        IdSource,
        Observer,
        SignatureVerifier,
        Signer,
        Threads,
    )
    from depesha.schemas.dispatch import Attempt, Dispatch

GROWTH: Final = 137
"""Bytes on the wire for 100 raw ones: base64 is 134; the rest is for the markup around."""

_REACH: Final = {
    ParticipantStatus.ACTIVE: Reach.REGISTERED,
    ParticipantStatus.INACTIVE: Reach.INACTIVE,
    ParticipantStatus.TEMPORARILY_INACTIVE: Reach.AWAY,
}


class SeosOutbound:
    """`ports.OutboundChannel` of SEOS."""

    def __init__(
        self,
        *,
        client: SeosClient,
        register: SeosRegister,
        directory: Directory,
        blobs: BlobStore,
        signer: Signer,
        verifier: SignatureVerifier,
        own: Sequence[Party],
        settings: SeosSettings,
        threads: Threads,
        clock: Clock,
        ids: IdSource,
        observer: Observer,
    ) -> None:
        """`own` are the parties we are in the register; a document goes out as its sender."""
        self._client = client
        self._register = register
        self._directory = directory
        self._blobs = blobs
        self._signer = signer
        self._verifier = verifier
        self._own = tuple(own)
        self._settings = settings
        self._threads = threads
        self._clock = clock
        self._ids = ids
        self._observer = observer

    @property
    def network(self) -> str:
        """The network it speaks."""
        return NETWORK

    # --- what is known --------------------------------------------------------------------

    async def facts(self, dispatch: Dispatch) -> ChannelFacts:
        """Return how the recipient stands in the copy of the register, and the partner's limit."""
        loaded_at = self._directory.state().loaded_at
        found = self._find(dispatch.recipient)
        if loaded_at is None:
            reach = Reach.UNKNOWN
        else:
            reach = Reach.NOT_REGISTERED if found is None else _REACH[found.status]
        return ChannelFacts(
            network=NETWORK,
            quality=Quality.REGISTERED_DELIVERY,
            reach=reach,
            reach_as_of=loaded_at,
            message_bytes=self._settings.send_limit(None if found is None else found.guid),
            growth_percent=GROWTH,
        )

    def _find(self, recipient: Party) -> Participant | None:
        """Find the recipient by its GUID here, or by its identifier, the same on every network."""
        found = None if recipient.guid is None else self._directory.find(recipient.guid)
        if found is not None and found.identifier == recipient.identifier.strip():
            return found
        return self._directory.by_identifier(recipient.identifier)

    async def ping(self) -> str:
        """See whether the participants' register answers: the one server that all partners share.

        A partner's own life is known by its answers; to knock at one of 1,300 would prove nothing.
        """
        await self._register.ping(self._settings.inquire_seconds)
        state = self._directory.state()
        as_of = "never" if state.loaded_at is None else state.loaded_at.isoformat("T", "minutes")
        return f"the register answers; {state.participants} participants as of {as_of}"

    # --- making ---------------------------------------------------------------------------

    async def prepare(self, dispatch: Dispatch, attempts: Sequence[Attempt]) -> Prepared:
        """Write, sign and keep the request; after a deferred try its very bytes again (facts 9).

        Any other try gets a new MessageGUID for the same DocumentGUID (facts 8).
        """
        mine = [attempt for attempt in attempts if attempt.network == NETWORK]
        if mine and mine[-1].outcome is AttemptOutcome.DEFERRED:
            last = mine[-1]
            if await self._threads.run(self._blobs.path, last.payload) is not None:
                return Prepared(payload=last.payload, transport_id=last.transport_id)
        return await self._threads.run(self._prepare, dispatch)

    def _prepare(self, dispatch: Dispatch) -> Prepared:
        partner = self._find(dispatch.recipient)
        if partner is None:
            raise WireError("the recipient is not in the participants' register")
        heading = self._heading(self._speaker(dispatch), partner)
        envelope = envelope_of(
            dispatch,
            network=NETWORK,
            transport_id=heading.transport_id,
            created_at=heading.created_at,
        )
        # Not named in between: a large one would stand in memory beside the signed one.
        signed = self._signer.sign(
            write_request(heading, envelope, self._contents(dispatch)),
            self._settings.algorithm_for(partner.guid),
        )
        return Prepared(payload=self._blobs.put(signed), transport_id=heading.transport_id)

    def _contents(self, dispatch: Dispatch) -> Iterator[Path]:
        for file in dispatch.files:
            path = self._blobs.path(file.digest)
            if path is None:
                raise StorageError("a file of a document is gone")
            yield path

    def _heading(self, us: Party, partner: Participant) -> Heading:
        return Heading(
            transport_id=self._ids.guid(),
            created_at=self._clock.now(),
            sender=us,
            recipient=_party(partner),
        )

    def _speaker(self, dispatch: Dispatch) -> Party:
        wanted = dispatch.sender.identifier.strip()
        us = next((party for party in self._own if party.identifier == wanted), None)
        if us is None:
            raise WireError("the document's sender is not one we are on this network")
        return us

    # --- sending --------------------------------------------------------------------------

    async def deliver(self, dispatch: Dispatch, attempt: Attempt) -> Outcome:
        """Try once. Never raises: every end is an outcome (law 3)."""
        partner = self._find(dispatch.recipient)
        if partner is None:
            return _deferred("NOT_IN_REGISTER", "the recipient is not in the register any more")
        if partner.status is ParticipantStatus.INACTIVE or not partner.url:
            return _deferred("NOT_ACTIVE", "the recipient is not an active participant")
        try:
            call = self._call(dispatch, attempt, partner)
            kept = partial(self._blobs.path, attempt.payload)
            answer = await self._client.exchange(partner.url, kept, self._settings.send_seconds)
        except BrokenOffError as error:
            return Unclear(code=error.code, public=error.public)
        except DepeshaError as error:
            if not isinstance(error, UnreachableError):
                self._observer.trouble("seos.outbound", error.code)
            return Deferred(code=error.code, public=error.public, blame=error.blame)
        return await self._settle(dispatch, attempt, call, answer)

    async def _settle(
        self, dispatch: Dispatch, attempt: Attempt, call: Call, answer: HttpAnswer
    ) -> Outcome:
        if answer.trouble:
            return outcomes.of_submission(Unbelieved(code="ANSWER_NOT_READABLE"), b"")
        if answer.status != OK and not outcomes.is_fault(answer.status):
            return outcomes.of_http(answer)
        heard = await self._threads.run(self._hear, answer, call)
        if heard is not None:
            self._doubt(heard[0])
            return outcomes.of_submission(*heard)
        return await self._faulted(dispatch, attempt, answer)

    async def _faulted(self, dispatch: Dispatch, attempt: Attempt, answer: HttpAnswer) -> Outcome:
        """Ask at once after a fault: the reference faults before it stores, others may not.

        Where the partner cannot tell, the fault stands as what the network takes it for: not taken
        (facts 9). Should it have been stored all the same, the next try carries the same
        MessageGUID and is told so.
        """
        answered = await self.inquire(dispatch, attempt)
        if isinstance(answered, Delivered):
            return answered
        receipt = answered.receipt if isinstance(answered, Absent) else answer.body
        return outcomes.of_fault(receipt)

    # --- asking ---------------------------------------------------------------------------

    async def inquire(self, dispatch: Dispatch, attempt: Attempt) -> Answered:
        """Ask the recipient for the document's state, by its GUID (facts 3.11). Never raises."""
        partner = self._find(dispatch.recipient)
        if partner is None or not partner.url:
            return _deferred("NOT_IN_REGISTER", "the recipient is not in the register any more")
        try:
            call = self._call(dispatch, attempt, partner)
            call, question = await self._threads.run(self._question, dispatch, call)
            seconds = self._settings.inquire_seconds
            answer = await self._client.exchange(partner.url, question, seconds)
        except BrokenOffError as error:
            return Unclear(code=error.code, public=error.public)
        except DepeshaError as error:
            if not isinstance(error, UnreachableError):
                self._observer.trouble("seos.outbound", error.code)
            return Deferred(code=error.code, public=error.public, blame=error.blame)
        if answer.status != OK or answer.trouble:
            told = "the recipient's server answered the question with a failure"
            return Unclear(code=f"HTTP_{answer.status}", public=told, receipt=answer.body)
        heard = await self._threads.run(self._hear, answer, call)
        if heard is None:
            told = "the recipient's server answered the question with a fault"
            return Unclear(code=outcomes.FAULT, public=told, receipt=answer.body)
        self._doubt(heard[0])
        return outcomes.of_question(*heard)

    def _question(self, dispatch: Dispatch, call: Call) -> tuple[Call, bytes]:
        heading = self._heading(call.us, call.partner)
        unsigned = write_inquiry(heading, dispatch.document)
        algorithm = self._settings.algorithm_for(call.partner.guid)
        asked = replace(call, transport_id=heading.transport_id)
        return asked, self._signer.sign(unsigned, algorithm)

    # --- hearing --------------------------------------------------------------------------

    def _call(self, dispatch: Dispatch, attempt: Attempt, partner: Participant) -> Call:
        return Call(
            us=self._speaker(dispatch),
            partner=partner,
            document=dispatch.document.guid,
            transport_id=attempt.transport_id,
        )

    def _hear(self, answer: HttpAnswer, call: Call) -> tuple[Heard, bytes] | None:
        """Return what was said, with the receipt; None for a fault or a failure. In a thread."""
        try:
            document = soap.unwrap_answer(answer.body)
        except PeerError:
            return None
        except WireError:
            if answer.status != OK:
                return None
            return Unbelieved(code="ANSWER_NOT_READABLE"), answer.body
        if not document and answer.status != OK:
            return None
        return hear(document, call, self._verifier, self._clock.now()), document

    def _doubt(self, heard: Heard) -> None:
        if isinstance(heard, Unbelieved):
            self._observer.trouble("seos.answer", heard.code)


def _party(partner: Participant) -> Party:
    return Party(identifier=partner.identifier, name=partner.name, guid=partner.guid)


def _deferred(code: str, public: str) -> Deferred:
    return Deferred(code=code, public=public, blame=Blame.THEIRS)
