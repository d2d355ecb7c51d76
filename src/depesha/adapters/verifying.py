"""Judges the signature of a parsed document: form first, certificate second, mathematics last.

It must never take a key from the document before the certificate was judged, and never look at
another tree than the one its caller reads from.
"""

from __future__ import annotations

import binascii
import threading
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import pybase64
import xmlsec
from cryptography.hazmat.primitives import serialization

from depesha.adapters import signature_plain as plain
from depesha.adapters.certificates import Certificate
from depesha.adapters.signature_form import Form, FormError, inspect
from depesha.adapters.trust import CertificateJudge
from depesha.errors import WireError
from depesha.schemas.facts import SignatureFacts
from depesha.schemas.ids import SerialNumber
from depesha.schemas.verdict import Finding, Rejection, finding
from depesha.schemas.xml import Document

KNOWN: Final = 2_048
"""Certificates kept parsed: the network has about 1,300 participants."""
_C14N: Final = (
    xmlsec.constants.TransformInclC14N,
    xmlsec.constants.TransformInclC14N11,
    xmlsec.constants.TransformExclC14N,
)
_REFERENCE: Final = (
    *_C14N,
    xmlsec.constants.TransformEnveloped,
    xmlsec.constants.TransformSha1,
    xmlsec.constants.TransformSha256,
    xmlsec.constants.TransformSha384,
    xmlsec.constants.TransformSha512,
)
_SIGNATURE: Final = (
    *_C14N,
    xmlsec.constants.TransformRsaSha1,
    xmlsec.constants.TransformRsaSha256,
    xmlsec.constants.TransformRsaSha384,
    xmlsec.constants.TransformRsaSha512,
)
STRONG_BITS: Final = 2048


class XmlVerifier:
    """The `SignatureVerifier` port on xmlsec. One object serves any number of threads."""

    def __init__(self, judge: CertificateJudge) -> None:
        self._judge = judge
        self._known: OrderedDict[str, tuple[Certificate, xmlsec.Key]] = OrderedDict()
        self._lock = threading.Lock()

    def verify(
        self, document: Document, expected: Sequence[SerialNumber], at: datetime
    ) -> SignatureFacts:
        """Judge the document's signature; on success take the `Signature` out of the tree.

        A finding that only holds (revocation unknown) comes after the mathematics, so that a
        forged document is refused and not merely held; its signature is taken out as well.
        Never raises for bad documents.
        """
        try:
            form = inspect(document.root)
        except FormError as error:
            return SignatureFacts(finding=finding(error.reason, rule=error.rule))
        try:
            certificate, key = self._certificate(form.certificate)
        except WireError:
            unreadable = finding(Rejection.SIGNATURE_STRUCTURE, rule="certificate-unreadable")
            return SignatureFacts(finding=unreadable, algorithm=form.algorithm)
        verdict = self._judge.judge(certificate, expected, at)
        refused = verdict is not None and isinstance(verdict.reason, Rejection)
        if not refused and not (
            plain.holds(document, form, certificate.key) or _held(document, form, key)
        ):
            verdict = finding(Rejection.SIGNATURE_INVALID, algorithm=form.algorithm)
        return _facts(form, certificate, verdict)

    def _certificate(self, text: str) -> tuple[Certificate, xmlsec.Key]:
        with self._lock:
            known = self._known.get(text)
            if known is not None:
                self._known.move_to_end(text)
                return known
        try:
            der = pybase64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise WireError("a certificate is not base64") from error
        certificate = Certificate.read(der)
        made = certificate, _key(certificate)
        with self._lock:
            self._known[text] = made
            while len(self._known) > KNOWN:
                self._known.popitem(last=False)
        return made


def _key(certificate: Certificate) -> xmlsec.Key:
    """Return the bare public key: nothing of the certificate is left for xmlsec to interpret."""
    pem = certificate.key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    try:
        return xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatPem)
    except xmlsec.Error as error:
        raise WireError("a certificate's key cannot be used") from error


def _held(document: Document, form: Form, key: xmlsec.Key) -> bool:
    """Take the signature out of the tree if it holds; tell whether."""
    if not _holds(form, key):
        return False
    document.root.remove(form.element)
    return True


def _holds(form: Form, key: xmlsec.Key) -> bool:
    """Tell whether the mathematics holds, with our own key and our own list of transforms."""
    context = xmlsec.SignatureContext()
    for transform in _REFERENCE:
        context.enable_reference_transform(transform)
    for transform in _SIGNATURE:
        context.enable_signature_transform(transform)
    context.key = key
    try:
        context.verify(form.element)
    except xmlsec.Error:
        # The library does not tell a wrong digest from an unreadable one; neither passes.
        return False
    return True


def _facts(form: Form, certificate: Certificate, verdict: Finding | None) -> SignatureFacts:
    weak = "sha1" in {form.digest, form.algorithm.removeprefix("rsa-")}
    return SignatureFacts(
        finding=verdict,
        algorithm=form.algorithm,
        weak=weak or certificate.key.key_size < STRONG_BITS,
        certificate=certificate.facts,
    )
