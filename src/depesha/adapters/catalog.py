"""The networks this gateway can speak, by hand: name → settings. Nothing is found by scanning.

What may touch a message must be readable in one file, and an installed package must not be able
to add a channel. The builder of each stands in its folder's `assembly.py`.
"""

from __future__ import annotations

from pydantic import BaseModel

from depesha.adapters.email.settings import EmailSettings
from depesha.adapters.isds.settings import IsdsSettings
from depesha.adapters.seos.settings import SeosSettings
from depesha.adapters.ssev.settings import SsevSettings

NETWORKS: dict[str, type[BaseModel]] = {
    "seos": SeosSettings,
    "ssev": SsevSettings,
    "isds": IsdsSettings,
    "email": EmailSettings,
}
"""Name of the table under `[networks]` → what may stand in it."""
