"""The gateway's registry API as the commands see it: one request, plain JSON, errors in words.

Small on purpose: the standard library only, so that a command starts at once.
"""

from __future__ import annotations

import functools
import http.client
import json
import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import click

from depesha.cli.form import Form
from depesha.errors import (
    BrokenOffError,
    ConfigurationError,
    DepeshaError,
    PeerError,
    UnreachableError,
)

P = ParamSpec("P")
R = TypeVar("R")
_SECONDS = 40.0
_UPLOAD_SECONDS = 300.0
"""Between two signs of life while a document is taken in: large files are looked through."""
_LARGEST = 64 * 2**20
_OK = range(200, 300)
_BUSY = 429
_SERVER_FAULT = 500
_PREFIX = "/api/v1"


class RefusedError(DepeshaError):
    """The gateway refused the request; asking again without a change will not help."""

    code = "REFUSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """Where the API is and who asks."""

    url: str
    token: str
    trust: ssl.SSLContext | None = None

    def get(self, path: str, **query: object) -> Any:
        """Return the JSON at `path`."""
        words = {k: v for k, v in query.items() if v not in (None, (), "")}
        tail = "?" + urlencode(words, doseq=True) if words else ""
        return _json(self._ask("GET", path + tail, None))

    def post(self, path: str, body: Mapping[str, object]) -> Any:
        """Send JSON, return JSON."""
        return _json(self._ask("POST", path, json.dumps(body).encode()))

    def text(self, path: str, body: Mapping[str, object], language: str | None = None) -> str:
        """Send JSON, return plain text, in a language where there are several."""
        headers = {"Accept": "text/plain", **_spoken(language)}
        data = self._ask("POST", path, json.dumps(body).encode(), headers)
        return data.decode("utf-8", "replace")

    def upload(self, path: str, form: Form, headers: Mapping[str, str]) -> Any:
        """Stream a form, return JSON. A break leaves open whether it was taken: send it again."""
        headers = {
            **headers,
            "Content-Type": form.content_type,
            "Content-Length": str(form.length),
        }
        return _json(self._ask("POST", path, form, headers, seconds=_UPLOAD_SECONDS))

    def raw(self, path: str, language: str | None = None) -> bytes:
        """Return the bytes at `path`, in a language where there are several."""
        return self._ask("GET", path, None, _spoken(language))

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | Form | None,
        more: Mapping[str, str] | None = None,
        seconds: float = _SECONDS,
    ) -> bytes:
        connection = self._connection(seconds)
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json, */*"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        headers |= dict(more or {})
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            raise UnreachableError(
                f"no gateway answers at {self.url}",
                remedy="start it with `depesha serve`, or name another with --api",
                cause=type(error).__name__,
            ) from None
        try:
            _send(connection, method, _PREFIX + path, body, headers)
            answer = connection.getresponse()
            data = answer.read(_LARGEST)
        except (OSError, http.client.HTTPException):
            raise BrokenOffError(f"the connection to {self.url} broke off") from None
        finally:
            connection.close()
        if answer.status not in _OK:
            raise _refusal(answer.status, data)
        return data

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        if parts.scheme == "https":
            return http.client.HTTPSConnection(
                host, parts.port, timeout=seconds, context=self.trust
            )
        return http.client.HTTPConnection(host, parts.port, timeout=seconds)


def _send(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | Form | None,
    headers: Mapping[str, str],
) -> None:
    """Send a request; one that is refused before it is read whole may still be answered."""
    try:
        connection.request(method, path, body, headers)
    except (BrokenPipeError, ConnectionResetError):
        if not isinstance(body, Form):
            raise


def _spoken(language: str | None) -> dict[str, str]:
    return {"Accept-Language": language} if language else {}


def segment(text: str) -> str:
    """One part of a path, whatever a person typed."""
    return quote(text, safe="")


def _json(data: bytes) -> Any:
    try:
        return json.loads(data) if data else {}
    except ValueError:
        raise PeerError("the gateway answered with something else than JSON") from None


def _refusal(status: int, data: bytes) -> DepeshaError:
    """Title and detail of an RFC 9457 problem, or the bare status."""
    try:
        problem = json.loads(data)
        words = [str(problem[key]) for key in ("title", "detail") if problem.get(key)]
        words += [_fault(one) for one in (*_list(problem, "errors"), *_list(problem, "defects"))]
    except (ValueError, AttributeError, TypeError, KeyError):
        words = []
    text = ": ".join(dict.fromkeys(words)) or f"the gateway answered with status {status}"
    if status == _BUSY or status >= _SERVER_FAULT:
        return PeerError(text)
    return RefusedError(text)


def _list(problem: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    return [one for one in problem.get(key) or () if isinstance(one, dict)]


def _fault(one: Mapping[str, Any]) -> str:
    """One thing wrong in a request, or one rule that a document breaks."""
    if "sentence" in one:
        return f"{one['sentence']} {one.get('remedy', '')}".strip()
    where = one.get("pointer") or one.get("parameter") or ""
    return f"{where} {one.get('detail', '')}".strip()


LANGUAGES = ("bg", "cs", "uk", "en")
"""As in `schemas.sentences`, which is too heavy to be read for `--help`."""

# --- options ---------------------------------------------------------------------------------


def config_option(function: Callable[P, R]) -> Callable[P, R]:
    """Add `-c FILE`."""
    return click.option(
        "-c",
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        default=Path("depesha.toml"),
        envvar="DEPESHA_CONFIG",
        show_default=True,
        help="Settings file.",
    )(function)


def language_option(function: Callable[P, R]) -> Callable[P, R]:
    """Add `--language`."""
    return click.option("--language", type=click.Choice(LANGUAGES), help="Of words.")(function)


def api_options(function: Callable[..., R]) -> Callable[..., R]:
    """Add the options that name the gateway; the command gets them as one `api`."""

    @config_option
    @click.option("--api", "url", help="Address of the registry API, instead of the settings'.")
    @click.option("--ca", type=click.Path(exists=True, dir_okay=False, path_type=Path))
    @click.option("--token", envvar="DEPESHA_TOKEN", help="Token, instead of the instance's own.")
    @functools.wraps(function)
    def with_api(
        *, config: Path, url: str | None, ca: Path | None, token: str | None, **rest: Any
    ) -> R:
        return function(api=_api(config, url, ca, token), **rest)

    return with_api


def _api(config: Path, url: str | None, ca: Path | None, token: str | None) -> Api:
    if url and token:
        trust = ssl.create_default_context(cafile=ca) if url.startswith("https:") else None
        return Api(url=_checked(url), token=token, trust=trust)
    from depesha.config import load

    settings = load(config)
    address = settings.listen.registry
    secure = settings.listen.registry_tls
    here = "127.0.0.1" if address.host in {"0.0.0.0", "::"} else address.host  # noqa: S104
    host = f"[{here}]" if ":" in here else here
    own = f"{'https' if secure else 'http'}://{host}:{address.port}"
    certificate = ca or settings.listen.certificate or settings.keys.certificate
    trust = _pinned(certificate) if secure and not url else None
    if url and url.startswith("https:"):
        trust = ssl.create_default_context(cafile=ca)
    return Api(
        url=_checked(url or own), token=token or _own(settings.registry.own_token), trust=trust
    )


def _checked(url: str) -> str:
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise click.UsageError("--api needs an address such as http://127.0.0.1:8441")
    return url.rstrip("/")


def _pinned(certificate: Path) -> ssl.SSLContext:
    """Trust this very certificate, whoever issued it and whatever name it bears."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(certificate)
    except OSError:
        raise ConfigurationError(f"the certificate {certificate.name} cannot be read") from None
    return context


def _own(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(
            "no token to ask the gateway with",
            remedy=f"give --token or DEPESHA_TOKEN, or make one for {os.fspath(path)}",
        ) from None
