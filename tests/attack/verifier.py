"""A second opinion on what was admitted: signxml over the stored original, and what it covers.

Nothing of the product is used here; the fields are read from the very tree that was verified.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import InvalidInput, SignXMLException
from signxml.verifier import SignatureConfiguration, VerifyResult, XMLVerifier

_M: Final = "{http://schemas.egov.bg/messaging/v1}"
_METHODS: Final = frozenset(
    getattr(SignatureMethod, name)
    for name in ("RSA_SHA1", "RSA_SHA256", "RSA_SHA384", "RSA_SHA512")
)
_DIGESTS: Final = frozenset(
    getattr(DigestAlgorithm, name) for name in ("SHA1", "SHA256", "SHA384", "SHA512")
)
_CONFIGURATION: Final = SignatureConfiguration(
    signature_methods=_METHODS, digest_algorithms=_DIGESTS, expect_references=1
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One admitted message: the bytes kept, and what the gateway shows of them."""

    id: str
    original: bytes
    certificate: bytes
    document: str
    transport: str
    subject: str
    digests: tuple[str, ...]


def judge(messages: Iterable[Judged]) -> list[str]:
    """Say what is wrong with any of them."""
    found = ((one.id, _wrong(one)) for one in messages)
    return [f"ADMITTED {name}: {wrong}" for name, wrong in found if wrong]


def _wrong(one: Judged) -> str:
    verifier = XMLVerifier()
    # lxml puts xmlns="" into a canonical SignedInfo that stands in the default namespace (facts
    # 5.5); this is signxml's own switch against it.
    verifier.excise_empty_xmlns_declarations = True
    try:
        verified = verifier.verify(
            _undeclared(one.original),
            x509_cert=one.certificate.decode(),
            expect_config=_CONFIGURATION,
        )
    except (SignXMLException, InvalidInput, etree.LxmlError, ValueError) as error:
        return f"signxml says {type(error).__name__}: {error}"
    tree = verified.signed_xml if isinstance(verified, VerifyResult) else None
    return "the signature covers nothing" if tree is None else _differs(one, tree)


def _differs(one: Judged, tree: etree._Element) -> str:
    document = f"{_M}Body/{_M}DocumentRegistrationRequest/{_M}Document"
    seen = {
        "document": _guid(tree.findtext(f"{document}/{_M}DocID/{_M}DocumentGUID")),
        "transport": _guid(tree.findtext(f"{_M}Header/{_M}MessageGUID")),
        "subject": tree.findtext(f"{document}/{_M}DocAbout") or "",
    }
    shown = {"document": one.document, "transport": one.transport, "subject": one.subject}
    files = tree.findall(f"{document}/{_M}DocAttachmentList/{_M}Attachment")
    digests = tuple(_digest(file) for file in files)
    if digests != one.digests:
        return f"{len(one.digests)} files shown, {len(digests)} signed, and they differ"
    wrong = [name for name, value in seen.items() if value != shown[name]]
    return f"what is shown is not what is signed: {', '.join(wrong)}" if wrong else ""


def _digest(file: etree._Element) -> str:
    text = file.findtext(f"{_M}AttBody") or ""
    return hashlib.sha256(base64.b64decode("".join(text.split()))).hexdigest()


def _guid(text: str | None) -> str:
    return (text or "").strip().strip("{}").lower()


def _undeclared(document: bytes) -> bytes:
    """Leave out mark and declaration: what the latter claims is meaningless (facts 2.3)."""
    document = document.removeprefix(b"\xef\xbb\xbf")
    return document[document.index(b"?>") + 2 :] if document.startswith(b"<?xml") else document
