"""Which page of the runbook helps with which red or yellow thing. A table; no words, no pages.

Templates know it as `helps`; `helping.html` makes the links.
"""

from __future__ import annotations

from dataclasses import dataclass

from depesha.monitoring.alarms import ALARMS
from depesha.schemas.overview import Need

OWN = ("network-paused", "peer-certificate")
"""Things that pages show and no alert tells of."""
KEYS = (*(alarm.key for alarm in ALARMS), *OWN)

OF_NEED: dict[Need, str] = {
    Need.HELD: "held-waiting",
    Need.UNCLEAR: "unclear-waiting",
    Need.ASKING: "unclear-waiting",
    Need.DECLINED: "refused-waiting",
    Need.UNDELIVERABLE: "undeliverable",
    Need.CONFIRM_FALLBACK: "fallback-waiting",
    Need.LATE_ANSWER: "answer-late",
    Need.TASK_PARKED: "parked-waiting",
    Need.REGISTRY_SILENT: "registry-silent",
    Need.CERTIFICATE: "certificate-ending",
}
OF_PART: dict[str, str] = {
    "gateway": "gateway-down",
    "scanner": "scanner-down",
    "store": "store-failing",
    "disk": "disk-filling",
    "directory": "directory-old",
}
"""By the name of a part of `monitoring/health.py`."""
OF_STRIP: dict[str, str] = {
    "strip.cut": "network-cut",
    "strip.probing": "network-cut",
    "strip.unproven": "network-silent",
}
OF_PROOF: dict[str, str] = {
    "proof.scanner": "scanner-old",
    "proof.engine": "scanner-down",
    "proof.certificates": "certificate-ending",
    "proof.sealed": "seal-late",
    "proof.verified": "evidence-unverified",
    "proof.disk": "disk-filling",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Helps:
    """Which page helps with what: for templates, as `helps`."""

    need: dict[Need, str]
    part: dict[str, str]
    strip: dict[str, str]
    proof: dict[str, str]
    books: str = "books-open"
    certificate: str = "certificate-ending"
    peer: str = "peer-certificate"
    disk: str = "disk-filling"
    scanner: str = "scanner-down"
    paused: str = "network-paused"


HELPS = Helps(need=OF_NEED, part=OF_PART, strip=OF_STRIP, proof=OF_PROOF)
