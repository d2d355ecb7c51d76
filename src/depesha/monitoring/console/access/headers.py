"""What every answer of the console tells browsers to refuse. One table, and who writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import web

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""No inline script or style, nothing from elsewhere, no frames, no foreign forms."""

FILE_POLICY = (
    "default-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox"
)
"""Of a file that is handed out: should a browser show it all the same, nothing in it acts."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    # Not "no-referrer": with it browsers send "Origin: null" with our own forms (Fetch, 3.2).
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_YEAR = 365 * 24 * 3600


def protect(response: web.StreamResponse, *, tls: bool) -> None:
    """Put the headers on an answer; pages are kept by nobody unless they say otherwise."""
    for name, value in HEADERS.items():
        response.headers[name] = value
    if "Content-Disposition" in response.headers:
        response.headers["Content-Security-Policy"] = FILE_POLICY
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["Server"] = "Depesha"  # and not the versions of what it is made of
    if tls:
        response.headers["Strict-Transport-Security"] = f"max-age={_YEAR}"
