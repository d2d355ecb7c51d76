"""SSEV's SOAP words: envelopes of calls, and the values inside answers (facts 7.4, 7.5). Pure.

Members are written in wire order, for the service silently drops what stands out of order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from lxml import etree
from lxml.etree import _Element

from depesha.adapters.ssev.mtom import FilePart
from depesha.adapters.ssev.problems import Problem, SsevError
from depesha.adapters.ssev.values import Letter, OutgoingFile, Profile, ProfileKind, Row, RowPage
from depesha.errors import WireError
from depesha.schemas import ids, xml
from depesha.schemas.ids import Guid
from depesha.schemas.wire.ssev import CONTRACT, DATA, SOAP, SUBJECT, XOP, XSI

SOFIA: Final = ZoneInfo("Europe/Sofia")
_NIL: Final = f"{{{XSI}}}nil"
_NEVER: Final = 1
"""Year of a moment that means none (facts 7.6)."""
_EXTENDED: Final = re.compile(r"(\d+)/\d{2}\.\d{2}\.\d{4} - ")
Value = str | int | bool | _Element | None


def call(operation: str, parameters: Sequence[tuple[str, Value]]) -> _Element:
    """Return the envelope of a call, without its security header.

    Parameters in wire order; None is left out. Raises `WireError` for what XML cannot carry.
    """
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"s": SOAP})
    body = etree.SubElement(envelope, f"{{{SOAP}}}Body")
    wrapper = etree.SubElement(body, f"{{{CONTRACT}}}{operation}", nsmap={"t": CONTRACT})
    for name, value in parameters:
        if isinstance(value, _Element):
            value.tag = f"{{{CONTRACT}}}{name}"
            wrapper.append(value)
        elif value is not None:
            _add(wrapper, CONTRACT, name, value)
    return envelope


def letter(content: Letter, files: Sequence[OutgoingFile]) -> tuple[_Element, list[FilePart]]:
    """Return the `message` parameter and the parts it includes."""
    message = etree.Element(f"{{{CONTRACT}}}message", nsmap={"a": DATA, "xop": XOP})
    parts = [
        FilePart(content_id=f"file{number}@depesha.example", path=file.path, size=file.size)
        for number, file in enumerate(files, 1)
    ]
    # DcMessage before DcMessageDetails, each alphabetical: Title, documents, text.
    _add(message, DATA, "Title", content.subject)
    if files:
        documents = etree.SubElement(message, f"{{{DATA}}}AttachedDocuments")
        for file, part in zip(files, parts, strict=True):
            _document(documents, file, part)
    _add(message, DATA, "MessageText", content.text)
    return message, parts


def _document(documents: _Element, file: OutgoingFile, part: FilePart) -> None:
    document = etree.SubElement(documents, f"{{{DATA}}}DcDocument")
    content = etree.SubElement(document, f"{{{DATA}}}Content")
    etree.SubElement(content, f"{{{XOP}}}Include", href=f"cid:{part.content_id}")
    _add(document, DATA, "ContentType", file.media_type)
    _add(document, DATA, "DocumentName", file.name)
    if file.registration_number:
        _add(document, DATA, "DocumentRegistrationNumber", file.registration_number)


def _add(parent: _Element, namespace: str, name: str, value: str | int) -> None:
    element = etree.SubElement(parent, f"{{{namespace}}}{name}")
    try:
        element.text = str(value).lower() if isinstance(value, bool) else str(value)
    except ValueError as error:
        raise WireError("a text holds characters that XML cannot carry") from error


def body_of(envelope: _Element) -> _Element:
    """Return what an answer's body holds; raise `WireError` where it is not one element."""
    bodies = envelope.findall(f"{{{SOAP}}}Body")
    if envelope.tag != f"{{{SOAP}}}Envelope" or len(bodies) != 1 or len(bodies[0]) != 1:
        raise WireError("the answer is no SOAP answer")
    return bodies[0][0]


def fault_of(body: _Element) -> tuple[str, str] | None:
    """Return code and text of a fault, or None."""
    if body.tag != f"{{{SOAP}}}Fault":
        return None
    return (body.findtext("faultcode") or "").strip(), (body.findtext("faultstring") or "").strip()


def result_of(body: _Element, operation: str) -> _Element | None:
    """Return the result of an operation, None where it is absent or nil; `WireError`."""
    if body.tag != f"{{{CONTRACT}}}{operation}Response":
        raise WireError("the answer is of another operation")
    result = body.find(f"{{{CONTRACT}}}{operation}Result")
    return None if result is None or _nil(result) else result


def _nil(element: _Element) -> bool:
    return element.get(_NIL) in {"true", "1"}


def member(element: _Element, name: str, namespace: str = DATA) -> _Element | None:
    """Return a member; None where absent or nil."""
    found = element.find(f"{{{namespace}}}{name}")
    return None if found is None or _nil(found) else found


def text(element: _Element, name: str, namespace: str = DATA) -> str:
    """Return a member's text; empty where absent or nil."""
    found = member(element, name, namespace)
    return "" if found is None else xml.text(found)


def number(element: _Element, name: str) -> int:
    """Return a member that must be a number; raise `WireError`."""
    return whole(text(element, name))


def whole(given: str) -> int:
    """Return a whole number of the wire; raise `WireError`."""
    try:
        return int(given)
    except ValueError:
        raise WireError("a number in an answer cannot be read") from None


def moment(element: _Element, name: str) -> datetime | None:
    """Return a member that is a moment; None where absent, nil or of year 1.

    Without a zone it is the service's local time (facts 7.6).
    """
    given = text(element, name).strip()
    if not given:
        return None
    try:
        read = datetime.fromisoformat(given)
    except ValueError:
        raise WireError("a moment in an answer cannot be read") from None
    if read.year == _NEVER:
        return None
    return read.replace(tzinfo=SOFIA) if read.tzinfo is None else read


def must_moment(element: _Element, name: str) -> datetime:
    """Return a moment that must be there; raise `WireError`."""
    found = moment(element, name)
    if found is None:
        raise WireError("a moment in an answer is missing")
    return found


def rows(result: _Element | None) -> tuple[Row, ...]:
    """Return the rows of a list of DcMessage."""
    found = () if result is None else result.findall(f"{{{DATA}}}DcMessage")
    return tuple(_row(element) for element in found)


def row_page(result: _Element | None) -> RowPage:
    """Return a page of rows."""
    if result is None:
        raise WireError("a page in an answer is missing")
    return RowPage(rows=rows(member(result, "Items")), total=number(result, "AllItemsCount"))


def _row(element: _Element) -> Row:
    message_id = number(element, "Id")
    sender, receiver = member(element, "SenderProfile"), member(element, "ReceiverProfile")
    return Row(
        message_id=message_id,
        sent_at=must_moment(element, "DateSent"),
        received_at=moment(element, "DateReceived"),
        subject=plain_subject(text(element, "Title"), message_id),
        sender_name="" if sender is None else text(sender, "ElectronicSubjectName"),
        sender_profile_id=None if sender is None else number(sender, "Id"),
        sender_subject_id=subject_id(sender),
        recipients="" if receiver is None else text(receiver, "ElectronicSubjectName"),
    )


def subject_id(profile: _Element | None) -> Guid | None:
    """Return a profile's electronic subject id, or None."""
    given = "" if profile is None else text(profile, "ElectronicSubjectId").strip()
    return ids.guid(given) if given else None


def plain_subject(title: str, message_id: int) -> str:
    """Take the list's own prefix off a title (facts 5.3); leave any other as it is."""
    match = _EXTENDED.match(title)
    return title[match.end() :] if match and int(match[1]) == message_id else title


def subject_info(element: _Element, *, identifier: str = "") -> Profile:
    """Return a DcSubjectPublicInfo or a type made from it."""
    given = text(element, "ElectronicSubjectId", SUBJECT).strip()
    kind = text(element, "ProfileType", SUBJECT)
    return Profile(
        name=text(element, "ElectronicSubjectName", SUBJECT),
        identifier=identifier or text(element, "UniqueSubjectIdentifier", SUBJECT),
        subject_id=ids.guid(given) if given else None,
        kind=ProfileKind(kind) if kind in set(ProfileKind) else None,
        active=text(element, "IsActivated", SUBJECT).strip() in {"true", "1"},
    )


def registered(result: _Element, identifier: str) -> Profile | None:
    """Return the party of a registration check; None where there is none."""
    if text(result, "HasRegistration").strip() not in {"true", "1"}:
        return None
    info = member(result, "SubjectInfo")
    return None if info is None else subject_info(info, identifier=identifier)


def institutions(result: _Element | None) -> tuple[Profile, ...]:
    """Return the list of registered institutions."""
    found: Iterable[_Element] = (
        () if result is None else result.findall(f"{{{SUBJECT}}}DcInstitutionInfo")
    )
    return tuple(subject_info(element) for element in found)


def refuse_unusable(files: Sequence[OutgoingFile], content: Letter) -> None:
    """Refuse what the service would (facts 7.3), before a byte leaves; `SsevError`."""
    if not content.subject.strip() or not (content.text or files):
        raise SsevError("a message needs a subject, and a text or a file", Problem.OUR_DEFECT)
    for file in files:
        stem, dot, extension = file.name.rpartition(".")
        if not (stem and dot and extension) or not file.size:
            raise SsevError("a file needs content and a name with an extension", Problem.OUR_DEFECT)
