"""The codes of the demo's people are those of RFC 6238, and those the console expects."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from depesha.monitoring.console.access import totp
from depesha.simulators.console_people import code_at

KEY = b"12345678901234567890"


@pytest.mark.parametrize(
    ("seconds", "code"), [(59, "287082"), (1111111109, "081804"), (20000000000, "353130")]
)
def test_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    key = base64.b32encode(KEY).decode()
    assert code_at(key, seconds) == code
    step = totp.step_at(datetime.fromtimestamp(seconds, UTC))
    assert totp.code_at(KEY, step) == code
