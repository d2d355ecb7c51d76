"""Settings of both gateways on the stand: the product's own rules, with waits of moments."""

from __future__ import annotations

from collections.abc import Mapping

from depesha.simulators.bodies import ALL_NETWORKS

Settings = Mapping[str, Mapping[str, object]]

TRIES = [0.3, 0.3, 0.5, 0.5, 0.5, *([1.0] * 60)]
"""Waits between tries: never used up within a case."""
QUESTIONS = [0.3, 0.5, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0]
"""Waits between questions; after the last one a document is parked."""
SOAP_UP_TO = 48 * 1024
"""Bytes of files up to which SSEV is spoken by SOAP; more goes by REST."""
SLOW = 4.0
"""Seconds that are past every time-out below but `TRANSFER`."""
ISDS_UP_TO = 48 * 1024
"""Bytes of files up to which an ordinary message of ISDS is made; more goes as a big one."""
TRANSFER = 4.0
"""Seconds that a message to ISDS may take, one way."""
SLOWER = TRANSFER + 1.5
"""Past that one."""

BRISK: dict[str, dict[str, object]] = {
    "log": {"level": "warning"},
    "retry": {"notice": TRIES, "jitter": 0.0},
    "outbound": {"patience_seconds": 1.0, "look_again_seconds": 0.5, "workers": 16},
    "outbound.retry": {
        "seos": TRIES,
        "ssev": TRIES,
        "isds": TRIES,
        "email": TRIES,
        "faults": TRIES,
        "questions": QUESTIONS,
    },
    # One peer's trouble must not close the network for the cases that run beside it.
    "outbound.breaker": {
        "failures": 4,
        "peers": 99,
        "rest_seconds": 0.3,
        "rest_longest_seconds": 0.6,
        "probe_seconds": 3.0,
    },
    "networks.seos": {
        "connect_seconds": 1.5,
        "send_seconds": 2.0,
        "inquire_seconds": 2.0,
        "notice_seconds": 2.0,
    },
    "networks.ssev": {
        "poll_seconds": 0.5,
        "watch_seconds": 0.5,
        "reach_seconds": 1.0,
        "lookup_seconds": 2.0,
        "absence_seconds": 1.5,
        "park_first_seconds": 1.0,
        "soap_up_to_bytes": SOAP_UP_TO,
    },
    "networks.ssev.soap": {"connect_seconds": 1.5, "answer_seconds": 2.0},
    "networks.ssev.rest": {"connect_seconds": 1.5, "answer_seconds": 2.0},
    "networks.isds": {
        "poll_minutes": 0.005,
        "watch_minutes": 0.005,
        # The creation itself shall meet the faults, not the question about the recipient.
        "reach_seconds": 60.0,
        "lookup_seconds": 2.0,
        "absence_seconds": 1.5,
        "park_first_seconds": 0.5,
        "connect_seconds": 1.5,
        "answer_seconds": 2.0,
        "transfer_seconds": TRANSFER,
        "message_bytes": ISDS_UP_TO,
    },
    "networks.email.submission": {
        "connect_seconds": 1.5,
        "command_seconds": 2.0,
        "final_seconds": 2.0,
    },
}


def of_networks(
    settings: Mapping[str, Mapping[str, object]], networks: tuple[str, ...]
) -> dict[str, Mapping[str, object]]:
    """Return the sections that a country of these networks has."""
    other = {name for name in ALL_NETWORKS if name not in networks}
    return {
        name: keys
        for name, keys in settings.items()
        if not (name.startswith("networks.") and name.split(".")[1] in other)
    }


def laid_over(further: Settings | None) -> dict[str, dict[str, object]]:
    """Return the settings with further keys laid over them, section by section."""
    made = {name: dict(keys) for name, keys in BRISK.items()}
    for name, keys in (further or {}).items():
        made.setdefault(name, {}).update(keys)
    return made
