"""Restorations for tests: what a store forgot."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from depesha.schemas.evidence import sha256
from depesha.schemas.restoration import Restoration


def forgotten(restored_at: datetime, **changes: Any) -> Restoration:
    """A store that was put back from a back-up of the day before; nobody approved it yet."""
    made = Restoration(
        name="20260302T090000.000000Z",
        knows_until=restored_at - timedelta(days=1),
        restored_at=restored_at,
        manifest=sha256(b"manifest"),
    )
    return replace(made, **changes)
