"""Secrets by reference: the file names an environment variable or another file, never the secret.

Nothing here keeps, prints or logs what it read; errors name the reference alone.
"""

from __future__ import annotations

import os
from pathlib import Path

from depesha.errors import ConfigurationError


def secret(*, env: str = "", file: Path | None = None) -> str | None:
    """Read a secret from the environment or from the first line of a file.

    None where neither is named. Raises `ConfigurationError` where a named one is missing or empty.
    """
    if env:
        value = os.environ.get(env, "")
        if not value:
            raise ConfigurationError(
                f"the environment variable {env}, named in the settings, is not set"
            )
        return value
    if file is None:
        return None
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(f"the secret's file {file} cannot be read") from None
    if not lines or not lines[0].strip():
        raise ConfigurationError(f"the secret's file {file} is empty")
    return lines[0].strip()
