"""The three identities by which a repeat is known (law 4), and what a holder tells. Pure.

Every store goes by these keys and no other, so that two stores can never disagree about what a
repeat is. Nothing here decides what a repeat means: that is the duplicate check's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from depesha.schemas.evidence import canonical, sha256
from depesha.schemas.facts import Arrival, Known
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.verdict import Hold

if TYPE_CHECKING:
    from depesha.schemas.envelope import Envelope
    from depesha.schemas.ids import Digest, Guid
    from depesha.schemas.message import Message, NewMessage

BY = {"t": "transport", "d": "document", "c": "content"}
"""First letter of a key, and the identity it stands for, strongest first."""


def identities(arrival: Arrival) -> tuple[str, ...]:
    """Return the keys an arrival claims: transport, document, content, in this order.

    An arrival without an envelope claims none, and neither does one whose signature was not
    proved: whoever forges a sender's identities must not be able to hold them.
    """
    envelope = arrival.envelope
    if envelope is None or not is_proved(arrival):
        return ()
    sender = envelope.sender.guid or envelope.sender.identifier
    keys = (
        f"t{envelope.transport_id}/{envelope.network}/{sender}",
        document_key(envelope, envelope.document.guid),
    )
    return keys if arrival.content_digest is None else (*keys, f"c{arrival.content_digest}")


def content_digest_of(envelope: Envelope) -> Digest | None:
    """Return the third identity: sender, number, day, subject and files; None without files.

    The same on every network, so that a document that came by two roads is one (S13).
    """
    if not envelope.attachments:
        return None
    number = envelope.document.number
    return sha256(
        canonical(
            {
                "sender": envelope.sender.identifier,
                "number": "" if number is None else number.number,
                "date": "" if number is None else number.date.isoformat(),
                "subject": envelope.subject,
                "files": sorted(attachment.digest for attachment in envelope.attachments),
            }
        )
    )


def document_key(envelope: Envelope, document: Guid) -> str:
    """Return the key of a document of this envelope's sender, whatever network carries it."""
    return f"d{document}/{envelope.sender.identifier}"


def document_range(document: Guid) -> tuple[str, str]:
    """Return the bounds (from, below) of all keys of one document GUID, whoever sent it."""
    return f"d{document}/", f"d{document}0"


def held_keys(message: Message) -> tuple[str, ...]:
    """Return the keys a stored message holds: none once it is rejected (see `MessageStore`)."""
    envelope = message.envelope
    if envelope is None or message.state is InboundState.REJECTED:
        return ()
    others = (document_key(envelope, other) for other in message.other_documents)
    return (*identities(message.arrival), *others)


def may_share(holder: Known, new: NewMessage) -> bool:
    """Tell whether a message may be stored beside the holder of one of its keys.

    The same words and files without the sender's number may be a new document (a form sent each
    week): the check holds it for a person, so it must be there to be found.
    """
    sure = holder.by != "content" or (holder.numbered and is_numbered(new.arrival))
    return new.state is InboundState.HELD and not sure


def known_as(
    message_id: str, key: str, original: Digest, document: str, *, numbered: bool
) -> Known:
    """Tell what holds `key`."""
    return Known(
        message_id=message_id,
        by=BY[key[0]],
        original=original,
        document=document,
        numbered=numbered,
    )


def is_proved(arrival: Arrival) -> bool:
    """Tell whether the sender is who it says, as far as its network can prove it.

    A network without signatures proves its senders by other means. Where only revocation is
    unknown, signature and certificate were judged good.
    """
    signature = arrival.signature
    if signature is None or signature.finding is None:
        return True
    return signature.finding.reason is Hold.REVOCATION_UNKNOWN


def is_numbered(arrival: Arrival) -> bool:
    """Tell whether the sender's own registration number is part of the identity."""
    return arrival.envelope is not None and arrival.envelope.document.number is not None
