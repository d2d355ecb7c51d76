"""Judges time stamps (RFC 3161): the one over the seal, and the one over the message's digest.

It must never take a token's word for whom to trust: that is the judge's it is given.
"""

from __future__ import annotations

import hashlib
import io
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from asn1crypto import tsp
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from depesha.adapters.certificates import UNREADABLE
from depesha.adapters.isds import ber
from depesha.adapters.isds.parts import Flaw, Part, StampFacts
from depesha.adapters.isds.signer import Judged, judge_signer
from depesha.errors import WireError

if TYPE_CHECKING:
    from collections.abc import Callable

    from depesha.adapters.trust import CertificateJudge

DIGESTS: Final = ("sha1", "sha256", "sha384", "sha512")
_VERSION: Final = 3
"""Of a SignedData whose content is no plain data (RFC 5652, 5.1)."""
_BROKEN: Final = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)


def judge_stamp(
    token: bytes, part: Part, imprint: Callable[[str], bytes], judge: CertificateJudge
) -> tuple[StampFacts | None, tuple[Flaw, ...]]:
    """Judge a token; `imprint` gives, for the name of a digest, what it must stand over.

    Every flaw is of `part`. Never raises for bad tokens.
    """
    inner = io.BytesIO()
    try:
        signed = ber.read_signed(io.BytesIO(token), inner)
        info = tsp.TSTInfo.load(inner.getvalue(), strict=True)
        at, digest, over = _told(info)
    except (WireError, *_BROKEN):
        return None, (Flaw(part=part, rule="unreadable"),)
    judged = judge_signer(signed, ber.TST_INFO)
    rule = _fault(signed.version, judged)
    if not rule and (digest not in DIGESTS or over != imprint(digest)):
        rule = "imprint"
    if rule:
        return None, (Flaw(part=part, rule=rule),)
    return _trusted(judged, at, part, judge)


def _told(info: Any) -> tuple[datetime, str, bytes]:
    imprint = info["message_imprint"]
    at: datetime = info["gen_time"].native
    if at.tzinfo is None:
        raise ValueError("a time stamp without a zone")
    return at, imprint["hash_algorithm"]["algorithm"].native, imprint["hashed_message"].native


def _fault(version: int, judged: Judged) -> str:
    if judged.flaws:
        first = judged.flaws[0]
        return f"{first.part.value.lower().replace('_', '-')}-{first.rule}"
    if version != _VERSION:
        return "version"
    if not judged.names_certificate:  # RFC 3161, 2.4.2: it must
        return "certificate-not-named"
    return ""


def _trusted(
    judged: Judged, at: datetime, part: Part, judge: CertificateJudge
) -> tuple[StampFacts | None, tuple[Flaw, ...]]:
    bearer, certificate = judged.bearer, judged.certificate
    if bearer is None or certificate is None or not _may_stamp(certificate):
        return None, (Flaw(part=part, rule="not-for-stamps"),)
    finding = judge.judge(bearer, (), at, judged.others)
    facts = StampFacts(at=at, authority=bearer.facts, algorithm=judged.algorithm)
    if finding is None:
        return facts, ()
    flaw = Flaw(part=part, rule="chain", finding=finding)
    return (facts if flaw.unknown else None), (flaw,)


def _may_stamp(certificate: x509.Certificate) -> bool:
    """Tell whether its extended key usage is time stamping alone (RFC 3161, 2.3)."""
    try:
        use = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, *UNREADABLE, *_BROKEN):
        return False
    return list(use) == [ExtendedKeyUsageOID.TIME_STAMPING]


def over_bytes(covered: bytes) -> Callable[[str], bytes]:
    """Return the imprint of some bytes by the name of the digest."""
    return lambda name: hashlib.new(name, covered, usedforsecurity=False).digest()
