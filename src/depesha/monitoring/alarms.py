"""Everything that may turn red, by a short key. The alert rules and the runbook pages read it.

Each alarm's alerts stand in `docker/prometheus/alerts.yml` and link to `/runbook/<key>`; a test
keeps the two lists the same. No words for people here: those belong to the runbook pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How soon somebody must look."""

    PAGE = "page"
    """Now, also at night: messages stand still or books are in doubt."""
    TICKET = "ticket"
    """In working hours: it will become worse by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One kind of trouble. `severity` is the worst that its alerts have."""

    key: str
    """Stands in the address of its runbook page; small letters and hyphens."""
    severity: Severity
    by_network: bool = False
    """Its alerts carry the label `network`."""


def runbook(key: str) -> str:
    """Return the path of an alarm's runbook page in the console."""
    return f"/runbook/{key}"


ALARMS = (
    # --- the gateway itself ---
    Alarm(key="gateway-down", severity=Severity.PAGE),
    Alarm(key="store-failing", severity=Severity.PAGE),
    Alarm(key="disk-filling", severity=Severity.PAGE),
    Alarm(key="event-loop-late", severity=Severity.TICKET),
    Alarm(key="answers-failing", severity=Severity.PAGE),
    Alarm(key="clock-wrong", severity=Severity.PAGE),
    # --- the gates ---
    Alarm(key="scanner-down", severity=Severity.PAGE),
    Alarm(key="scanner-old", severity=Severity.TICKET),
    Alarm(key="directory-old", severity=Severity.PAGE),
    # --- the networks ---
    Alarm(key="network-silent", severity=Severity.TICKET, by_network=True),
    Alarm(key="network-cut", severity=Severity.PAGE, by_network=True),
    Alarm(key="sending-failing", severity=Severity.PAGE, by_network=True),
    Alarm(key="sending-slow", severity=Severity.PAGE, by_network=True),
    # --- the work ---
    Alarm(key="oldest-waiting", severity=Severity.PAGE, by_network=True),
    Alarm(key="registry-silent", severity=Severity.PAGE),
    Alarm(key="tasks-late", severity=Severity.PAGE),
    Alarm(key="held-waiting", severity=Severity.TICKET),
    Alarm(key="unclear-waiting", severity=Severity.PAGE),
    Alarm(key="refused-waiting", severity=Severity.TICKET),
    Alarm(key="undeliverable", severity=Severity.TICKET),
    Alarm(key="fallback-waiting", severity=Severity.TICKET),
    Alarm(key="answer-late", severity=Severity.TICKET),
    Alarm(key="parked-waiting", severity=Severity.TICKET),
    # --- the books ---
    Alarm(key="books-open", severity=Severity.PAGE),
    Alarm(key="seal-late", severity=Severity.PAGE),
    Alarm(key="evidence-unverified", severity=Severity.PAGE),
    # --- what ends one day ---
    Alarm(key="certificate-ending", severity=Severity.PAGE),
)
"""In the order in which a person would look at them."""
