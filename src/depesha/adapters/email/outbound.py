"""Sends a document as a signed letter (`ports.OutboundChannel`): the last road.

It decides nothing about whether or when. One letter is one series: written and signed once, kept,
and the very same bytes under the same Message-ID on every try.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from depesha.adapters.email import mime
from depesha.adapters.email.addresses import only_address
from depesha.adapters.email.letter import Letter, LetterFile, Written, estimate, write
from depesha.adapters.email.partners import Partner, PartnerBook
from depesha.adapters.email.reports import HeardReports
from depesha.adapters.email.smime import MailSigner
from depesha.adapters.email.smtp import Dispatch as Handing
from depesha.adapters.email.smtp import Offer, Submitter
from depesha.errors import Blame, StorageError, WireError
from depesha.ports import BlobStore, Clock, IdSource, Threads
from depesha.schemas.dispatch import (
    EMAIL,
    Attempt,
    AttemptOutcome,
    Dispatch,
    Quality,
    envelope_of,
)
from depesha.schemas.envelope import Attachment
from depesha.schemas.outbound import Prepared
from depesha.schemas.outcome import (
    Answered,
    Deferred,
    Delivered,
    Outcome,
    Refused,
    Unclear,
)
from depesha.schemas.route import ChannelFacts

SIGNED_GROWTH: Final = 137
"""Bytes on the wire for 100 of a file: base64 with its line ends."""
ENCRYPTED_GROWTH: Final = 188
"""The same twice."""
_SAME_LETTER: Final = frozenset({AttemptOutcome.DEFERRED, AttemptOutcome.ABSENT})
_NEW_SERIES: Final = frozenset({AttemptOutcome.REFUSED})


class MailOutbound:
    """`ports.OutboundChannel` of e-mail.

    Mail cannot be asked. The one witness is our own mailbox, and it speaks unasked: a delivery
    report settles an unclear try, parked or not, the moment it is read (`Intake.report`), and its
    silence says nothing, for a server need not report. So a try that broke off after the final dot
    is shown to a person at once (law 3), and not after hours of questions without an answer.
    Sending the same Message-ID again, as RFC 5321 allows, is no way out: nothing makes a
    recipient's server drop the second letter.
    """

    def __init__(
        self,
        *,
        own_address: str,
        language: str,
        letter_bytes: int,
        book: PartnerBook,
        signer: MailSigner,
        submitter: Submitter,
        heard: HeardReports,
        blobs: BlobStore,
        threads: Threads,
        clock: Clock,
        ids: IdSource,
    ) -> None:
        """`letter_bytes`: the largest letter ever sent; `language`: where a body has none."""
        self._own_address = own_address
        self._language = language
        self._letter_bytes = letter_bytes
        self._book = book
        self._signer = signer
        self._submitter = submitter
        self._heard = heard
        self._blobs = blobs
        self._threads = threads
        self._clock = clock
        self._ids = ids
        self._offer: tuple[Offer, datetime] | None = None

    @property
    def network(self) -> str:
        """The network it speaks."""
        return EMAIL

    async def facts(self, dispatch: Dispatch) -> ChannelFacts:
        """Return reach and limits, from settings, register and the server's last greeting."""
        self._note_offer()
        reached = self._book.reached(dispatch.recipient.identifier)
        confidential = reached.partner is not None and reached.partner.certificate is not None
        limit, as_of = self._letter_bytes, None
        if self._offer is not None:
            limit, as_of = min(limit, self._offer[0].letter_bytes), self._offer[1]
        fixed = estimate((0,) * len(dispatch.files), confidential=confidential)
        return ChannelFacts(
            network=EMAIL,
            quality=Quality.SIGNED_MAIL,
            reach=reached.reach,
            reach_as_of=reached.as_of,
            message_bytes=max(0, limit - fixed),
            limits_as_of=as_of,
            growth_percent=ENCRYPTED_GROWTH if confidential else SIGNED_GROWTH,
            can_ask=False,
        )

    # --- writing ------------------------------------------------------------------------------

    async def prepare(self, dispatch: Dispatch, attempts: Sequence[Attempt]) -> Prepared:
        """Write and sign the letter, and keep it; or take the one of the try before."""
        own = [one for one in attempts if one.network == EMAIL]
        last = own[-1] if own else None
        if last is not None and last.outcome in _SAME_LETTER and last.reference:
            path = await self._threads.run(self._blobs.path, last.payload)
            if path is not None:
                return Prepared(
                    payload=last.payload, transport_id=last.transport_id, reference=last.reference
                )
        # A letter that was refused or came back must not be dropped as known at the second try.
        series = str(1 + sum(one.outcome in _NEW_SERIES for one in own))
        return await self._threads.run(self._write, dispatch, series, self._clock.now())

    def _write(self, dispatch: Dispatch, series: str, at: datetime) -> Prepared:
        partner = self._book.find(dispatch.recipient.identifier)
        if partner is None:
            raise WireError("no mail address is known for the recipient")
        confidential = partner.certificate is not None
        sizes = tuple(file.size for file in dispatch.files)
        if estimate(sizes, confidential=confidential) > self._letter_bytes:
            raise WireError("the letter would pass the permitted size", limit=self._letter_bytes)
        transport_id = self._ids.guid()
        letter = Letter(
            envelope=envelope_of(dispatch, network=EMAIL, transport_id=transport_id, created_at=at),
            files=tuple(self._file(file) for file in dispatch.files),
            sender=self._own_address,
            recipient=partner.address,
            language=partner.language or self._language,
            series=series,
            confidential=confidential,
        )
        written = write(letter)
        payload = self._blobs.put(self._sealed(partner, written, at))
        return Prepared(payload=payload, transport_id=transport_id, reference=written.message_id)

    def _file(self, file: Attachment) -> LetterFile:
        path = self._blobs.path(file.digest)
        if path is None:
            raise StorageError("a file to be sent is gone")
        try:
            return LetterFile(attachment=file, content=path.read_bytes())
        except OSError as error:
            raise StorageError("a file to be sent cannot be read") from error

    def _sealed(self, partner: Partner, written: Written, at: datetime) -> bytes:
        certificate = partner.certificate
        if certificate is None:
            return self._signer.sign(written)
        if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
            raise WireError("the recipient's certificate for encryption is not valid today")
        return self._signer.sign_and_encrypt(written, certificate)

    # --- sending ------------------------------------------------------------------------------

    async def deliver(self, dispatch: Dispatch, attempt: Attempt) -> Outcome:
        """Hand the kept letter to the mail server, once.

        `Delivered` is not proven: the server answers for it from here on. To whom it goes stands
        in the letter itself, whatever address is known today.
        """
        del dispatch
        try:
            handing = await self._threads.run(self._handing, attempt)
            outcome = await self._submitter.send(handing)
        except StorageError as error:
            return Deferred(code=error.code, public=error.public, blame=Blame.OURS)
        except WireError as error:
            return Refused(code=error.code, public=error.public)
        self._note_offer()
        if isinstance(outcome, (Delivered, Unclear)):
            return replace(outcome, reference=attempt.reference)
        return outcome

    def _handing(self, attempt: Attempt) -> Handing:
        path = self._blobs.path(attempt.payload)
        if path is None:
            raise StorageError("the letter of this try is gone")
        try:
            content = path.read_bytes()
        except OSError as error:
            raise StorageError("the letter of this try cannot be read") from error
        head = mime.PARSER.parsebytes(content.partition(b"\r\n\r\n")[0])
        if mime.one(head, "message-id") != attempt.reference:
            raise WireError("the letter of this try is not the one that was prepared")
        return Handing(
            sender=only_address(mime.one(head, "from")),
            recipient=only_address(mime.one(head, "to")),
            content=content,
            envelope_id=attempt.reference.strip("<>").rpartition("@")[0],
        )

    async def inquire(self, dispatch: Dispatch, attempt: Attempt) -> Answered:
        """Tell what a delivery report said of this try; `Unclear` where none came (see above)."""
        del dispatch
        heard = self._heard.about(attempt.reference)
        if heard is None:
            told = "no delivery report has come, and mail cannot be asked"
            return Unclear(code="NO_REPORT", public=told, reference=attempt.reference)
        if isinstance(heard, (Delivered, Unclear)):
            return replace(heard, reference=attempt.reference)
        return heard

    async def ping(self) -> str:
        """Greet the mail server and log in; raise `DepeshaError`."""
        offer = await self._submitter.offer()
        self._note_offer()
        return f"the mail server takes letters up to {offer.letter_bytes} bytes"

    def _note_offer(self) -> None:
        """Keep what the server said last, with the time; other parts of ours greet it, too."""
        offer = self._submitter.last_offer
        if offer is not None and (self._offer is None or self._offer[0] is not offer):
            self._offer = offer, self._clock.now()
