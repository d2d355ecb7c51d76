"""The form of our own signatures (facts 5.1, 14.8), and what the signer refuses."""

import base64

import pytest
from lxml import etree

from depesha.adapters.signing import DS, METHODS, XmlSigner
from depesha.errors import ConfigurationError, DepeshaError, WireError
from depesha.schemas.xml import parse
from depesha.simulators.authority import Identity
from tests.support.signatures import message, network, signed, signer


def names(element: etree._Element) -> list[str]:
    return [etree.QName(child).localname for child in element]


@pytest.mark.parametrize("algorithm", METHODS)
def test_the_form(algorithm: str) -> None:
    root = parse(signed(algorithm)).root
    assert names(root) == ["Header", "Body", "Signature"]
    signature = root[-1]
    assert names(signature) == ["SignedInfo", "SignatureValue", "KeyInfo"]
    assert [one.get("Algorithm") for one in signature.iter() if one.get("Algorithm")] == [
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        METHODS[algorithm][0],
        DS + "enveloped-signature",
        METHODS[algorithm][1],
    ]
    assert [one.get("URI") for one in signature.iter(f"{{{DS}}}Reference")] == [""]
    assert names(signature[2]) == ["X509Data"]
    assert names(signature[2][0]) == ["X509IssuerSerial", "X509Certificate"]
    victim = network().victim
    assert signature[2][0][0][1].text == str(victim.certificate.serial_number)
    assert base64.b64decode(signature[2][0][1].text or "") == victim.certificate_der


def test_no_blank_is_added_anywhere() -> None:
    document = signed("rsa-sha512")
    assert b"\n" not in document
    assert b"> <" not in document
    assert len(parse(document).root.findtext(f".//{{{DS}}}SignatureValue") or "") == 344


def test_the_same_document_again_gives_the_same_bytes() -> None:
    assert signed() == signed()


def test_refuses() -> None:
    with pytest.raises(DepeshaError, match="already"):
        signer().sign(signed(), "rsa-sha1")
    with pytest.raises(ConfigurationError, match="algorithm"):
        signer().sign(message(), "hmac-sha1")
    with pytest.raises(WireError):
        signer().sign(b"<a>", "rsa-sha1")


def test_self_check() -> None:
    signer().self_check()
    victim, other = network().victim, network().neighbour
    mixed = Identity(key=victim.key, certificate=other.certificate)
    with pytest.raises(ConfigurationError, match="does not verify"):
        XmlSigner(mixed).self_check("rsa-sha256")
