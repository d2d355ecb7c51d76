"""What travelled in a simulated week, as bytes: signed SEOS documents, and the look of the others.

Only to be shown: nobody reads them again. Signing takes a few milliseconds; call it in a thread.
"""

from __future__ import annotations

import base64
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from depesha.schemas.envelope import RegistrationNumber
from depesha.schemas.ids import Guid
from depesha.simulators.authority import Identity
from depesha.simulators.bodies import EMAIL, ISDS, SEOS
from depesha.simulators.seos_documents import DocumentId, Header, RegistrationRequest
from depesha.simulators.seos_signing import sign
from depesha.simulators.seos_writing import build
from depesha.simulators.week_letters import Letter

_SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"


def wire(network: str, letter: Letter, identity: Identity) -> bytes:
    """Return what travels by a network."""
    if network == SEOS:
        return _seos(letter, identity)
    if network == EMAIL:
        return _mail(letter)
    return _soap(network, letter)


def said(network: str, status: str, document: Guid, number: RegistrationNumber | None) -> bytes:
    """Return what a side says about a document."""
    told = "" if number is None else f' number={quoteattr(number.number)} date="{number.date}"'
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<answer network="{network}">\n'
        f'  <document guid="{document}" status="{status}"{told}/>\n</answer>\n'
    ).encode()


def _seos(letter: Letter, identity: Identity) -> bytes:
    header = Header(
        message_guid=letter.transport_id,
        created_at=letter.at,
        sender=letter.sender,
        recipient=letter.recipient,
    )
    request = RegistrationRequest(
        document=DocumentId(guid=letter.document, number=letter.number),
        kind=letter.kind,
        subject=letter.subject,
        enclosures=letter.files,
    )
    return sign(build(header, request), identity).encode()


def _mail(letter: Letter) -> bytes:
    mail = EmailMessage()
    mail["From"] = f"<delo@{letter.sender.identifier}.example>"
    mail["To"] = f"<delo@{letter.recipient.identifier}.example>"
    mail["Subject"] = letter.subject
    mail["Date"] = format_datetime(letter.at)
    mail["Message-ID"] = f"<{letter.transport_id}@example>"
    mail.set_content("Измислен документ. Smyšlený dokument.\n")
    for file in letter.files:
        mail.add_attachment(
            file.content, maintype="application", subtype="octet-stream", filename=file.name
        )
    return mail.as_bytes()


def _soap(network: str, letter: Letter) -> bytes:
    operation = "CreateMessage" if network == ISDS else "SendMessage"
    files = "".join(
        f"\n        <file name={quoteattr(file.name)} type={quoteattr(file.media_type)}>"
        f"{base64.b64encode(file.content).decode()}</file>"
        for file in letter.files
    )
    number = "" if letter.number is None else letter.number.number
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<s:Envelope xmlns:s="{_SOAP}">\n  <s:Body>\n'
        f'    <{operation} id="{letter.transport_id}" written="{_moment(letter.at)}">\n'
        f"      <from>{escape(letter.sender.identifier)}</from>\n"
        f"      <to>{escape(letter.recipient.identifier)}</to>\n"
        f"      <document>{letter.document}</document>\n"
        f"      <number>{escape(number)}</number>\n"
        f"      <subject>{escape(letter.subject)}</subject>\n      <files>{files}\n      </files>\n"
        f"    </{operation}>\n  </s:Body>\n</s:Envelope>\n"
    ).encode()


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
