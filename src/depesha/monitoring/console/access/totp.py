"""The second factor: time-based codes (RFC 6238 over RFC 4226), recovery codes, the QR picture.

Pure but for randomness handed in. A code opens once: the caller keeps the step it belonged to.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

import segno

from depesha.schemas.ids import Digest

KEY_BYTES = 20
STEP_SECONDS = 30
DIGITS = 6
RECOVERY_CODES = 8
_RECOVERY_BYTES = 10
_WINDOW = (0, -1, 1)
"""Steps looked at: the present one, and one for a clock that is off each way (5.2)."""


def step_at(now: datetime) -> int:
    """Return the time step of a moment."""
    return int(now.timestamp()) // STEP_SECONDS


def code_at(key: bytes, step: int) -> str:
    """Return the code of one time step (RFC 4226, 5.3)."""
    mac = hmac.new(key, step.to_bytes(8, "big"), hashlib.sha1).digest()
    offset = mac[-1] & 0xF
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def step_of(key: bytes, typed: str, now: datetime, last_step: int) -> int | None:
    """Return the step whose code was typed, if it is a present one and later than `last_step`."""
    given = "".join(typed.split())
    found = None
    for offset in _WINDOW:
        step = step_at(now) + offset
        same = hmac.compare_digest(code_at(key, step).encode(), given.encode())
        if same and step > last_step:
            found = step
    return found


def key_text(key: bytes) -> str:
    """Return the key as people type it into an application."""
    return base64.b32encode(key).decode().rstrip("=")


def enrolment(key: bytes, login: str, issuer: str) -> str:
    """Return the address that authenticator applications read from the picture."""
    label = quote(f"{issuer}:{login}", safe="")
    return (
        f"otpauth://totp/{label}?secret={key_text(key)}&issuer={quote(issuer, safe='')}"
        f"&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}"
    )


def picture(address: str, title: str) -> str:
    """Return the QR code as an SVG element without styles or scripts, fit for a strict CSP.

    `title` is escaped by the maker of the picture. Takes milliseconds: call it from a thread.
    """
    made = io.BytesIO()
    segno.make(address, error="m", micro=False).save(
        made, kind="svg", xmldecl=False, svgns=False, scale=4, border=4, title=title, light="#fff"
    )
    return made.getvalue().decode()


def new_recovery_codes(random_bytes: Callable[[int], bytes]) -> tuple[str, ...]:
    """Draw codes of 80 bits, in groups of four."""
    drawn = (
        base64.b32encode(random_bytes(_RECOVERY_BYTES)).decode() for _ in range(RECOVERY_CODES)
    )
    return tuple("-".join(text[at : at + 4] for at in range(0, len(text), 4)) for text in drawn)


def recovery_digest(typed: str) -> Digest:
    """Return what is kept of a recovery code; 80 bits of chance need no slow hash."""
    bare = "".join(c for c in typed.upper() if c.isalnum())
    return Digest(hashlib.sha256(f"recovery {bare}".encode()).hexdigest())
