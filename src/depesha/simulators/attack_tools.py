"""The attacker's tools: bad signatures of every form, and small surgery on good documents.

For tests and drills only. It must never be used to sign anything real.
"""

from __future__ import annotations

import base64
from copy import deepcopy
from dataclasses import dataclass
from typing import Final

import xmlsec
from cryptography.hazmat.primitives import serialization
from lxml import etree

from depesha.schemas.verdict import Rejection
from depesha.schemas.xml import parse, serialise
from depesha.simulators.authority import Identity

DS: Final = "http://www.w3.org/2000/09/xmldsig#"
MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
C14N: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
ENVELOPED: Final = DS + "enveloped-signature"
STEP: Final = f'<Transform Algorithm="{ENVELOPED}"/>'
FORGED: Final = "Подправено съдържание"
"""What stands where the attacker changed something: seen after admission, it is a breach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One hostile document and what must come of it."""

    name: str
    why: str
    """What would go wrong in a receiver that took it."""
    document: bytes
    expected: frozenset[Rejection]
    """The only reasons with which it may be refused."""


def attack(name: str, why: str, document: bytes, *expected: Rejection) -> Attack:
    """Make an attack."""
    return Attack(name=name, why=why, document=document, expected=frozenset(expected))


def certificate_xml(*identities: Identity) -> str:
    """Return `X509Data` with the certificates in the order given."""
    texts = (base64.b64encode(one.certificate_der).decode() for one in identities)
    inside = "".join(f"<X509Certificate>{text}</X509Certificate>" for text in texts)
    return f"<X509Data>{inside}</X509Data>"


def key_value_xml(identity: Identity) -> str:
    """Return a bare `KeyValue`."""
    numbers = identity.key.public_key().public_numbers()
    modulus = base64.b64encode(numbers.n.to_bytes(256, "big")).decode()
    return (
        f"<KeyValue><RSAKeyValue><Modulus>{modulus}</Modulus>"
        "<Exponent>AQAB</Exponent></RSAKeyValue></KeyValue>"
    )


def reference_xml(
    *, uri: str = 'URI=""', steps: str = STEP, digest: str = DS + "sha1", value: str = ""
) -> str:
    """Return a `Reference`; `uri` is the whole attribute, so that it can be left out."""
    transforms = f"<Transforms>{steps}</Transforms>" if steps else ""
    return (
        f'<Reference {uri}>{transforms}<DigestMethod Algorithm="{digest}"/>'
        f"<DigestValue>{value}</DigestValue></Reference>"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How a signature looks; the defaults are the honest form."""

    key_info: str
    references: str = reference_xml()
    method: str = f'<SignatureMethod Algorithm="{DS}rsa-sha1"/>'
    canonical: str = f'<CanonicalizationMethod Algorithm="{C14N}"/>'
    value: str = ""
    extra: str = ""
    """Further children of `Signature`, after KeyInfo."""

    def element(self) -> etree._Element:
        """Return the signature, not signed yet."""
        text = (
            f'<Signature xmlns="{DS}"><SignedInfo>{self.canonical}{self.method}{self.references}'
            f"</SignedInfo><SignatureValue>{self.value}</SignatureValue>"
            f"<KeyInfo>{self.key_info}</KeyInfo>{self.extra}</Signature>"
        )
        return parse(text.encode()).root


def filled(good: bytes, shape: Shape) -> bytes:
    """Return the document with a signature of this shape and no mathematics in it."""
    root = stripped(good)
    root.append(shape.element())
    return serialise(root)


def signed(root: etree._Element, shape: Shape, key: xmlsec.Key) -> etree._Element:
    """Sign in place with whatever key, so that the mathematics holds; return the signature."""
    signature = shape.element()
    # KeyInfo must not be read or rewritten by the library: it stands outside what is signed.
    info = signature.find(f"{{{DS}}}KeyInfo")
    if info is not None:
        signature.remove(info)
    root.append(signature)
    context = xmlsec.SignatureContext()
    context.key = key
    for element in root.iter():
        if "Id" in element.attrib:
            context.register_id(element, "Id")
    context.sign(signature)
    if info is not None:
        signature.insert(2, info)
    return signature


def signing_key(identity: Identity) -> xmlsec.Key:
    """Return the identity's private key for xmlsec."""
    return xmlsec.Key.from_memory(identity.key_pem, xmlsec.constants.KeyDataFormatPem)


def public_pem(identity: Identity) -> bytes:
    """Return the public key, PEM: no secret, though a confused verifier may take it for one."""
    return identity.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def tree(document: bytes) -> etree._Element:
    """Parse a document of our own making."""
    return parse(document).root


def signature_of(root: etree._Element) -> etree._Element:
    """Return the signature of a good document: the last child of its root."""
    return root[-1]


def stripped(good: bytes) -> etree._Element:
    """Return the tree without its signature."""
    root = tree(good)
    root.remove(signature_of(root))
    return root


def forge(root: etree._Element) -> etree._Element:
    """Change the last text of the body, in place."""
    body = next(child for child in root if etree.QName(child).localname == "Body")
    leaves = [one for one in body.iter() if len(one) == 0 and one.text]
    leaves[-1].text = FORGED
    return root


def part(root: etree._Element, name: str) -> etree._Element:
    """Return the first element with this local name."""
    return next(one for one in root.iter() if etree.QName(one).localname == name)


def like(root: etree._Element, name: str) -> etree._Element:
    """Return a new element in the document's own namespace."""
    namespace = etree.QName(root).namespace
    return etree.Element(f"{{{namespace}}}{name}")


def copy_of(element: etree._Element) -> etree._Element:
    """Return a deep copy without the text that follows the element."""
    made = deepcopy(element)
    made.tail = None
    return made
