"""Writes calls of ISDS with zeep, by our own service descriptions, without ever fetching one.

Long contents do not pass through zeep: a mark stands for each, and `Call` says where. Made and
used in threads.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

import pybase64
from lxml import etree

from depesha.errors import ConfigurationError, WireError
from depesha.schemas.wire.isds import V20, Service

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MARK_BYTES: Final = 24
"""A multiple of three, so that the mark's base64 has no padding."""


@dataclass(frozen=True, slots=True)
class Call:
    """An envelope cut where long contents belong: one more piece than there are contents."""

    service: Service
    operation: str
    pieces: tuple[bytes, ...]


class Dialect:
    """Knows every service; each description is loaded when first used, about 0.1 s."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clients: dict[Service, Any] = {}

    def write(
        self,
        service: Service,
        operation: str,
        words: Mapping[str, Any],
        marks: Sequence[bytes] = (),
    ) -> Call:
        """Return the envelope of a call; `marks` stand in `words` where contents belong.

        Raises `WireError` for what XML cannot carry or the description does not allow.
        """
        try:
            # zeep does not say whether its model may be shared between threads.
            with self._lock:
                client = self._ready(service)
                made = client.create_message(client.service, operation, **words)
        except (ValueError, TypeError) as error:
            raise WireError("a word is such that ISDS cannot be told it") from error
        except Exception as error:
            if type(error).__module__.startswith("zeep"):
                raise WireError("a word is such that ISDS cannot be told it") from error
            raise
        envelope = etree.tostring(made, encoding="utf-8", xml_declaration=True)
        return Call(service, operation, _cut(envelope, marks))

    def _ready(self, service: Service) -> Any:
        if service not in self._clients:
            self._clients[service] = _client(service)
        return self._clients[service]


def _client(service: Service) -> Any:
    import zeep  # noqa: PLC0415 -- a quarter of a second that small commands need not wait

    class Offline(zeep.Transport):
        """Refuses to fetch anything: every part of a description lies beside it."""

        def _load_remote_data(self, url: str) -> NoReturn:
            raise ConfigurationError(f"the service description refers to {url}")

    settings = zeep.Settings(forbid_dtd=True, forbid_entities=True, strict=True)
    # zeep's own types cover a part of it only.
    make: Any = zeep.Client
    transport: Any = Offline
    client = make(str(service.wsdl), transport=transport(), settings=settings)
    client.set_ns_prefix("p", V20)
    return client


def _cut(envelope: bytes, marks: Sequence[bytes]) -> tuple[bytes, ...]:
    pieces = []
    rest = envelope
    for mark in marks:
        before, found, rest = rest.partition(pybase64.b64encode(mark))
        if not found:
            raise WireError("a content found no place in a call")
        pieces.append(before)
    return (*pieces, rest)
