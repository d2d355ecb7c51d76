"""The console's cookies: names, flags, and the values that forms must bring along.

Under TLS every name has the `__Host-` prefix (RFC 6265bis, 4.1.3.2): no other host can set it.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Literal

from depesha.schemas.ids import Digest

if TYPE_CHECKING:
    from aiohttp import web

SESSION, FORM, FLOW = "depesha-session", "depesha-form", "depesha-flow"
_LONGEST = 4096


class Cookies:
    """Sets, reads and clears cookies."""

    def __init__(self, *, secure: bool) -> None:
        """Mark all cookies as for TLS only where `secure`."""
        self._secure = secure
        self._prefix = "__Host-" if secure else ""

    def read(self, request: web.Request, name: str) -> str:
        """Return a cookie's value; empty where there is none."""
        value = request.cookies.get(self._prefix + name, "")
        return value if len(value) <= _LONGEST else ""

    def set(
        self,
        response: web.StreamResponse,
        name: str,
        value: str,
        *,
        seconds: int | None = None,
        same_site: Literal["Strict", "Lax"] = "Strict",
    ) -> None:
        """Set a cookie; without `seconds` it ends with the browser."""
        response.set_cookie(
            self._prefix + name,
            value,
            max_age=seconds,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite=same_site,
        )

    def clear(self, response: web.StreamResponse, name: str) -> None:
        """Make the browser forget a cookie."""
        self.set(response, name, "", seconds=0)


def token_digest(token: str) -> Digest:
    """Return what the store keeps of a token; 256 bits of chance need no slow hash."""
    return Digest(hashlib.sha256(token.encode("utf-8", "replace")).hexdigest())


def form_token(secret: str) -> str:
    """Return what forms bring along: bound to a cookie's secret, and not that secret."""
    return hmac.new(secret.encode("utf-8", "replace"), b"form", hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Compare two texts in constant time."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))
