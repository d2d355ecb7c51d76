"""Our WS-Security against the simulator's own reading of it, and our look at answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree
from lxml.etree import _Element

from depesha.adapters.ssev.soap_security import TimestampSigner, judge_header
from depesha.errors import ConfigurationError, DepeshaError, WireError
from depesha.schemas import xml
from depesha.schemas.wire.ssev import DSIG, SOAP, WSSE, WSU
from depesha.simulators.authority import Authority, Identity
from depesha.simulators.ssev_soap_security import Doors, SecurityError, verify
from tests.support.ssev import key

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STRICT = Doors(timestamp_alone=True, sha1_alone=True)


def identity(number: int = 0) -> Identity:
    authority = Authority.create("Пробен издател", at=NOW, key=key(-1))
    return authority.issue("x", eik="000000001", at=NOW, key=key(number))


def secured(signer: TimestampSigner) -> _Element:
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"s": SOAP})
    etree.SubElement(envelope, f"{{{SOAP}}}Body")
    signer.secure(envelope, NOW)
    return xml.parse(etree.tostring(envelope)).root


@pytest.mark.parametrize("algorithm", ["rsa-sha1", "rsa-sha256"])
def test_our_header_is_believed_and_names_our_certificate(algorithm: str) -> None:
    own = identity()
    envelope = secured(TimestampSigner(own, algorithm=algorithm))
    doors = STRICT if algorithm == "rsa-sha1" else Doors(timestamp_alone=True)
    assert verify(envelope, NOW + timedelta(minutes=4), doors) == own.certificate_der
    signed = [r.get("URI") for r in envelope.iter(f"{{{DSIG}}}Reference")]
    assert signed == ["#TS-1"]


def _move_time(envelope: _Element) -> None:
    next(envelope.iter(f"{{{WSU}}}Expires")).text = "2026-03-02T09:06:00.000Z"


def _second_timestamp(envelope: _Element) -> None:
    stamp = next(envelope.iter(f"{{{WSU}}}Timestamp"))
    parent = stamp.getparent()
    assert parent is not None
    parent.append(xml.parse(etree.tostring(stamp)).root)


def _same_id_elsewhere(envelope: _Element) -> None:
    etree.SubElement(envelope[-1], "x").set(f"{{{WSU}}}Id", "TS-1")


def _unsigned(envelope: _Element) -> None:
    next(envelope.iter(f"{{{DSIG}}}Reference")).set("URI", "#X509-1")


@pytest.mark.parametrize("change", [_move_time, _second_timestamp, _same_id_elsewhere, _unsigned])
def test_a_changed_header_is_refused(change: Callable[[_Element], None]) -> None:
    envelope = secured(TimestampSigner(identity()))
    change(envelope)
    with pytest.raises(SecurityError):
        verify(envelope, NOW, STRICT)


def test_an_old_header_is_refused() -> None:
    with pytest.raises(SecurityError):
        verify(secured(TimestampSigner(identity())), NOW + timedelta(minutes=11), STRICT)


def test_a_key_of_another_certificate_is_found_at_start() -> None:
    mixed = Identity(key=key(1), certificate=identity(0).certificate)
    with pytest.raises(ConfigurationError):
        TimestampSigner(mixed)


def test_nothing_is_signed_twice() -> None:
    signer = TimestampSigner(identity())
    envelope = secured(signer)
    with pytest.raises(DepeshaError):
        signer.secure(envelope, NOW)


def _answer(header: str) -> _Element:
    text = (
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:o="{WSSE}" xmlns:u="{WSU}">{header}<s:Body/>'
        "</s:Envelope>"
    )
    return xml.parse(text.encode()).root


STAMP = "<u:Timestamp><u:Created>2026-03-02T09:00:07Z</u:Created></u:Timestamp>"


def test_an_answers_clock_is_told_and_not_punished() -> None:
    security = f'<s:Header><o:Security s:mustUnderstand="1">{STAMP}</o:Security></s:Header>'
    assert judge_header(_answer(security), NOW) == timedelta(seconds=7)
    assert judge_header(_answer(""), NOW) is None


@pytest.mark.parametrize(
    "header",
    [
        '<s:Header><x s:mustUnderstand="1"/></s:Header>',
        "<s:Header><o:Security/><o:Security/></s:Header>",
        f"<s:Header><o:Security>{STAMP}{STAMP}</o:Security></s:Header>",
        "<s:Header/><s:Header/>",
    ],
)
def test_a_header_that_cannot_be_understood_is_refused(header: str) -> None:
    with pytest.raises(WireError):
        judge_header(_answer(header), NOW)
