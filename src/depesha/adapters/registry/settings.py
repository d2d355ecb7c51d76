"""What may be set on the registry's side, each limit with its reason. Values only.

Nothing here reads a file or the environment; `config.py` does and hands these values over.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from depesha.errors import ConfigurationError

LANGUAGES = ("bg", "cs", "uk", "en")
"""Languages in which sentences for clerks exist."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_SECRET_BYTES = range(24, 65)
"""Standard Webhooks: a signing secret has between 24 and 64 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryApiSettings:
    """Limits of the registry API. Sizes in bytes, times in seconds."""

    body_bytes: int = 16 * 1024
    """A registration or a refusal of 450 characters has at most 2 kB; parsing 16 kB is quick."""
    body_seconds: float = 10.0
    """A body that small and still slower than this is no honest caller."""
    request_seconds: float = 30.0
    """For everything but long polls and streams: longer than any commit should take."""
    poll_seconds: float = 2.0
    """How often a waiting call looks by itself, should no bell ring (another process wrote)."""
    heartbeat_seconds: float = 15.0
    """A feed says something this often, so that proxies and readers know it lives."""
    feed_seconds: float = 3600.0
    """A feed ends after this and is resumed: tokens and settings do not stay for ever."""
    feed_rows: int = 200
    """Journal rows read at once for a feed."""
    write_seconds: float = 60.0
    """A reader that takes nothing for this long is gone."""
    chunk_bytes: int = 256 * 1024
    """Read size of files: one thread hop a chunk."""
    failed_attempts: int = 20
    """Wrong tokens from one address within `failed_window_seconds` before 429."""
    failed_window_seconds: float = 60.0
    failed_addresses: int = 4096
    """Addresses remembered; the oldest are forgotten first, so that memory stays bounded."""
    token_reload_seconds: float = 1.0
    """How soon a change of the token file by the command line is seen."""
    default_language: str = "en"

    def __post_init__(self) -> None:
        if self.default_language not in LANGUAGES:
            raise ConfigurationError("the default language must be one of: bg, cs, uk, en")


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionLimits:
    """Limits of a document that the registry submits. Sizes in bytes, times in seconds."""

    message_bytes: int = 256 * 1024
    """The JSON beside the files: a document that names a hundred persons has about 50 kB."""
    file_bytes: int = 512 * 1024 * 1024
    total_bytes: int = 1024 * 1024 * 1024
    """All files together; what a network takes is judged by its own limits, later."""
    files: int = 100
    name_characters: int = 255
    """Of a file's name: what file systems of recipients' machines take."""
    pause_seconds: float = 30.0
    """A submission that stands still for so long is given up."""
    slowest_bytes_per_second: int = 4096
    """So is one that is slower than this from its first byte on, after a first pause."""
    at_once: int = 8
    """Submissions read at the same time; further ones wait with their bytes unread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """One listener of events. The secret comes from the environment or a file, never inline."""

    name: str
    """Unique among listeners; stands in tasks and metrics."""
    url: str
    secret: str = field(repr=False)
    """`whsec_` and base64 of 24 to 64 bytes (Standard Webhooks)."""
    events: frozenset[str]
    """Names such as `message.admitted`."""
    plain_http: bool = False
    """True allows `http:`, for a listener on the same machine."""

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None:
            raise ConfigurationError("a webhook's name is made of letters, digits, _ and -")
        parts = urlsplit(self.url)
        if parts.scheme != "https" and not (self.plain_http and parts.scheme == "http"):
            raise ConfigurationError(f"webhook {self.name}: the address must begin with https://")
        if not parts.hostname or parts.username or parts.password or parts.fragment:
            raise ConfigurationError(f"webhook {self.name}: the address is not usable")
        secret_bytes(self.secret)


def secret_bytes(secret: str) -> bytes:
    """Decode a Standard Webhooks secret; raise `ConfigurationError`, which never quotes it."""
    try:
        decoded = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ConfigurationError("a webhook secret is whsec_ followed by base64") from error
    if len(decoded) not in _SECRET_BYTES:
        raise ConfigurationError("a webhook secret has between 24 and 64 bytes")
    return decoded
