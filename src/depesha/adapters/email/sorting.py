"""Says what one mail is, and hands it to the gateway: a report, a word, a document, or nothing.

It decides by form alone. Whoever is not proved to be a partner is heard in reports only, and those
must name a letter of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from depesha.adapters.email.addresses import same
from depesha.adapters.email.arriving import MailArrivals, Original, signature_of
from depesha.adapters.email.delivery_status import AutoReply, DeliveryReport, UnclearBounce
from depesha.adapters.email.machine import MachineWord, StatusWord
from depesha.adapters.email.partners import Partner
from depesha.adapters.email.reading import Mail
from depesha.adapters.email.reports import HeardReports, name_of_letter, outcome_of
from depesha.adapters.email.telling import MailReply, Teller
from depesha.errors import UnsaidError
from depesha.ports import BlobStore, Intake, Observer, Threads
from depesha.schemas.answer import Answer, ErrorNotice, StatusNotice
from depesha.schemas.dispatch import EMAIL
from depesha.schemas.envelope import Party
from depesha.schemas.facts import SignatureFacts
from depesha.schemas.ids import Digest
from depesha.schemas.outbound import TryReport
from depesha.schemas.outcome import Deferred, Delivered, Unclear
from depesha.schemas.verdict import Hold

MAIL_SERVER: Final = "mail-server"
"""Who says what a delivery report says, in the journal."""
_BY_A_PERSON_NEVER: Final = frozenset({"auto-replied", "receipt"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Nothing is left to be done with it."""

    ours: bool
    """It was for us: it may be marked as seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A person looks at it."""

    why: str
    mail: Mail | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Postponed:
    """It is to be looked at again."""

    code: str


Sorting = Settled | Left | Postponed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    mail: Mail
    original: Original
    quiet: bool


class Sorter:
    """Sorts mails. Everything it hands on is durable before."""

    def __init__(
        self,
        *,
        arrivals: MailArrivals,
        blobs: BlobStore,
        teller: Teller,
        heard: HeardReports,
        own: Party,
        own_address: str,
        receipts: bool,
        threads: Threads,
        observer: Observer,
    ) -> None:
        """`receipts`: documents are answered at once, by a signed word."""
        self._arrivals = arrivals
        self._blobs = blobs
        self._teller = teller
        self._heard = heard
        self._own = own
        self._own_address = own_address
        self._receipts = receipts
        self._threads = threads
        self._observer = observer

    async def sort(
        self,
        intake: Intake,
        mail: Mail,
        path: Path,
        *,
        size: int,
        received_at: datetime,
        quiet: bool,
    ) -> Sorting:
        """Handle one mail, whose file may be moved away; `quiet`: nothing is answered.

        Raises `StorageError` where it could not be made durable. Safe to repeat.
        """
        report = mail.report
        if isinstance(report, (DeliveryReport, UnclearBounce)):
            name = name_of_letter(report, self._own_address)
            if not name:
                return Left(why="REPORT_UNKNOWN", mail=mail)
            kept = await self._keep(mail, path, size, received_at, quiet=True)
            return await self._report(intake, report, name, kept)
        partner = self._arrivals.partner_of(mail) if mail.signature is not None else None
        if isinstance(report, AutoReply) and not _may_be_a_document(report, partner, mail):
            self._observer.word(EMAIL, "automatic reply")
            return Settled(ours=False)
        if partner is None:
            return Left(why=self._why(mail), mail=mail)
        kept = await self._keep(mail, path, size, received_at, quiet=quiet or report is not None)
        if mail.word is not None:
            return await self._word(intake, mail.word, partner, kept)
        return await self._document(intake, partner, kept)

    def _why(self, mail: Mail) -> str:
        if same(mail.sender, self._own_address):
            return "OUR_OWN"
        return "UNSIGNED" if mail.signature is None else "SENDER_UNKNOWN"

    async def _keep(
        self, mail: Mail, path: Path, size: int, received_at: datetime, *, quiet: bool
    ) -> _Kept:
        digest = await self._threads.run(self._blobs.put, path)
        original = Original(digest=digest, size=size, received_at=received_at)
        return _Kept(mail=mail, original=original, quiet=quiet)

    # --- reports ------------------------------------------------------------------------------

    async def _report(
        self, intake: Intake, report: DeliveryReport | UnclearBounce, name: str, kept: _Kept
    ) -> Sorting:
        outcome = outcome_of(report)
        known = await intake.report(
            TryReport(
                network=EMAIL,
                received_at=kept.original.received_at,
                original=kept.original.digest,
                name=name,
                outcome=outcome,
                actor=MAIL_SERVER,
            )
        )
        self._heard.remember(name, outcome)
        self._observer.word(EMAIL, "report")
        if isinstance(outcome, Delivered) or (known and not isinstance(outcome, Unclear)):
            return Settled(ours=True)
        return Left(why="UNCLEAR_BOUNCE" if known else "REPORT_UNKNOWN", mail=kept.mail)

    # --- words ----------------------------------------------------------------------------------

    async def _word(
        self, intake: Intake, word: MachineWord, partner: Partner, kept: _Kept
    ) -> Sorting:
        """Hand a partner's word on. What comes of it is never answered: answers end here."""
        signature = signature_of(kept.mail, partner)
        if signature is None:
            return Left(why="UNSIGNED", mail=kept.mail)
        found = signature.finding
        if found is not None and isinstance(found.reason, Hold):
            return Postponed(code=found.reason)
        common = _common(word, signature, kept.original.digest, kept.original.received_at)
        if isinstance(word, StatusWord):
            notice = StatusNotice(
                **common,
                document=word.document,
                status=word.status,
                reason=word.reason,
                expected_close=word.expected_close,
            )
            await intake.notice(notice, _silence)
        else:
            fault = ErrorNotice(
                **common, failed=word.failed, kind="ERR_EXTERNAL", description=word.description
            )
            await intake.fault(fault, _silence)
        return Settled(ours=True)

    # --- documents ------------------------------------------------------------------------------

    async def _document(self, intake: Intake, partner: Partner, kept: _Kept) -> Sorting:
        arrival = await self._threads.run(self._arrivals.arrival, kept.mail, partner, kept.original)
        signature = arrival.signature
        # A letter whose signature is not good may come from anybody: it is not answered.
        proved = signature is not None and signature.finding is None
        reply = MailReply(
            self._teller,
            partner,
            self._own,
            kept.mail.message_id,
            silent=kept.quiet or not proved or not self._receipts,
        )
        try:
            wire = await intake.receive(arrival, reply)
        except UnsaidError:
            return Settled(ours=True)
        letter = reply.letters.get(wire)
        if letter is None:
            return Settled(ours=True)
        outcome = await self._teller.send(letter)
        if isinstance(outcome, Deferred):
            return Postponed(code=outcome.code)
        if not isinstance(outcome, Delivered):
            self._observer.trouble("email.answer", outcome.code)
        return Settled(ours=True)


async def _silence(answer: Answer) -> bytes:
    """Say nothing (`ports.Reply`): what is itself an answer gets none."""
    del answer
    return b""


def _may_be_a_document(report: AutoReply, partner: Partner | None, mail: Mail) -> bool:
    """Tell whether what a program wrote may be a document: a partner's registry may mark so."""
    answered = report.kind in _BY_A_PERSON_NEVER
    return partner is not None and bool(mail.files) and not answered


def _common(
    word: MachineWord, signature: SignatureFacts, original: Digest, received_at: datetime
) -> dict[str, Any]:
    return {
        "network": EMAIL,
        "received_at": received_at,
        "original": original,
        "transport_id": word.transport_id,
        "sender": Party(identifier=word.sender.identifier, name=word.sender.name),
        "recipient": Party(identifier=word.recipient.identifier, name=word.recipient.name),
        "signature": signature,
    }
