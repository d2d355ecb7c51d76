"""Rules of form that others would catch later, each seen to speak first."""

import pytest
from lxml import etree

from depesha.adapters.signature_form import FormError, inspect
from depesha.schemas.verdict import Rejection
from depesha.schemas.xml import parse
from depesha.simulators.attack_tools import DS, copy_of, part
from tests.support.signatures import signed


def rule(root: etree._Element) -> str:
    with pytest.raises(FormError) as caught:
        inspect(root)
    return caught.value.rule


def test_the_good_form() -> None:
    form = inspect(parse(signed("rsa-sha384")).root)
    assert (form.algorithm, form.digest) == ("rsa-sha384", "sha384")


def test_several_signatures_are_never_compared() -> None:
    root = parse(signed()).root
    root.insert(0, copy_of(root[-1]))
    assert rule(root) == "several-signatures"


def test_parts_of_signatures_stand_nowhere_else() -> None:
    root = parse(signed()).root
    part(root, "Body").append(copy_of(root[-1][0]))
    assert rule(root) == "parts-elsewhere"


def test_only_a_whole_document_is_looked_at() -> None:
    outer = etree.Element("outer")
    outer.append(parse(signed()).root)
    assert rule(outer[0]) == "not-the-document"


def test_a_certificate_of_unlikely_size_is_not_decoded() -> None:
    root = parse(signed()).root
    part(root, "X509Certificate").text = "A" * 100_000
    assert rule(root) == "certificate-size"


@pytest.mark.parametrize(
    "name", ["SignedInfo", "SignatureValue", "KeyInfo", "Signature", "Transforms", "DigestValue"]
)
def test_no_attribute_but_the_known_ones(name: str) -> None:
    root = parse(signed()).root
    part(root, name).set("Extra", "1")
    assert rule(root) == f"attributes-of-{name}"


@pytest.mark.parametrize("name", ["SignatureValue", "DigestValue", "X509Certificate"])
def test_no_elements_inside_values(name: str) -> None:
    root = parse(signed()).root
    etree.SubElement(part(root, name), f"{{{DS}}}Extra")
    assert rule(root) == f"inside-{name}"


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("KeyInfo", "<X>1</X>"),
        ("KeyInfo", "<KeyValue><DSAKeyValue/></KeyValue>"),
        ("KeyInfo", "<KeyValue><RSAKeyValue><Modulus>AA==</Modulus></RSAKeyValue></KeyValue>"),
        ("KeyInfo", "<KeyName>a<Evil/></KeyName>"),
        ("X509Data", "<X509SubjectName><Evil/></X509SubjectName>"),
        ("X509Data", "<X509IssuerSerial><X509SerialNumber>1</X509SerialNumber></X509IssuerSerial>"),
        ("X509Data", "<X509IssuerSerial Document='DS_REGISTERED'/>"),
        ("X509Data", "<X509CRL>AA==</X509CRL>"),
    ],
)
def test_nothing_rides_in_what_the_signature_does_not_cover(name: str, inside: str) -> None:
    root = parse(signed()).root
    element = parse(f'<a xmlns="{DS}">{inside}</a>'.encode()).root[0]
    part(root, name).append(element)
    with pytest.raises(FormError) as caught:
        inspect(root)
    assert caught.value.reason is Rejection.SIGNATURE_STRUCTURE


@pytest.mark.parametrize("name", ["Signature", "KeyInfo", "X509Data"])
def test_no_words_between_the_parts(name: str) -> None:
    root = parse(signed()).root
    part(root, name).text = "\n  "
    inspect(root)
    part(root, name)[0].tail = "Одобрено"
    assert rule(root) == f"words-in-{name}"


def test_what_peers_put_beside_the_certificate_is_harmless() -> None:
    root = parse(signed()).root
    info = part(root, "KeyInfo")
    beside = (
        "<KeyName>primer</KeyName>",
        "<KeyValue><RSAKeyValue><Modulus>A</Modulus><Exponent>A</Exponent></RSAKeyValue></KeyValue>",
    )
    for text in beside:
        info.append(parse(f'<a xmlns="{DS}">{text}</a>'.encode()).root[0])
    assert inspect(root).certificate
