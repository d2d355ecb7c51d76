"""The release: what the administration states when a document is let out, to be signed. Pure.

It names number, parties, words and the digests of the files, so that anybody can prove later what
left, whichever network took it. Its namespace is ours; nobody else has to read it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lxml import etree

from depesha.schemas import xml

if TYPE_CHECKING:
    from depesha.schemas.envelope import Party
    from depesha.schemas.outbound import OutboundMessage

NAMESPACE: Final = "urn:depesha:release:1"


def release_xml(message: OutboundMessage) -> bytes:
    """Return the unsigned release of a document; the same document gives the same bytes."""
    dispatch = message.dispatch
    root = etree.Element(f"{{{NAMESPACE}}}Release", nsmap={"r": NAMESPACE})
    _add(root, "Message", message.id)
    _add(root, "SubmittedAt", dispatch.submitted_at.isoformat())
    document = _add(root, "Document", guid=dispatch.document.guid)
    number = dispatch.document.number
    if number is not None:
        _add(document, "Number", number.number, date=number.date.isoformat())
    _add(document, "Kind", dispatch.kind)
    _add(document, "Subject", dispatch.subject)
    _party(root, "Sender", dispatch.sender)
    _party(root, "Recipient", dispatch.recipient)
    for file in dispatch.files:
        _add(
            root,
            "File",
            file.name,
            index=str(file.index),
            size=str(file.size),
            sha256=file.digest,
        )
    return xml.serialise(root)


def _party(parent: etree._Element, name: str, party: Party) -> None:
    _add(parent, name, party.name, identifier=party.identifier)


def _add(parent: etree._Element, name: str, text: str = "", **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}", attributes)
    element.text = text or None
    return element
