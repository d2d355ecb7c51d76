"""Judges certificates: register, dates, chain, revocation; each rule is on unless named off.

It must never fetch anything (revocation lists come from `revocation.py`), and must never take
silence about revocation for innocence.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from asn1crypto.x509 import Certificate as Asn1Certificate
from pyhanko_certvalidator import CertificateValidator, ValidationContext, errors
from pyhanko_certvalidator.policy_decl import (
    NO_REVOCATION,
    REQUIRE_REVINFO,
    CertRevTrustPolicy,
    FreshnessReqType,
)

from depesha.adapters.certificates import Bearer, authorities, der
from depesha.adapters.revocation import RevocationLists
from depesha.errors import ConfigurationError, DepeshaError
from depesha.schemas.evidence import sha256
from depesha.schemas.ids import Digest, SerialNumber
from depesha.schemas.verdict import Finding, Hold, Rejection, finding

KEPT: Final = 2_048
"""Verdicts kept: the network has about 1,300 participants."""
_CURRENT: Final = CertRevTrustPolicy(REQUIRE_REVINFO, retroactive_revinfo=True)
"""A list must speak about every certificate. "hard-fail" would trust one that names no list."""
_ANY_AGE: Final = CertRevTrustPolicy(
    REQUIRE_REVINFO,
    freshness=timedelta(days=36_500),
    freshness_req_type=FreshnessReqType.MAX_DIFF_REVOCATION_VALIDATION,
)
_NOT_ASKED: Final = CertRevTrustPolicy(NO_REVOCATION)
_FAULTS: Final = (
    errors.ValidationError,
    errors.PathError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
)
"""What the library raises for a bad path; the later ones when it meets hostile ASN.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustPolicy:
    """Whom to trust, and which rules to go by. Turning one off takes naming it."""

    authorities: tuple[bytes, ...] = field(default=(), repr=False)
    """Trust anchors, PEM (one or more in each) or DER."""
    intermediates: tuple[bytes, ...] = field(default=(), repr=False)
    """Certificates that may stand between an anchor and a participant, PEM or DER."""
    register_serial: bool = True
    """The serial number is one the participants' register names (facts 5.2)."""
    validity: bool = True
    """The dates of the certificate hold at the moment asked about."""
    chain: bool = True
    """There is a path to one of `authorities`."""
    revocation: bool = True
    """A revocation list speaks about every certificate of the path. Needs `chain`."""
    stale_lists_accepted: bool = False
    """A list past its next update still serves; otherwise the message is held."""
    cache_seconds: int = 60
    """How long a verdict on chain and revocation is used again."""


class CertificateJudge:
    """Says whether a certificate may speak for a participant. Serves any number of threads."""

    def __init__(self, policy: TrustPolicy, lists: RevocationLists | None = None) -> None:
        """Read the anchors; raises `ConfigurationError` for rules that cannot be kept."""
        if policy.chain and not policy.authorities:
            raise ConfigurationError(
                "no certificate authority is trusted",
                remedy="name the CA certificates, or turn the rule `chain` off by name",
            )
        if policy.revocation and not (policy.chain and lists is not None):
            raise ConfigurationError(
                "revocation cannot be judged without a chain and revocation lists",
                remedy="name the lists, or turn the rule `revocation` off by name",
            )
        self._policy = policy
        self._lists = lists
        self._anchors = [_asn1(der(one)) for one in authorities(policy.authorities)]
        self._between = [_asn1(der(one)) for one in authorities(policy.intermediates)]
        self._kept: OrderedDict[Digest, _Kept] = OrderedDict()
        self._lock = threading.Lock()
        # The library's parsed objects fill themselves in while being read: one reader at a time.
        self._validating = threading.Lock()

    def judge(
        self,
        certificate: Bearer,
        expected: Sequence[SerialNumber],
        at: datetime,
        between: Sequence[bytes] = (),
    ) -> Finding | None:
        """Return None for a good certificate, a `Rejection` or a `Hold` otherwise.

        `expected` are the serials the register allows; empty means that nobody knows the
        sender, and no certificate can be right. `at` is the moment to judge for. `between` are
        certificates (DER) that the message brought: a path may lead over them, none is believed.
        """
        facts = certificate.facts
        if self._policy.register_serial and facts.serial not in expected:
            return finding(Rejection.CERTIFICATE_OTHER, serial=facts.serial)
        if self._policy.validity and not facts.not_before <= at <= facts.not_after:
            return finding(
                Rejection.CERTIFICATE_EXPIRED,
                not_before=facts.not_before.isoformat(),
                not_after=facts.not_after.isoformat(),
            )
        if not self._policy.chain:
            return None
        return self._chain(certificate, at, tuple(between))

    def _chain(
        self, certificate: Bearer, at: datetime, between: tuple[bytes, ...]
    ) -> Finding | None:
        version = self._lists.version if self._lists else 0
        fingerprint = _brought(certificate.facts.fingerprint, between)
        with self._lock:
            kept = self._kept.get(fingerprint)
        if kept and kept.version == version:
            age = abs((at - kept.at).total_seconds())
            if age <= self._policy.cache_seconds:
                return kept.verdict
        verdict = self._judge_path(certificate, at, between)
        with self._lock:
            self._kept[fingerprint] = _Kept(verdict=verdict, at=at, version=version)
            self._kept.move_to_end(fingerprint)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return verdict

    def _judge_path(
        self, certificate: Bearer, at: datetime, between: tuple[bytes, ...]
    ) -> Finding | None:
        issuer = certificate.facts.issuer
        if not certificate.may_sign:
            return finding(Rejection.CERTIFICATE_UNTRUSTED, issuer=issuer, rule="key-usage")
        try:
            rules = _CURRENT if self._policy.revocation else _NOT_ASKED
            self._validate(certificate, at, rules, between)
        except errors.RevokedError as error:
            since = error.revocation_dt.isoformat()
            return finding(Rejection.CERTIFICATE_REVOKED, since=since)
        except errors.InsufficientRevinfoError:
            return self._judge_by_old_lists(certificate, at, between)
        except (errors.ExpiredError, errors.NotYetValidError):
            return finding(Rejection.CERTIFICATE_UNTRUSTED, issuer=issuer, rule="authority-dates")
        except _FAULTS:
            return finding(Rejection.CERTIFICATE_UNTRUSTED, issuer=issuer, rule="chain")
        return None

    def _judge_by_old_lists(
        self, certificate: Bearer, at: datetime, between: tuple[bytes, ...]
    ) -> Finding | None:
        """No list that is current: a stale one may still name the certificate as revoked."""
        try:
            self._validate(certificate, at, _ANY_AGE, between)
        except errors.RevokedError as error:
            since = error.revocation_dt.isoformat()
            return finding(Rejection.CERTIFICATE_REVOKED, since=since)
        except _FAULTS:
            return finding(Hold.REVOCATION_UNKNOWN, rule="no-list")
        if self._policy.stale_lists_accepted:
            return None
        return finding(Hold.REVOCATION_UNKNOWN, rule="stale-list")

    def _validate(
        self,
        certificate: Bearer,
        at: datetime,
        rules: CertRevTrustPolicy,
        between: tuple[bytes, ...],
    ) -> None:
        facts = certificate.facts
        moment = at
        if not self._policy.validity:
            moment = min(max(at, facts.not_before), facts.not_after)
        with self._validating:
            context = ValidationContext(
                trust_roots=self._anchors,
                other_certs=[*self._between, *(_asn1(one) for one in between)],
                crls=self._lists.current if self._lists else (),
                moment=moment,
                allow_fetching=False,
                revinfo_policy=rules,
            )
            leaf = _asn1(certificate.der)
            _drive(CertificateValidator(leaf, validation_context=context).async_validate_path())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A verdict on chain and revocation, good for a short while and for one set of lists."""

    verdict: Finding | None
    at: datetime
    version: int


def _brought(fingerprint: Digest, between: tuple[bytes, ...]) -> Digest:
    """Name a verdict by the path's material too: a bare copy must not spoil the whole one's."""
    return sha256(b"".join((fingerprint.encode(), *sorted(between)))) if between else fingerprint


def _asn1(encoded: bytes) -> Asn1Certificate:
    return Asn1Certificate.load(encoded, strict=True)


def _drive(work: Coroutine[object, None, object]) -> None:
    """Run a coroutine that never waits: nothing is fetched, so no event loop is needed."""
    try:
        work.send(None)
    except StopIteration:
        return
    work.close()
    raise DepeshaError("the validation of a certificate tried to wait for something")
