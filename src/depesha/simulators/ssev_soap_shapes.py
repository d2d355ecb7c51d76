"""The SOAP shapes of the simulated SSEV: elements, order and nils as facts 7.5 have them.

State in, elements out. Members are given in wire order; nothing here sorts.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import datetime
from typing import Final
from urllib.parse import quote

from lxml import etree

from depesha.schemas.ids import Guid
from depesha.schemas.wire.ssev import DATA, SUBJECT, XOP, XSI
from depesha.simulators.ssev_mtom import Parts
from depesha.simulators.ssev_state import SsevState, local
from depesha.simulators.ssev_values import Blob, Copy, Group, Login, Message, Profile

NIL: Final = (f"{{{XSI}}}nil", "true")
NEVER: Final = "0001-01-01T00:00:00"
NOBODY: Final = Guid("00000000-0000-0000-0000-000000000000")
KINDS: Final = {
    Group.INDIVIDUAL: "Person",
    Group.LEGAL_ENTITY: "LegalPerson",
    Group.ADMINISTRATION: "Institution",
    Group.SOCIAL: "Institution",
}


def add(
    parent: etree._Element, namespace: str, name: str, value: str | bytes | int | datetime | None
) -> etree._Element:
    """Add a member; None is written as nil, a moment as local time without a zone."""
    element = etree.SubElement(parent, f"{{{namespace}}}{name}")
    match value:
        case None:
            element.set(*NIL)
        case bool():
            element.text = "true" if value else "false"
        case datetime():
            element.text = local(value).replace(tzinfo=None).isoformat()
        case bytes():
            element.text = base64.b64encode(value).decode()
        case _:
            element.text = str(value)
    return element


class SoapShapes:
    """Writes one answer's elements."""

    def __init__(self, state: SsevState, parts: Parts) -> None:
        self._state = state
        self._parts = parts

    def row(self, element: etree._Element, message: Message, copy: Copy) -> None:
        """DcMessage: extended title; of the profiles only ids and names are real (facts 7.6)."""
        self._head(element, message, copy, sender=message.sender, bare=True)
        add(element, DATA, "Title", self._state.extended_subject(message))

    def details(
        self, element: etree._Element, message: Message, copy: Copy, *, contents: bool, own: bool
    ) -> None:
        """DcMessageDetails, for the sender (`own`) or the recipient."""
        original = self._state.original(message)
        self._head(element, message, copy, sender=original.sender, bare=False)
        add(element, DATA, "Title", original.subject)
        documents = etree.SubElement(element, f"{{{DATA}}}AttachedDocuments")
        for blob in self._state.blobs_of(message):
            one = etree.SubElement(documents, f"{{{DATA}}}DcDocument")
            self.document(one, blob, contents=contents)
        add(element, DATA, "MessageText", self._state.text_of(message))
        self._evidence(element, message, copy, own=own)

    def _evidence(
        self, element: etree._Element, message: Message, copy: Copy, *, own: bool
    ) -> None:
        summary = etree.SubElement(element, f"{{{DATA}}}TimeStampContent")
        stem = self._stem(message, message.sender if own else copy.profile_id)
        self._binary(summary, "Content", message.summary if own else copy.summary)
        add(summary, DATA, "ContentType", "application/xml")
        add(summary, DATA, "FileName", f"{stem}.xml")
        receipt = etree.SubElement(element, f"{{{DATA}}}TimeStampNRD")
        if own:
            receipt.set(*NIL)  # the sender never gets it (facts 5.4)
        else:
            add(receipt, DATA, "FileName", f"{stem}_NRD.tsr")
            self._binary(receipt, "TimeStampData", copy.receipt)
        origin = etree.SubElement(element, f"{{{DATA}}}TimeStampNRO")
        add(origin, DATA, "FileName", f"{self._stem(message, message.sender)}_NRO.tsr")
        self._binary(origin, "TimeStampData", message.origin)

    def document(self, element: etree._Element, blob: Blob, *, contents: bool) -> None:
        """DcDocument, with its content or without (then nil, and no signatures)."""
        if contents:
            self._binary(element, "Content", blob.path.read_bytes())
        else:
            add(element, DATA, "Content", None)
        add(element, DATA, "ContentEncodingCodePage", None)
        add(element, DATA, "ContentType", media_type(blob.name))
        add(element, DATA, "DocumentName", blob.name)
        add(element, DATA, "DocumentRegistrationNumber", blob.registration_number or None)
        add(element, DATA, "Id", blob.blob_id)
        signatures = etree.SubElement(element, f"{{{DATA}}}SignaturesInfo")
        if contents:
            _unsigned(etree.SubElement(signatures, f"{{{DATA}}}DcSignatureValidationResult"))
        else:
            signatures.set(*NIL)
        stamp = etree.SubElement(element, f"{{{DATA}}}TimeStamp")
        add(stamp, DATA, "FileName", blob.name)
        self._binary(stamp, "TimeStampData", blob.stamp)

    def _binary(self, parent: etree._Element, name: str, content: bytes) -> None:
        if len(content) < self._parts.inline_below:
            add(parent, DATA, name, content)
            return
        element = etree.SubElement(parent, f"{{{DATA}}}{name}")
        include = etree.SubElement(element, f"{{{XOP}}}Include", nsmap={"xop": XOP})
        include.set("href", "cid:" + quote(self._parts.add(content), safe=""))

    def _head(
        self, element: etree._Element, message: Message, copy: Copy, *, sender: int, bare: bool
    ) -> None:
        people = self._state.people
        original = self._state.original(message) if not bare else message
        add(element, DATA, "DateCreated", message.sent_at)
        add(element, DATA, "DateReceived", copy.opened_at)
        add(element, DATA, "DateSent", message.sent_at)
        add(element, DATA, "Id", message.message_id)
        add(element, DATA, "IsDraft", value=False)
        _login(element, "ReceiverLogin", people.login(copy.login_id), bare=bare)
        _profile(element, "ReceiverProfile", people.known(copy.profile_id), bare=bare)
        _login(element, "SenderLogin", people.login(original.login_id), bare=bare)
        _profile(element, "SenderProfile", people.known(sender), bare=bare)

    def _stem(self, message: Message, profile_id: int) -> str:
        day = local(message.sent_at).strftime("%Y%m%d")
        subject = self._state.people.known(profile_id).subject_id
        return f"{day}_{subject}_{message.message_id}"


def subject(element: etree._Element, profile: Profile) -> None:
    """DcSubjectInfo, with the concrete kind as xsi:type."""
    kind = KINDS[profile.group]
    name = {"Person": "DcPersonInfo", "LegalPerson": "DcLegalPersonInfo"}.get(
        kind, "DcInstitutionInfo"
    )
    prefix = next(p for p, uri in element.nsmap.items() if uri == SUBJECT)
    element.set(f"{{{XSI}}}type", f"{prefix}:{name}")
    public(element, profile)
    add(element, SUBJECT, "Address", None)
    add(element, SUBJECT, "DateCreated", profile.created_at)
    add(element, SUBJECT, "UniqueSubjectIdentifier", profile.identifier)
    add(element, SUBJECT, "VerificationInfo", None)
    match kind:
        case "Person":
            add(element, SUBJECT, "BirthDate", NEVER)
            for member in ("DateOfDeath", "FirstName", "LastName", "MiddleName"):
                add(element, SUBJECT, member, None)
        case "LegalPerson":
            add(element, SUBJECT, "CompanyName", profile.name)
            add(element, SUBJECT, "DateOutOfForce", None)
            add(element, SUBJECT, "InForceDate", NEVER)
            add(element, SUBJECT, "RegisteredBy", None)
        case _:
            add(element, SUBJECT, "HeadInstitution", None)
            add(element, SUBJECT, "Name", profile.name)
            add(element, SUBJECT, "SubInstitutions", None)


def public(element: etree._Element, profile: Profile) -> None:
    """Members of DcSubjectPublicInfo."""
    add(element, SUBJECT, "ElectronicSubjectId", profile.subject_id)
    add(element, SUBJECT, "ElectronicSubjectName", profile.name)
    add(element, SUBJECT, "Email", profile.email)
    add(element, SUBJECT, "IsActivated", profile.activated)
    add(element, SUBJECT, "PhoneNumber", profile.phone)
    add(element, SUBJECT, "ProfileType", KINDS[profile.group])


def short(element: etree._Element, profiles: Iterable[Profile]) -> None:
    """Members of a list of DcSubjectShortInfo."""
    for profile in profiles:
        one = etree.SubElement(element, f"{{{DATA}}}DcSubjectShortInfo")
        person = profile.group is Group.INDIVIDUAL
        add(one, DATA, "EGN", profile.identifier if person else None)
        add(one, DATA, "EIK", None if person else profile.identifier)
        add(one, DATA, "Name", profile.name)
        add(one, DATA, "ProfileType", KINDS[profile.group])


def media_type(name: str) -> str:
    """Guess from the extension, as the service does."""
    known = {"pdf": "application/pdf", "xml": "application/xml", "txt": "text/plain"}
    return known.get(name.rpartition(".")[2].lower(), "application/octet-stream")


def _profile(parent: etree._Element, name: str, profile: Profile, *, bare: bool) -> None:
    element = etree.SubElement(parent, f"{{{DATA}}}{name}")
    add(element, DATA, "DateCreated", NEVER if bare else profile.created_at)
    add(element, DATA, "ElectronicSubjectId", profile.subject_id)
    add(element, DATA, "ElectronicSubjectName", profile.name)
    add(element, DATA, "Email", None if bare else profile.email)
    add(element, DATA, "Id", profile.profile_id)
    add(element, DATA, "IsDefault", value=False)
    add(element, DATA, "Phone", None if bare else profile.phone)
    add(element, DATA, "ProfileType", "Person" if bare else KINDS[profile.group])


def _login(parent: etree._Element, name: str, login: Login | None, *, bare: bool) -> None:
    """Details disclose the other party's login (facts 9, no. 26)."""
    element = etree.SubElement(parent, f"{{{DATA}}}{name}")
    if login is None:
        element.set(*NIL)
        return
    add(element, DATA, "CertificateThumbprint", None if bare else login.thumbprint)
    add(element, DATA, "ElectronicSubjectId", login.subject_id)
    add(element, DATA, "ElectronicSubjectName", login.name)
    add(element, DATA, "Email", None if bare else "login@office.example")
    add(element, DATA, "Id", login.login_id)
    add(element, DATA, "IsActive", value=True)
    add(element, DATA, "PhoneNumber", None)
    add(element, DATA, "Profiles", None)
    add(element, DATA, "PushNotificationsUrl", None if bare else login.push_url or None)


def _unsigned(element: etree._Element) -> None:
    """One entry that no signature was found, under the hidden fields' names (facts 7.5)."""
    values: tuple[tuple[str, str | int | None], ...] = (
        ("CertificateAlgorithm", None),
        ("ChainCertificates", None),
        ("ChainErrors", None),
        ("ContainsTimeStamp", False),
        ("Format", None),
        ("IsExpired", False),
        ("IsIntegrityValid", False),
        ("IsSignatureValid", False),
        ("IsTrustedSigner", False),
        ("Issuer", None),
        ("RevocationStatus", "OK"),
        ("Status", "NoSignatureFound"),
        ("SubjectEGN", None),
        ("Subject", None),
        ("TimeStampAuthority", None),
        ("TimeStampDate", None),
        ("ValidFrom", NEVER),
        ("ValidTo", NEVER),
    )
    for name, value in values:
        add(element, DATA, f"_x003C_{name}_x003E_k__BackingField", value)
