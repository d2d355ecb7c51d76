"""The operator's settings: one TOML file and the environment become frozen `Settings`.

An unknown key or a wrong value is an error that names file, line, key and the nearest valid key.
Nothing here opens a socket, a store or a key; secrets are only referred to, never written here.
"""

from __future__ import annotations

from depesha.config.loading import Settings, load
from depesha.config.secret import secret
from depesha.config.sections import (
    Address,
    Formats,
    Keys,
    LimitsSection,
    Listen,
    Log,
    ParticipantSection,
    QuarantineSection,
    RegistrySection,
    Retry,
    Scanner,
    Seal,
    Store,
    Threads,
    Webhook,
)
from depesha.config.sources import Source
from depesha.config.template import render_default, render_example

__all__ = [
    "Address",
    "Formats",
    "Keys",
    "LimitsSection",
    "Listen",
    "Log",
    "ParticipantSection",
    "QuarantineSection",
    "RegistrySection",
    "Retry",
    "Scanner",
    "Seal",
    "Settings",
    "Source",
    "Store",
    "Threads",
    "Webhook",
    "load",
    "render_default",
    "render_example",
    "secret",
]
