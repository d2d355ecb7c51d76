"""Did the registered sender sign the whole of it (facts 7.6, 7.7). Only judges.

The mathematics was done by the verifier; here its facts are weighed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from depesha.schemas.verdict import (
    Caution,
    Held,
    Hold,
    Passed,
    Rejected,
    Rejection,
    Verdict,
    finding,
)

if TYPE_CHECKING:
    from depesha.schemas.facts import Case, SignatureFacts
    from depesha.schemas.ids import SerialNumber
    from depesha.schemas.participant import Participant
    from depesha.schemas.policy import Policy

_RETRIED = frozenset({Hold.REVOCATION_UNKNOWN, Hold.DIRECTORY_UNAVAILABLE})
"""Holds that pass by themselves once a service answers."""


def judge(case: Case, _policy: Policy) -> Verdict:
    """Judge the signature of a document."""
    return judge_signature(case.arrival.signature, case.arrival.transport_serial, case.sender)


def judge_signature(
    facts: SignatureFacts | None,
    transport_serial: SerialNumber | None,
    sender: Participant | None,
) -> Verdict:
    """Judge any signature. Weak algorithms and another TLS certificate are only cautions.

    The serial is compared with the register once more: a verifier that was asked with the
    wrong serials must not become a way in.
    """
    if facts is None:
        return Rejected(finding=finding(Rejection.SIGNATURE_MISSING))
    if facts.finding is not None:
        return _bad(facts)
    if facts.by_network:
        return Passed()
    if facts.certificate is None:
        raise ValueError("a valid signature comes with its certificate")
    serial = facts.certificate.serial
    registered = () if sender is None else (sender.serial, *sender.earlier_serials)
    if any(registered) and serial not in registered:
        return Rejected(finding=finding(Rejection.CERTIFICATE_OTHER, serial=serial))
    cautions = []
    if facts.weak:
        cautions.append(finding(Caution.WEAK_ALGORITHM, algorithm=facts.algorithm))
    if transport_serial is not None and transport_serial != serial:
        cautions.append(finding(Caution.TLS_CERTIFICATE_DIFFERS, serial=transport_serial))
    return Passed(warnings=tuple(cautions))


def _bad(facts: SignatureFacts) -> Verdict:
    found = facts.finding
    if found is None or isinstance(found.reason, Caution):
        raise ValueError("the verifier's finding is neither a rejection nor a hold")
    if isinstance(found.reason, Hold):
        return Held(finding=found, retry=found.reason in _RETRIED)
    return Rejected(finding=found)
