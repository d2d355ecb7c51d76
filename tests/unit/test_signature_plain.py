"""The quick way of verifying says "holds" only where xmlsec says so too, and is really taken."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1

from depesha.adapters import signature_plain, verifying
from depesha.adapters.certificates import Certificate
from depesha.adapters.signature_form import FormError, inspect
from depesha.adapters.signing import METHODS
from depesha.errors import WireError
from depesha.schemas.xml import parse, serialise
from depesha.simulators.attack_tools import (
    DS,
    STEP,
    Shape,
    certificate_xml,
    reference_xml,
    signing_key,
    tree,
)
from depesha.simulators.attack_tools import signed as signed_as
from depesha.simulators.attacks import corpus
from tests.support.signatures import message, network, signed

EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"


def both(document: bytes) -> tuple[bool, bool]:
    """Return what the quick way and xmlsec say, each of a tree of its own, by the victim's key."""
    certificate = Certificate.read(network().victim.certificate_der)
    said = []
    for quick in (True, False):
        parsed = parse(document)
        form = inspect(parsed.root)
        before = serialise(parsed.root)
        if quick:
            said.append(signature_plain.holds(parsed, form, certificate.key))
            assert (serialise(parsed.root) == before) is not said[0]
        else:
            said.append(verifying._holds(form, verifying._key(certificate)))
    return said[0], said[1]


def shaped(shape: Shape, document: bytes | None = None) -> bytes:
    root = tree(document or message())
    signed_as(root, shape, signing_key(network().victim))
    return serialise(root)


@pytest.mark.parametrize("algorithm", METHODS)
def test_the_usual_signature_is_verified_the_quick_way(algorithm: str) -> None:
    assert both(signed(algorithm, size=100_000)) == (True, True)


@pytest.mark.parametrize(
    "text",
    ["", "a < b & c > d", "\t\n two\r\nlines\r", "„Община“ \U0001f4e8", "\"quoted\" 'twice'"],
)
def test_whatever_its_text_says(text: str) -> None:
    told = text.replace("&", "&amp;").replace("<", "&lt;").replace("\r", "&#13;")
    document = message(about=told)
    shape = Shape(key_info=certificate_xml(network().victim))
    assert both(shaped(shape, document)) == (True, True)
    assert both(shaped(shape, document).replace("Писмо".encode(), "Писма".encode())) == (
        False,
        False,
    )


def test_a_named_canonicalisation_is_the_same() -> None:
    steps = STEP + f'<Transform Algorithm="{C14N}"/>'
    shape = Shape(key_info=certificate_xml(network().victim), references=reference_xml(steps=steps))
    assert both(shaped(shape)) == (True, True)


@pytest.mark.parametrize(
    "change",
    [
        (b"<Message ", b'<Message xmlns:xsi="urn:example:other" xmlns:a="urn:example:a" '),
        (b"<DocKind>", b'<DocKind xmlns:deep="urn:example:deep">'),
        (b"><", b">\n  <"),  # text like any other, as long as none stands behind the signature
        (b"<Comment>", b'<Comment b="&quot;&#9;" a="&lt;">'),
    ],
)
def test_other_namespaces_and_blanks(change: tuple[bytes, bytes]) -> None:
    shape = Shape(key_info=certificate_xml(network().victim))
    assert both(shaped(shape, message().replace(*change))) == (True, True)


@pytest.mark.parametrize(
    "added", ['xml:lang="bg"', f'xmlns:ds="{DS}"'], ids=["inherited", "another prefix"]
)
def test_unusual_surroundings_are_left_to_xmlsec(added: str) -> None:
    shape = Shape(key_info=certificate_xml(network().victim))
    document = message().replace(b"<Message ", f"<Message {added} ".encode())
    assert both(shaped(shape, document)) == (False, True)


@pytest.mark.parametrize(
    "change",
    [
        (b"<Reference ", b'<Reference xmlns:q="urn:example:q" '),
        (b"<Reference ", f'<Reference xmlns:q="{DS}" '.encode()),
        (b"<SignedInfo>", b'<SignedInfo xmlns:q="urn:example:q">'),
        (b'<Signature xmlns="', b'<Signature xmlns:q="urn:example:q" xmlns="'),
        (b"<Message ", b'<Message xmlns:q="urn:example:q" '),
        (b"<Message ", b'<Message xml:space="preserve" '),
        (b"<Message ", b'<Message a="b" '),
        (b"<SignedInfo>", b"<SignedInfo> "),
        (b"</SignedInfo>", b"</SignedInfo> "),
    ],
)
def test_what_was_put_in_after_signing_passes_neither_way(change: tuple[bytes, bytes]) -> None:
    bent = signed().replace(*change)
    assert bent != signed()
    quick, whole = both(bent)
    assert quick is whole
    # Only the last one is outside of everything signed.
    assert whole is (change[0] == b"</SignedInfo>")


def test_signed_without_what_is_inherited() -> None:
    """A signer that forgets attributes of XML in `SignedInfo`: xmlsec refuses, and so do we."""
    key_info = Shape(key_info=certificate_xml(network().victim))
    document = message().replace(b"<Message ", b'<Message xml:lang="bg" ')
    root = parse(shaped(key_info, document)).root
    octets = signature_plain._signed_info(root[-1][0])
    value = network().victim.key.sign(octets, PKCS1v15(), SHA1())  # noqa: S303
    root[-1][1].text = base64.b64encode(value).decode()
    assert both(serialise(root)) == (False, False)


def test_a_namespace_without_canonical_form() -> None:
    """libxml2 cannot canonicalise a relative one: neither way raises."""
    shape = Shape(key_info=certificate_xml(network().victim))
    bent = shaped(shape).replace(b"<DocKind>", b'<DocKind xmlns:r="relative">')
    assert both(bent) == (False, False)


def test_blanks_behind_the_signature_are_left_to_xmlsec() -> None:
    quick, whole = both(signed().replace(b"</Message>", b"\n</Message>"))
    assert (quick, whole) == (False, False)


def test_another_canonicalisation_is_left_to_xmlsec() -> None:
    for shape in (
        Shape(
            key_info=certificate_xml(network().victim),
            references=reference_xml(steps=STEP + f'<Transform Algorithm="{EXCLUSIVE}"/>'),
        ),
        Shape(
            key_info=certificate_xml(network().victim),
            canonical=f'<CanonicalizationMethod Algorithm="{EXCLUSIVE}"/>',
        ),
    ):
        assert both(shaped(shape)) == (False, True)


def test_a_large_document_is_left_to_xmlsec() -> None:
    assert both(signed(size=1_400_000)) == (False, True)


@pytest.mark.parametrize("at", range(-2_600, -1, 97))
def test_no_bent_byte_passes(at: int) -> None:
    whole = signed()
    bent = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    try:
        quick, by_xmlsec = both(bent)
    except (WireError, FormError):
        return
    assert quick <= by_xmlsec


def test_no_attack_passes_that_xmlsec_refuses() -> None:
    made, looked_at = network(), 0
    for case in corpus(
        signed(),
        victim=made.victim,
        attacker=made.attacker,
        authority=made.authority,
        large=False,
    ):
        try:
            quick, whole = both(case.document)
        except (WireError, FormError):
            continue
        looked_at += 1
        assert quick <= whole, case.name
    assert looked_at > 10
