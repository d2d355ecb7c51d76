"""What the simulated ISDS writes of a message: body, envelope, record, delivery info (facts 4).

The body is written the same, byte for byte, wherever it stands: the hash covers its raw bytes
(facts 9.3). Nothing is changed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from depesha.schemas.wire.isds import V20, XSI, Paper
from depesha.simulators.isds_pieces import FilePiece, Pen, Pieces
from depesha.simulators.isds_quirks import IsdsQuirks
from depesha.simulators.isds_values import Message

TEXTS: Final = (
    "dmSenderOrgUnit",
    "dmSenderOrgUnitNum",
    "dbIDRecipient",
    "dmRecipientOrgUnit",
    "dmRecipientOrgUnitNum",
    "dmToHands",
    "dmAnnotation",
    "dmRecipientRefNumber",
    "dmSenderRefNumber",
    "dmRecipientIdent",
    "dmSenderIdent",
    "dmLegalTitleLaw",
    "dmLegalTitleYear",
    "dmLegalTitleSect",
    "dmLegalTitlePar",
    "dmLegalTitlePoint",
)
"""The words of an envelope in order, the two flags excepted (facts 4.1)."""
ALGORITHM: Final = "SHA-256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Hash of the body and the time stamp over it."""

    digest: bytes
    stamp: bytes | None


def body(message: Message, *, files: bool = True) -> Pieces:
    """Write `dmDm`, with its files or without."""
    pen = Pen()
    pen.open("p:dmDm", xmlns_p=V20)
    _envelope(pen, message)
    if files:
        pen.open("p:dmFiles")
        for file in message.files:
            pen.open(
                "p:dmFile",
                dmMimeType=file.mime,
                dmFileMetaType=file.meta,
                dmFileGuid=file.guid or None,
                dmUpFileGuid=file.parent_guid or None,
                dmFileDescr=file.name,
            )
            pen.open("p:dmEncodedContent")
            pen.file(FilePiece(path=file.path, size=file.size))
            pen.close("p:dmEncodedContent", "p:dmFile")
        pen.close("p:dmFiles")
    pen.close("p:dmDm")
    return pen.done()


def _envelope(pen: Pen, message: Message) -> None:
    """Write the 26 words of a returned envelope (facts 4.3)."""
    pen.add("p:dmID", message.message_id)
    pen.add("p:dbIDSender", message.sender)
    pen.add("p:dmSender", message.sender_name[:100])
    pen.add("p:dmSenderAddress", message.sender_address[:100])
    pen.add("p:dmSenderType", message.sender_type)
    pen.add("p:dmRecipient", message.recipient_name[:100])
    pen.add("p:dmRecipientAddress", message.recipient_address[:100])
    pen.add("p:dmAmbiguousRecipient", message.ambiguous)
    own = {"dbIDRecipient": message.recipient, "dmAnnotation": message.draft.annotation}
    for name in TEXTS:
        pen.add(f"p:{name}", own.get(name) or message.draft.texts.get(name))
    pen.add("p:dmPersonalDelivery", message.draft.personal)
    pen.add("p:dmAllowSubstDelivery", message.draft.substitute)


def returned(
    message: Message, viewer: str, proof: Proof, quirks: IsdsQuirks, *, whole: bool, prefix: str
) -> Pieces:
    """Write `dmReturnedMessage`, or without files `dmReturnedMessageEnvelope` (facts 4.5)."""
    name = f"{prefix}:dmReturnedMessage" + ("" if whole else "Envelope")
    told = message.big or not whole
    pen = Pen(zulu=quirks.zulu)
    pen.open(
        name,
        dmType=message.kind or None,
        dmVODZ=_flag(value=message.big) if told else None,
        attsNum=str(len(message.files)) if told else None,
    )
    pen.raw(body(message, files=whole))
    _proof(pen, prefix, proof)
    _times(pen, message, prefix)
    pen.add(f"{prefix}:dmMessageStatus", message.seen_by(viewer))
    pen.add(f"{prefix}:dmAttachmentSize", message.size)
    pen.close(name)
    return pen.done()


def delivery(
    message: Message, viewer: str, proof: Proof, quirks: IsdsQuirks, *, prefix: str
) -> Pieces:
    """Write `dmDelivery` (facts 4.7)."""
    pen = Pen(zulu=quirks.zulu)
    pen.open(f"{prefix}:dmDelivery")
    pen.raw(body(message, files=False))
    _proof(pen, prefix, proof)
    _times(pen, message, prefix)
    pen.add(f"{prefix}:dmMessageStatus", message.seen_by(viewer))
    pen.open(f"{prefix}:dmEvents")
    for when, event in message.events:
        code, words = event.value
        pen.open(f"{prefix}:dmEvent")
        pen.add(f"{prefix}:dmEventTime", when)
        pen.add(f"{prefix}:dmEventDescr", f"{code}: {words}")
        pen.close(f"{prefix}:dmEvent")
    pen.close(f"{prefix}:dmEvents", f"{prefix}:dmDelivery")
    return pen.done()


def _proof(pen: Pen, prefix: str, proof: Proof) -> None:
    pen.add(f"{prefix}:dmHash", proof.digest, algorithm=ALGORITHM)
    pen.add(f"{prefix}:dmQTimestamp", proof.stamp)


def _times(pen: Pen, message: Message, prefix: str) -> None:
    pen.add(f"{prefix}:dmDeliveryTime", message.delivered_at)
    pen.add(f"{prefix}:dmAcceptanceTime", message.accepted_at)


def paper(kind: Paper, content: Pieces, quirks: IsdsQuirks) -> Pieces:
    """Write the whole XML of a sealed paper around its child, which uses the prefix `q`."""
    namespace = kind.namespace.replace("isds.czechpoint.cz", quirks.paper_host)
    place = "https://www.isds.example/" if quirks.isds_send else None
    pen = Pen()
    pen.open(f"q:{kind.root}", xmlns_q=namespace, xmlns_xsi=XSI, isds_send=place)
    pen.raw(content)
    pen.close(f"q:{kind.root}")
    return pen.done()


def record(pen: Pen, message: Message, viewer: str, ordinal: int) -> None:
    """Write a line of a list: state and size before the times (facts 4.6)."""
    pen.open(
        "p:dmRecord", dmType=message.kind or None, dmVODZ=_flag(value=True) if message.big else None
    )
    pen.add("p:dmOrdinal", ordinal)
    _envelope(pen, message)
    pen.add("p:dmMessageStatus", message.listed_for(viewer))
    pen.add("p:dmAttachmentSize", message.size)
    _times(pen, message, "p")
    pen.close("p:dmRecord")


def _flag(*, value: bool) -> str:
    return "true" if value else "false"
