"""From the register's answer to participants (facts 10). Pure: no socket, no file, no clock.

Parsed by local name, whatever the encoding says; fields in any order; an entry that cannot be
used is left out and counted, and never spoils the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lxml import etree

from depesha.adapters.seos.dates import read_moment
from depesha.adapters.seos.mapping import SOFIA
from depesha.errors import PeerError, WireError
from depesha.schemas import ids, xml
from depesha.schemas.participant import Participant, ParticipantStatus
from depesha.schemas.wire.seos import DOCUMENT_EXCHANGE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from lxml.etree import _Element

    from depesha.schemas.ids import Guid, SerialNumber

STATUSES: Final = {
    "active": ParticipantStatus.ACTIVE,
    "inactive": ParticipantStatus.INACTIVE,
    "temporarilyinactive": ParticipantStatus.TEMPORARILY_INACTIVE,
}
NO_PARENT: Final = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterCopy:
    """One whole answer of the register."""

    participants: tuple[Participant, ...]
    changed_at: datetime | None
    """The register's own time of last change."""
    unusable: int = 0
    """Entries left out: without a GUID or an identifier."""


def read_register(body: bytes) -> RegisterCopy:
    """Read the body of an answer to `GetAllRecords`; raise `WireError` or `PeerError`."""
    root = xml.parse(body).root
    if _first(root, "Fault") is not None:
        raise PeerError("the register answered with a SOAP fault")
    entities = _first(root, "Entities")
    if entities is None:
        raise WireError("the register's answer holds no entities")
    read = [_participant(item) for item in entities]
    participants = tuple(p for p in read if p is not None)
    parent = entities.getparent()
    return RegisterCopy(
        participants=participants,
        changed_at=None if parent is None else _moment(parent, "LastChange"),
        unusable=len(read) - len(participants),
    )


def _participant(item: _Element) -> Participant | None:
    guid, identifier = _guid(item, "Guid"), _text(item, "EntityIdentifier")
    if guid is None or not identifier:
        return None
    service = _service(item)
    contact = _child(item, "Contact")
    return Participant(
        guid=guid,
        identifier=identifier,
        name=" ".join(_text(item, "AdministrativeBodyName").split()),
        status=_status(item, service),
        serial=_serial(item),
        url="" if service is None else _text(service, "URI"),
        phone="" if contact is None else _text(contact, "Phone"),
        fax="" if contact is None else _text(contact, "Fax"),
        email="" if contact is None else _text(contact, "EmailAddress"),
        parent=_parent(item),
        changed_at=_moment(item, "LastChange"),
    )


def _service(item: _Element) -> _Element | None:
    """Choose by GUID, never by name: exchange, active, with an address; else any address (10.5)."""
    services = _child(item, "Services")
    with_address = [s for s in (() if services is None else services) if _text(s, "URI")]
    for service in with_address:
        exchange = _guid(service, "Guid") == DOCUMENT_EXCHANGE
        if exchange and _said(service) is ParticipantStatus.ACTIVE:
            return service
    return with_address[0] if with_address else None


def _status(item: _Element, service: _Element | None) -> ParticipantStatus:
    """Effective status: the entity's unless active, then the chosen service's (10.5)."""
    own = _said(item)
    if own is not ParticipantStatus.ACTIVE:
        return own
    return ParticipantStatus.INACTIVE if service is None else _said(service)


def _said(element: _Element) -> ParticipantStatus:
    return STATUSES.get(_text(element, "Status").casefold(), ParticipantStatus.INACTIVE)


def _serial(item: _Element) -> SerialNumber | None:
    try:
        return ids.serial_number(_text(item, "CertificateSN"))
    except WireError:
        return None


def _parent(item: _Element) -> Guid | None:
    parent = _guid(item, "ParentGuid")
    return None if parent == NO_PARENT else parent


def _guid(element: _Element, name: str) -> Guid | None:
    try:
        return ids.guid(_text(element, name))
    except WireError:
        return None


def _moment(element: _Element, name: str) -> datetime | None:
    try:
        moment = read_moment(_text(element, name))
    except WireError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=SOFIA)


def _text(element: _Element, name: str) -> str:
    child = _child(element, name)
    return "" if child is None else xml.text(child).strip()


def _child(element: _Element, name: str) -> _Element | None:
    return next((child for child in element if _local(child) == name), None)


def _first(root: _Element, name: str) -> _Element | None:
    found: Iterator[_Element] = root.iter(f"{{*}}{name}")
    return next(found, None)


def _local(element: _Element) -> str:
    return etree.QName(element).localname
