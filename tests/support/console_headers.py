"""What every answer of the console says to browsers: written down once more, for its tests."""

from __future__ import annotations

from tests.support.console_walk import Heard

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Written down here once more, so that nobody takes one away by mistake."""
FILE = "default-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox"


def every_header(heard: Heard, *, tls: bool = False) -> None:
    told = {name: heard.headers.get(name) for name in HEADERS}
    if "Content-Disposition" in heard.headers:
        assert told.pop("Content-Security-Policy") == FILE
        assert told == {name: v for name, v in HEADERS.items() if name in told}
    else:
        assert told == HEADERS
    assert "unsafe" not in heard.headers["Content-Security-Policy"]
    strict = heard.headers.get("Strict-Transport-Security")
    assert strict == ("max-age=31536000" if tls else None)
    kept = heard.headers["Cache-Control"]
    assert kept in {"no-store", "public, max-age=31536000, immutable"}
    assert "aiohttp" not in heard.headers.get("Server", "")
    assert "Python" not in heard.headers.get("Server", "")
