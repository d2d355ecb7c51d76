"""Looks at the form of a signature before any cryptography touches it (design §6, law 7).

Whatever is not plainly the one allowed form is refused: everything here is an allow-list. It
must never follow a reference, decode a digest, or believe anything the signature says.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from lxml import etree

from depesha.schemas.verdict import Rejection

_DS: Final = "http://www.w3.org/2000/09/xmldsig#"
_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
_ENC: Final = "http://www.w3.org/2001/04/xmlenc#"
_EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
_ENVELOPED: Final = _DS + "enveloped-signature"

CANONICAL: Final = frozenset(
    {
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/2006/12/xml-c14n11",
        _EXCLUSIVE,
    }
)
"""Canonicalisations without comments: the parser has dropped comments already."""
METHODS: Final = {
    _DS + "rsa-sha1": "rsa-sha1",
    _MORE + "rsa-sha256": "rsa-sha256",
    _MORE + "rsa-sha384": "rsa-sha384",
    _MORE + "rsa-sha512": "rsa-sha512",
}
"""Signature methods: RSA with PKCS#1 v1.5, never HMAC."""
DIGESTS: Final = {
    _DS + "sha1": "sha1",
    _ENC + "sha256": "sha256",
    _MORE + "sha384": "sha384",
    _ENC + "sha512": "sha512",
}
CERTIFICATE_CHARACTERS: Final = 16 * 1024
"""Base64 characters of one certificate; real ones have about 2,000."""
PREFIXES: Final = 1_000
"""Characters of an InclusiveNamespaces list."""


class FormError(Exception):
    """The signature is not in the allowed form. `rule` is a dull word for the evidence."""

    def __init__(self, reason: Rejection, rule: str) -> None:
        super().__init__(rule)
        self.reason = reason
        self.rule = rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A signature in the allowed form; nothing about it is verified yet."""

    element: etree._Element
    algorithm: str
    """Short name of the signature method."""
    digest: str
    certificate: str
    """Base64 of the one certificate it names, without blanks."""


def inspect(root: etree._Element) -> Form:
    """Return the form of the document's signature; raise `FormError` for any other form.

    Allowed is exactly one `Signature` in the whole document, last child of its root, with one
    reference to the whole document, known algorithms and one certificate (Q7: perhaps repeated).
    """
    element = _only_signature(root)
    signed, value, info = _children(element, "SignedInfo", "SignatureValue", "KeyInfo")
    _unwritten(element)
    _leaf(value, {"Id"})
    _attributes(signed, {"Id"})
    canonical, method, reference = _children(
        signed, "CanonicalizationMethod", "SignatureMethod", "Reference"
    )
    _canonical(canonical, "canonicalisation")
    algorithm = _named(method, METHODS, "method")
    if len(method):
        raise _structure("method-parameters")
    return Form(
        element=element,
        algorithm=METHODS[algorithm],
        digest=_reference(reference),
        certificate=_certificate(info),
    )


def _only_signature(root: etree._Element) -> etree._Element:
    found = list(root.iter(f"{{{_DS}}}Signature"))
    if not found:
        raise FormError(Rejection.SIGNATURE_MISSING, "none")
    element = found[0]
    if len(found) > 1:
        raise _structure("several-signatures")
    if element is root or element.getparent() is not root:
        raise _structure("not-child-of-root")
    if element.getnext() is not None:
        raise _structure("not-last-child")
    if root.getroottree().getroot() is not root:
        raise _structure("not-the-document")
    parts = sum(1 for _ in root.iter(f"{{{_DS}}}*"))
    if parts != sum(1 for _ in element.iter(f"{{{_DS}}}*")):
        raise _structure("parts-elsewhere")
    _attributes(element, {"Id"})
    return element


def _structure(rule: str) -> FormError:
    return FormError(Rejection.SIGNATURE_STRUCTURE, rule)


def _children(parent: etree._Element, *names: str) -> list[etree._Element]:
    children = list(parent)
    if [child.tag for child in children] != [f"{{{_DS}}}{name}" for name in names]:
        raise _structure(f"inside-{etree.QName(parent).localname}")
    return children


def _attributes(element: etree._Element, allowed: Collection[str]) -> None:
    if not set(element.attrib) <= set(allowed):
        raise _structure(f"attributes-of-{etree.QName(element).localname}")


def _leaf(element: etree._Element, allowed: Collection[str]) -> None:
    _attributes(element, allowed)
    if len(element):
        raise _structure(f"inside-{etree.QName(element).localname}")


def _named(element: etree._Element, known: Collection[str], rule: str) -> str:
    """Return the algorithm an element names; it may have no other attribute."""
    _attributes(element, {"Algorithm"})
    name = element.get("Algorithm", "")
    if name not in known:
        raise FormError(Rejection.SIGNATURE_ALGORITHM, rule)
    return name


def _canonical(element: etree._Element, rule: str) -> None:
    name = _named(element, CANONICAL, rule)
    for child in element:
        if name != _EXCLUSIVE or child.tag != f"{{{_EXCLUSIVE}}}InclusiveNamespaces":
            raise _structure(f"{rule}-parameters")
        _leaf(child, {"PrefixList"})
        if len(element) > 1 or len(child.get("PrefixList", "")) > PREFIXES:
            raise _structure(f"{rule}-parameters")


def _reference(reference: etree._Element) -> str:
    _attributes(reference, {"URI", "Id"})
    if reference.get("URI") != "":
        raise _structure("reference-not-whole")
    transforms, method, value = _children(reference, "Transforms", "DigestMethod", "DigestValue")
    _transforms(transforms)
    digest = _named(method, DIGESTS, "digest")
    _leaf(method, {"Algorithm"})
    _leaf(value, ())
    return DIGESTS[digest]


def _transforms(element: etree._Element) -> None:
    _attributes(element, ())
    steps = list(element)
    if any(step.tag != f"{{{_DS}}}Transform" for step in steps):
        raise _structure("inside-Transforms")
    names = [_named(step, {*CANONICAL, _ENVELOPED}, "transform") for step in steps]
    if len(steps) not in {1, 2} or names[0] != _ENVELOPED or names.count(_ENVELOPED) != 1:
        raise _structure("transforms")
    if len(steps[0]):
        raise _structure("transform-parameters")
    for step in steps[1:]:
        _canonical(step, "transform")


def _certificate(info: etree._Element) -> str:
    """Return the only certificate named; the same one may stand there several times (Q7).

    A key name or bare key beside it is common and harmless: nobody reads it. But none of this is
    covered by the signature, so nothing else may hide in it.
    """
    _attributes(info, {"Id"})
    _unwritten(info)
    found: set[str] = set()
    for child in info:
        name = _local(child)
        if name == "X509Data":
            found |= _named_in(child)
        elif name == "KeyName":
            _leaf(child, ())
        elif name == "KeyValue":
            _bare_key(child)
        else:
            raise _structure("inside-KeyInfo")
    if len(found) != 1:
        raise _structure("no-certificate" if not found else "several-certificates")
    return found.pop()


def _named_in(data: etree._Element) -> set[str]:
    """Return the certificates of one X509Data."""
    _attributes(data, ())
    _unwritten(data)
    found: set[str] = set()
    for element in data:
        name = _local(element)
        if name == "X509IssuerSerial":
            _pair(element, "X509IssuerName", "X509SerialNumber")
        elif name in {"X509SubjectName", "X509SKI", "X509Certificate"}:
            _leaf(element, ())
        else:
            raise _structure("inside-X509Data")
        text = (element.text or "") if name == "X509Certificate" else ""
        if len(text) > CERTIFICATE_CHARACTERS:
            raise _structure("certificate-size")
        if name == "X509Certificate":
            found.add("".join(text.split()))
    return found


def _bare_key(value: etree._Element) -> None:
    _attributes(value, ())
    _unwritten(value)
    (key,) = _children(value, "RSAKeyValue")
    _pair(key, "Modulus", "Exponent")


def _pair(parent: etree._Element, *names: str) -> None:
    """Demand exactly these leaves, bare."""
    _attributes(parent, ())
    _unwritten(parent)
    for leaf in _children(parent, *names):
        _leaf(leaf, ())


def _unwritten(element: etree._Element) -> None:
    """Refuse words between the children of an element that may hold elements only."""
    if any((text or "").strip() for text in (element.text, *(child.tail for child in element))):
        raise _structure(f"words-in-{_local(element)}")


def _local(element: etree._Element) -> str:
    """Return the name of an XML signature's element; empty for any other."""
    name = etree.QName(element)
    return name.localname if name.namespace == _DS else ""
