"""The mathematics of the usual signature, done on the very tree that is read afterwards.

xmlsec leaves the signature out by a set of all other nodes, which costs it three times what it
takes to canonicalise. Here the signature is taken out first and the same library canonicalises
what is left. It may only ever say "holds", and only where xmlsec says so too: whatever is not
plainly the usual form, and whatever does not hold, is left to xmlsec to judge.
"""

from __future__ import annotations

import binascii
import hashlib
from copy import copy
from typing import TYPE_CHECKING, Final, cast

import pybase64
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from lxml import etree

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from depesha.adapters.signature_form import Form
    from depesha.schemas.xml import Document

_DS: Final = "http://www.w3.org/2000/09/xmldsig#"
_C14N: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
_XML: Final = "{http://www.w3.org/XML/1998/namespace}"
_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "rsa-sha1": hashes.SHA1(),  # noqa: S303 - what the network signs with; told as weak
    "rsa-sha256": hashes.SHA256(),
    "rsa-sha384": hashes.SHA384(),
    "rsa-sha512": hashes.SHA512(),
}
_PADDING: Final = PKCS1v15()


def holds(document: Document, form: Form, key: RSAPublicKey) -> bool:
    """Tell whether the signature holds by `key`, and if so take it out of the tree.

    False says nothing: the tree is as before, and xmlsec is to be asked. `form` must come from
    `signature_form.inspect` of this very document: what that allows is not looked at again.
    """
    root, element = document.root, form.element
    if not document.small or not _usual(root, element):
        return False
    try:
        if not _signs(element, form, key):
            return False
        wanted = _decoded(element[0][2][2])
    except (binascii.Error, ValueError, UnsupportedAlgorithm, etree.LxmlError):
        return False
    root.remove(element)
    if _digests_to(wanted, root, form):
        return True
    root.append(element)
    return False


def _usual(root: etree._Element, element: etree._Element) -> bool:
    """Tell whether canonical XML 1.0 alone is named, and `_signed_info` can be right.

    That is: the signature's namespace is the default one and nothing else, its elements declare
    nothing of their own, no attribute of XML itself is inherited, and no text stands behind it.
    """
    signed = element[0]
    scope = signed.nsmap
    return (
        not element.tail
        and signed[0].get("Algorithm") == _C14N
        and all(step.get("Algorithm") == _C14N for step in list(signed[2][0])[1:])
        and [prefix for prefix, space in scope.items() if space == _DS] == [None]
        and all(not each.prefix and each.nsmap == scope for each in signed.iter())
        and not any(str(name).startswith(_XML) for name in root.attrib)
    )


def _signs(element: etree._Element, form: Form, key: RSAPublicKey) -> bool:
    signature, octets = _decoded(element[1]), _signed_info(element[0])
    try:
        key.verify(signature, octets, _PADDING, _HASHES[form.algorithm])
    except InvalidSignature:
        return False
    return True


def _digests_to(wanted: bytes, root: etree._Element, form: Form) -> bool:
    try:
        octets = _canonical(root)
    except etree.LxmlError:  # such as for a namespace that is no absolute name
        return False
    return hashlib.new(form.digest, octets).digest() == wanted


def _signed_info(signed: etree._Element) -> bytes:
    """Return the canonical form, in which every namespace in scope is written (C14N 1.0, 2.4).

    lxml knows the scope of a document's root only: so a copy is made one.
    """
    # The stubs do not know the default namespace's key.
    scope = cast("dict[str, str]", signed.nsmap)
    root = etree.Element(signed.tag, nsmap=scope)
    for name, value in signed.attrib.items():
        root.set(name, value)
    root.text = signed.text
    root.extend(copy(signed))
    return _canonical(root)


def _canonical(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n", with_comments=False)


def _decoded(leaf: etree._Element) -> bytes:
    return pybase64.b64decode("".join((leaf.text or "").split()), validate=True)
