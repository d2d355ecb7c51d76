"""What the register of filings is offered of a received document (FLD-01). Pure.

It tells what is known and decides nothing: numbers, persons in charge and archives are the
registry's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from depesha.adapters.registry.views import FilingView, NumberView, SettlementView
from depesha.schemas.lifecycle import InboundState

if TYPE_CHECKING:
    from depesha.schemas.message import Message

_WAYS: dict[InboundState, Literal["refused", "closed", "stopped"]] = {
    InboundState.REFUSED: "refused",
    InboundState.REFUSAL_ACKNOWLEDGED: "refused",
    InboundState.CLOSED: "closed",
    InboundState.STOPPED: "stopped",
}


def filing_view(message: Message) -> FilingView | None:
    """Return the fields of one message; None where it could not be read."""
    envelope, number = message.envelope, message.number
    if envelope is None:
        return None
    said = envelope.document.number
    return FilingView(
        serial=None if number is None else NumberView(number=number.number, date=number.date),
        delivered_at=envelope.delivered_at or message.received_at,
        delivered_by="gateway" if envelope.delivered_at is None else "network",
        accepted_at=envelope.accepted_at,
        sender=envelope.sender.name,
        sender_identifier=envelope.sender.identifier,
        sender_reference="" if said is None else said.number,
        sender_mark=envelope.sender_mark,
        attachments=len(envelope.attachments),
        subject=envelope.subject,
        attention_to=envelope.attention_to,
        settlement=_settlement(message),
        pid=message.id,
        own_mark=envelope.own_mark,
    )


def _settlement(message: Message) -> SettlementView | None:
    way = _WAYS.get(message.state)
    if way is None:
        return None
    return SettlementView(way=way, reason=message.reason)
