"""How one document is called in a list: only by what the visitor may know (ROL-06). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from depesha.schemas.message import Message
from depesha.schemas.outbound import OutboundMessage
from depesha.schemas.sentences import plain

if TYPE_CHECKING:
    from depesha.monitoring.console.pages.telling import Teller

_SHORT = 80
_TAIL = 12
"""Ids begin with the time: their end tells them apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Title:
    """A document's name and, for those who may, what it is about."""

    id: str
    way: str
    """`in` or `out`."""
    label: str
    """Always safe: the direction and the end of our own id."""
    subject: str = ""
    number: str = ""
    """By which its sender calls it."""
    own_number: str = ""
    """By which the receiving side calls it."""
    peer: str = ""

    @property
    def short(self) -> str:
        """For a sentence."""
        name = " · ".join(part for part in (self.number, self.subject) if part) or self.label
        return name if len(name) <= _SHORT else name[:_SHORT] + "…"


def title_of(document: Message | OutboundMessage, tell: Teller, *, sees: bool) -> Title:
    """Return the name; without the right to subjects only our own id."""
    out = isinstance(document, OutboundMessage)
    way = "out" if out else "in"
    label = tell.say(f"document.{way}", id=document.id[-_TAIL:])
    if not sees:
        return Title(id=document.id, way=way, label=label)
    theirs = "" if document.number is None else plain(document.number.number)
    if isinstance(document, OutboundMessage):
        sent = document.dispatch
        first = sent.document.number
        subject, peer = sent.subject or sent.kind, sent.recipient
    else:
        envelope = document.envelope
        if envelope is None:
            return Title(id=document.id, way=way, label=label, own_number=theirs)
        first = envelope.document.number
        subject, peer = envelope.subject or envelope.kind, envelope.sender
    return Title(
        id=document.id,
        way=way,
        label=label,
        subject=plain(subject),
        number="" if first is None else plain(first.number),
        own_number=theirs,
        peer=plain(peer.name) or plain(peer.identifier),
    )
