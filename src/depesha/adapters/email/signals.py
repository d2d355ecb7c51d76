"""Tells networks' operators of trouble, by a short plain mail (FBK-03). Names no person."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import format_datetime

from depesha.adapters.email.addresses import address, domain_of, encoded, mailbox, one_line
from depesha.adapters.email.letter import known_language
from depesha.adapters.email.parts import text_part
from depesha.adapters.email.smtp import Dispatch, Submitter
from depesha.errors import Blame, DepeshaError
from depesha.schemas.evidence import canonical, sha256
from depesha.schemas.outbound import Signal
from depesha.schemas.outbound_sentences import name_of, say
from depesha.schemas.outcome import Deferred, Delivered, Outcome

_NAME_CHARACTERS = 32


class MailSignals:
    """`ports.Signals` by mail."""

    def __init__(
        self,
        *,
        addresses: Mapping[str, str],
        own_name: str,
        own_address: str,
        submitter: Submitter,
        language: str = "bg",
    ) -> None:
        """`addresses`: network → its operator's address; one that is missing is not told."""
        self._addresses = dict(addresses)
        self._own_name = own_name
        self._own_address = own_address
        self._submitter = submitter
        self._language = known_language(language)

    async def tell(self, signal: Signal) -> Outcome:
        """Try once. A repeat has the same Message-ID; never raises for the network's faults."""
        where = self._addresses.get(signal.network)
        if where is None:
            return Delivered(receipt=b"no operator is named for this network")
        try:
            return await self._submitter.send(self._mail(signal, where))
        except DepeshaError as error:
            return Deferred(code=error.code, public=error.public, blame=Blame.OURS)

    def _mail(self, signal: Signal, where: str) -> Dispatch:
        sender, recipient = address(self._own_address), address(where)
        own = f"signal.{self._identity(signal)}"
        sentence = self._sentence(signal)
        network = name_of("network", signal.network, self._language)
        subject = f"{network}: {sentence.partition(' (')[0].rstrip('.')}"
        fields = (
            ("From", mailbox(self._own_name, sender)),
            ("To", recipient),
            ("Subject", encoded(subject, used=9)),
            ("Date", format_datetime(signal.at)),
            ("Message-ID", f"<{own}@{domain_of(sender)}>"),
            ("Auto-Submitted", "auto-generated"),
            ("Content-Language", self._language),
            ("MIME-Version", "1.0"),
        )
        whose = say("signal.from", self._language).replace("{name}", one_line(self._own_name))
        text = "\n".join((sentence, "", whose, say("signal.automatic", self._language), ""))
        head = "".join(f"{name}: {value}\r\n" for name, value in fields)
        return Dispatch(
            sender=sender,
            recipient=recipient,
            content=head.encode("ascii") + text_part(text),
            envelope_id=own,
            every_report=False,
        )

    def _identity(self, signal: Signal) -> str:
        told = {
            "kind": signal.kind,
            "network": signal.network,
            "at": signal.at.isoformat(),
            "message": signal.message_id,
            "instead": signal.instead,
            "code": signal.code,
            "peer": signal.peer,
        }
        return sha256(canonical(told))[:_NAME_CHARACTERS]

    def _sentence(self, signal: Signal) -> str:
        facts = {
            "network": signal.network,
            "instead": name_of("network", signal.instead, self._language),
            "peer": signal.peer,
            "document": signal.message_id,
            "code": signal.code,
            "at": signal.at.isoformat(timespec="seconds"),
        }
        return say(f"signal.{signal.kind}", self._language, facts)
