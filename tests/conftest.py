"""Settings of the whole test run; shared helpers live in `tests/support/`, not here."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

_SLOW_MACHINES = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)

settings.register_profile("quick", deadline=None, suppress_health_check=_SLOW_MACHINES)
settings.register_profile(
    "fuzz", deadline=None, max_examples=10_000, suppress_health_check=_SLOW_MACHINES
)
settings.load_profile("quick")

# As `make` does: every gateway that a test starts finds the product compiled, and starts in half
# the time.
if sys.pycache_prefix is None:
    sys.pycache_prefix = str(Path(__file__).parents[1] / ".venv" / "pycache")
os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
os.environ["PYTHONDONTWRITEBYTECODE"] = ""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slow ones, so that no worker is left alone with one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(autouse=True, scope="session")
def _no_settings_of_the_caller() -> None:
    """The environment of whoever runs the tests must not decide them."""
    for name in list(os.environ):
        if name.upper().startswith("DEPESHA_"):
            del os.environ[name]
