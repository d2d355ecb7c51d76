"""Reads small answers of ISDS out of their trees: lists, states, boxes, outcomes (facts 5). Pure.

Lenient where the facts say so (open lists, nil in every form); it never judges an outcome beyond
its code.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final

from depesha.adapters.isds.codes import Action, action_of
from depesha.adapters.isds.problems import of_code
from depesha.adapters.isds.values import (
    Box,
    Boxes,
    Delivery,
    Event,
    Row,
    StateChange,
    boolean_of,
    moment_of,
    number_of,
    words_of,
)
from depesha.errors import WireError
from depesha.schemas.wire.isds import SOAP11, SOAP12, V20, XSI

if TYPE_CHECKING:
    from lxml.etree import _Element

_NIL: Final = f"{{{XSI}}}nil"


def body_of(root: _Element) -> _Element:
    """Return what an answer's body holds, of either SOAP; raise `WireError` for anything else."""
    for soap in (SOAP11, SOAP12):
        bodies = root.findall(f"{{{soap}}}Body")
        if root.tag == f"{{{soap}}}Envelope" and len(bodies) == 1 and len(bodies[0]) == 1:
            return bodies[0][0]
    raise WireError("an answer of ISDS is no SOAP answer")


def response_of(root: _Element, operation: str) -> _Element:
    """Return the answer to an operation; raise `WireError` for another one."""
    found = body_of(root)
    if found.tag != f"{{{V20}}}{operation}Response":
        raise WireError("an answer of ISDS is to another operation")
    return found


def succeed(response: _Element) -> str:
    """Return the code of a good answer; raise `IsdsError` for any other."""
    code, said = outcome(response)
    must_be_done(code, said)
    return code


def must_be_done(code: str, said: str) -> None:
    """Raise `IsdsError` unless a code says that it was done."""
    if action_of(code) is not Action.DONE:
        raise of_code(code, said)


def outcome(response: _Element) -> tuple[str, str]:
    """Return code and text; raise `WireError` where there is neither."""
    for kind in ("dm", "db"):
        status = child(response, f"{kind}Status")
        if status is not None:
            return text(status, f"{kind}StatusCode").strip(), text(status, f"{kind}StatusMessage")
    raise WireError("an answer of ISDS has no outcome")


def child(parent: _Element, name: str) -> _Element | None:
    """Return a child; None where absent or nil."""
    found = parent.find(f"{{{V20}}}{name}")
    return None if found is None or found.get(_NIL) in {"true", "1"} else found


def text(parent: _Element, name: str) -> str:
    """Return a child's text; empty where absent or nil."""
    found = child(parent, name)
    return "" if found is None else (found.text or "")


def _texts(parent: _Element) -> dict[str, str]:
    """Return the texts of all children by local name, for flat structures."""
    prefix = f"{{{V20}}}"
    return {
        each.tag.removeprefix(prefix): (each.text or "").strip()
        for each in parent
        if each.tag.startswith(prefix) and not len(each) and each.get(_NIL) not in {"true", "1"}
    }


def _all(parent: _Element | None, name: str) -> list[_Element]:
    return [] if parent is None else parent.findall(f"{{{V20}}}{name}")


def rows(response: _Element) -> tuple[Row, ...]:
    """Return the lines of a list."""
    return tuple(_row(each) for each in _all(child(response, "dmRecords"), "dmRecord"))


def _row(element: _Element) -> Row:
    said = _texts(element)
    return Row(
        words=words_of(said),
        state=_must_number(said, "dmMessageStatus"),
        size_kib=number_of(said.get("dmAttachmentSize", "")),
        delivered_at=moment_of(said.get("dmDeliveryTime", "")),
        accepted_at=moment_of(said.get("dmAcceptanceTime", "")),
        message_type=element.get("dmType", ""),
        big=boolean_of(element.get("dmVODZ", "")) or False,
    )


def changes(response: _Element) -> tuple[StateChange, ...]:
    """Return the changes of state, in the order given: none is promised."""
    return tuple(_change(each) for each in _all(child(response, "dmRecords"), "dmRecord"))


def _change(element: _Element) -> StateChange:
    said = _texts(element)
    return StateChange(
        dm_id=said.get("dmID", ""),
        at=must_moment(said.get("dmEventTime", "")),
        state=_must_number(said, "dmMessageStatus"),
    )


def delivery(response: _Element) -> Delivery:
    """Return unsigned delivery information."""
    told = child(response, "dmDelivery")
    body = None if told is None else child(told, "dmDm")
    if told is None or body is None:
        raise WireError("an answer of ISDS lacks what was asked for")
    events = _all(child(told, "dmEvents"), "dmEvent")
    return Delivery(
        words=words_of(_texts(body)),
        state=number_of(text(told, "dmMessageStatus")),
        delivered_at=moment_of(text(told, "dmDeliveryTime")),
        accepted_at=moment_of(text(told, "dmAcceptanceTime")),
        events=tuple(
            Event(at=moment_of(text(e, "dmEventTime")), text=text(e, "dmEventDescr").strip())
            for e in events
        ),
    )


def owner(response: _Element) -> Box:
    """Return the box that a log-in enters."""
    told = child(response, "dbOwnerInfo")
    if told is None:
        raise WireError("an answer of ISDS lacks what was asked for")
    return _owner(told)


def owners(response: _Element) -> tuple[Box, ...]:
    """Return the boxes of a search by words."""
    return tuple(_owner(each) for each in _all(child(response, "dbResults"), "dbOwnerInfo"))


def _owner(element: _Element) -> Box:
    said = _texts(element)
    person = " ".join(p for p in (said.get("pnGivenNames"), said.get("pnLastName")) if p)
    street = " ".join(p for p in (said.get("adStreet"), said.get("adNumberInStreet")) if p)
    city = " ".join(p for p in (said.get("adZipCode"), said.get("adCity")) if p)
    return Box(
        box_id=said.get("dbID", ""),
        kind=said.get("dbType", ""),
        name=said.get("firmName") or person,
        address=", ".join(p for p in (street, city, said.get("adState")) if p),
        ic=said.get("ic", ""),
        authority_id=said.get("dbIdOVM", ""),
        state=number_of(said.get("dbState", "")),
    )


def boxes(response: _Element) -> Boxes:
    """Return a page of the full-text search."""
    found = tuple(_hit(each) for each in _all(child(response, "dbResults"), "dbResult"))
    return Boxes(
        boxes=found,
        total=number_of(text(response, "totalCount")) or 0,
        last=boolean_of(text(response, "lastPage")) is not False,
    )


def _hit(element: _Element) -> Box:
    said = _texts(element)
    return Box(
        box_id=said.get("dbID", ""),
        kind=said.get("dbType", ""),
        name=said.get("dbName", ""),
        address=said.get("dbAddress", ""),
        ic=said.get("dbICO", ""),
        authority_id=said.get("dbIdOVM", ""),
        send_options=said.get("dbSendOptions", ""),
    )


def must_moment(given: str) -> datetime:
    """Return a moment that must be there; raise `WireError`."""
    found = moment_of(given)
    if found is None:
        raise WireError("a moment in an answer of ISDS is missing")
    return found


def _must_number(said: Mapping[str, str], name: str) -> int:
    found = number_of(said.get(name, ""))
    if found is None:
        raise WireError("a number in an answer of ISDS is missing")
    return found
