"""Settings of the whole test run; shared helpers live in `tests/support/`, not here."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

_SLOW_MACHINES = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)

settings.register_profile("quick", deadline=None, suppress_health_check=_SLOW_MACHINES)
settings.register_profile(
    "fuzz", deadline=None, max_examples=10_000, suppress_health_check=_SLOW_MACHINES
)
settings.load_profile("quick")


@pytest.fixture(autouse=True, scope="session")
def _no_settings_of_the_caller() -> None:
    """The environment of whoever runs the tests must not decide them."""
    for name in list(os.environ):
        if name.upper().startswith("DEPESHA_"):
            del os.environ[name]
