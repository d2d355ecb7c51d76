"""Attacks by algorithm and by key: transforms, weak or confused methods, other people's keys."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import xmlsec
from cryptography.x509.oid import NameOID

from depesha.schemas.verdict import Rejection
from depesha.schemas.xml import serialise
from depesha.simulators.attack_tools import (
    C14N,
    DS,
    MORE,
    STEP,
    Attack,
    Shape,
    attack,
    certificate_xml,
    filled,
    forge,
    key_value_xml,
    part,
    public_pem,
    reference_xml,
    signature_of,
    signed,
    signing_key,
    stripped,
    tree,
)
from depesha.simulators.authority import Authority, Identity

STRUCTURE: Final = Rejection.SIGNATURE_STRUCTURE
ALGORITHM: Final = Rejection.SIGNATURE_ALGORITHM
INVALID: Final = Rejection.SIGNATURE_INVALID
OTHER: Final = Rejection.CERTIFICATE_OTHER
UNTRUSTED: Final = Rejection.CERTIFICATE_UNTRUSTED
_XSLT: Final = (
    '<Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"><xsl:stylesheet '
    'xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0"><xsl:template match="/">'
    "<xsl:value-of select=\"document('file:///etc/hostname')\"/></xsl:template>"
    "</xsl:stylesheet></Transform>"
)
_HIDING: Final = (
    '<Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116">'
    "<XPath>not(ancestor-or-self::*[local-name()='Body'])</XPath></Transform>"
)


def transforms(good: bytes, victim: Identity) -> Iterator[Attack]:
    """Steps between the document and its digest that hide, fetch, run or cost."""
    info = certificate_xml(victim)
    root = stripped(good)
    signed(
        root,
        Shape(key_info=info, references=reference_xml(steps=STEP + _HIDING)),
        signing_key(victim),
    )
    why = "an XPath hides the body from the digest, and the body is changed"
    yield attack("transform-xpath", why, serialise(forge(root)), ALGORITHM)

    canonical = f'<Transform Algorithm="{C14N}"/>'
    cases = {
        "transform-xslt": (STEP + _XSLT, ALGORITHM),
        "transform-xpath-filter-2": (
            STEP + '<Transform Algorithm="http://www.w3.org/2002/06/xmldsig-filter2"/>',
            ALGORITHM,
        ),
        "transform-base64": (STEP + f'<Transform Algorithm="{DS}base64"/>', ALGORITHM),
        "transform-with-comments": (
            STEP + f'<Transform Algorithm="{C14N}#WithComments"/>',
            ALGORITHM,
        ),
        "transform-unknown": (STEP + '<Transform Algorithm="urn:example:x"/>', ALGORITHM),
        "transform-bomb": (STEP + canonical * 10_000, STRUCTURE),
        "transform-enveloped-twice": (STEP + STEP, STRUCTURE),
        "transform-not-enveloped": (canonical, STRUCTURE),
        "transform-order": (canonical + STEP, STRUCTURE),
        "transforms-empty": ("<!-- -->", STRUCTURE),
        "transform-parameters": (
            f'<Transform Algorithm="{DS}enveloped-signature"><XPath>1</XPath></Transform>',
            STRUCTURE,
        ),
    }
    for name, (steps, reason) in cases.items():
        shape = Shape(key_info=info, references=reference_xml(steps=steps))
        yield attack(name, "a step hides, fetches, runs or only costs", filled(good, shape), reason)


def methods(good: bytes, victim: Identity) -> Iterator[Attack]:
    """Methods that are broken, confused or not for signing."""
    info = certificate_xml(victim)
    root = stripped(good)
    hmac = Shape(key_info=info, method=f'<SignatureMethod Algorithm="{DS}hmac-sha1"/>')
    secret = xmlsec.Key.from_binary_data(xmlsec.constants.KeyDataHmac, public_pem(victim))
    signed(forge(root), hmac, secret)
    why = "the public key serves as the secret of an HMAC: anybody can sign"
    yield attack("hmac-confusion", why, serialise(root), ALGORITHM)

    length = "<HMACOutputLength>1</HMACOutputLength>"
    names = {
        "hmac-short": f'<SignatureMethod Algorithm="{DS}hmac-sha1">{length}</SignatureMethod>',
        "method-rsa-md5": f'<SignatureMethod Algorithm="{MORE}rsa-md5"/>',
        "method-dsa": f'<SignatureMethod Algorithm="{DS}dsa-sha1"/>',
        "method-ecdsa": f'<SignatureMethod Algorithm="{MORE}ecdsa-sha256"/>',
        "method-unknown": '<SignatureMethod Algorithm="urn:example:none"/>',
        "method-none": "<SignatureMethod/>",
    }
    for name, method in names.items():
        shape = Shape(key_info=info, method=method)
        yield attack(name, "a broken or foreign method is taken", filled(good, shape), ALGORITHM)

    rsa = f'<SignatureMethod Algorithm="{DS}rsa-sha1">{length}</SignatureMethod>'
    shape = Shape(key_info=info, method=rsa)
    yield attack("method-parameters", "a method is bent", filled(good, shape), STRUCTURE)

    digest = Shape(key_info=info, references=reference_xml(digest=MORE + "md5"))
    yield attack("digest-md5", "a broken digest is taken", filled(good, digest), ALGORITHM)

    xslt = '<CanonicalizationMethod Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"/>'
    shape = Shape(key_info=info, canonical=xslt)
    yield attack("canonicalisation-xslt", "SignedInfo is rewritten", filled(good, shape), ALGORITHM)


def values(good: bytes, victim: Identity) -> Iterator[Attack]:
    """Signature and digest values that are wrong, cut, or taken from elsewhere."""
    for name, value in {"empty": "", "cut": "AAAA", "not-base64": "@@@", "zero": "A" * 344}.items():
        root = tree(good)
        part(signature_of(root), "SignatureValue").text = value
        yield attack(f"value-{name}", "a value is not looked at", serialise(root), INVALID)

    other = stripped(good)
    part(other, "MessageGUID").text = "{99999999-aaaa-4aaa-8aaa-999999999999}"
    shape = Shape(key_info=certificate_xml(victim))
    signature = signed(other, shape, signing_key(victim))
    root = stripped(good)
    root.append(signature)
    why = "a signature of one message is put under another"
    yield attack("value-of-another-message", why, serialise(root), INVALID)

    root = forge(stripped(good))
    fresh = signed(root, shape, signing_key(victim))
    part(fresh, "SignatureValue").text = part(signature_of(tree(good)), "SignatureValue").text
    why = "the digest fits the forged body, the signature is the old one"
    yield attack("value-old-digest-new", why, serialise(root), INVALID)


def keys(
    good: bytes, victim: Identity, attacker: Identity, authority: Authority
) -> Iterator[Attack]:
    """Other people's keys under the victim's name."""
    start = victim.certificate.not_valid_before_utc + timedelta(hours=1)
    private = signing_key(attacker)

    def forged(info: str) -> bytes:
        root = forge(stripped(good))
        signed(root, Shape(key_info=info), private)
        return serialise(root)

    why = "a good signature by a stranger passes for the sender's"
    theirs, right = certificate_xml(attacker), certificate_xml(victim)
    yield attack("certificate-swapped", why, forged(theirs), OTHER)
    both = certificate_xml(attacker, victim)
    yield attack("certificate-attacker-first", why, forged(both), STRUCTURE)
    yield attack(
        "certificate-attacker-second", why, forged(certificate_xml(victim, attacker)), STRUCTURE
    )
    yield attack("certificate-in-two-x509data", why, forged(right + theirs), STRUCTURE)
    yield attack("certificate-right-key-wrong", why, forged(right), INVALID)
    yield attack("key-value-only", why, forged(key_value_xml(attacker)), STRUCTURE)
    yield attack(
        "key-value-beside-certificate", why, forged(key_value_xml(attacker) + right), INVALID
    )
    yield attack("key-name-only", why, forged("<KeyName>primer</KeyName>"), STRUCTURE)
    yield attack("key-info-empty", why, forged(""), STRUCTURE)
    fetch = '<RetrievalMethod URI="http://attacker.example/key"/>'
    yield attack(
        "key-retrieval", "the key is fetched from the attacker", forged(fetch + right), STRUCTURE
    )

    serial = victim.certificate.serial_number
    name = authority.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    copycat = Authority.create(str(name), at=start, key=attacker.key)
    same = copycat.issue("x.example", eik="000000001", at=start, serial=serial, key=attacker.key)
    why = "the serial is the registered one, the issuer only has the same name (facts Q5)"
    yield attack("certificate-same-serial", why, forged(certificate_xml(same)), UNTRUSTED)

    neighbour = authority.issue("n.example", eik="000000008", at=start, key=attacker.key)
    why = "another participant of the same network signs in the victim's name"
    yield attack("certificate-of-neighbour", why, forged(certificate_xml(neighbour)), OTHER)

    noise = base64.b64encode(b"\x30\x82" + bytes(700)).decode()
    for label, text in {"garbage": noise, "not-base64": "@@@@", "large": "A" * 100_000}.items():
        info = f"<X509Data><X509Certificate>{text}</X509Certificate></X509Data>"
        yield attack(f"certificate-{label}", "reading it fails badly", forged(info), STRUCTURE)
