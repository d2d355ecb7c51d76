"""Webhooks in the form of Standard Webhooks: signed, at-least-once, no personal data in them.

One try a call; the durable queue repeats. A repeat carries the same `webhook-id`, so a broken-off
try is simply tried again. It must never follow redirects or read an endless answer.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, assert_never

import aiohttp

from depesha.adapters.registry.settings import WebhookSettings, secret_bytes
from depesha.errors import Blame, ConfigurationError
from depesha.schemas.outcome import Deferred, Delivered, Outcome, Refused, Unclear

if TYPE_CHECKING:
    from collections.abc import Sequence

    from depesha.ports import Clock, Observer

_ANSWER_BYTES = 64 * 1024
"""More of an answer is not read: nothing in it is needed."""
_SUCCESS = range(200, 300)
_ENVELOPE = ("type", "timestamp")


def body_of(event: dict[str, str]) -> bytes:
    """Return the payload as Standard Webhooks recommends it: type, timestamp, data."""
    document: dict[str, Any] = {name: event[name] for name in _ENVELOPE}
    document["data"] = {key: value for key, value in event.items() if key not in _ENVELOPE}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def signature(secret: str, identity: str, timestamp: int, body: bytes) -> str:
    """Return `v1,` and the base64 of HMAC-SHA256 over id, time and body."""
    signed = f"{identity}.{timestamp}.".encode() + body
    mac = hmac.new(secret_bytes(secret), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(mac).decode("ascii")


class WebhookSender:
    """`ports.Webhooks` over one aiohttp session, which belongs to whoever made it."""

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession,
        listeners: Sequence[WebhookSettings],
        clock: Clock,
        observer: Observer,
        seconds: float = 15.0,
    ) -> None:
        self._session = session
        self._listeners = {listener.name: listener for listener in listeners}
        if len(self._listeners) != len(listeners):
            raise ConfigurationError("two webhooks have the same name")
        self._clock = clock
        self._observer = observer
        self._timeout = aiohttp.ClientTimeout(total=seconds)

    def listeners(self, event: str) -> tuple[str, ...]:
        """Return the names of the webhooks that want this event."""
        return tuple(name for name, hook in self._listeners.items() if event in hook.events)

    async def deliver(self, name: str, delivery: str, event: dict[str, str]) -> Outcome:
        """Try once: 2xx is Delivered, 410 and an unknown listener Refused, the rest Deferred.

        Even a try that broke off is Deferred, not Unclear: its repeat is the same delivery.
        """
        listener = self._listeners.get(name)
        if listener is None:
            return Refused(code="WEBHOOK_REMOVED", public="this webhook is no longer set up")
        outcome = await self._post(listener, delivery, body_of(event))
        self._tell(outcome)
        return outcome

    async def _post(self, listener: WebhookSettings, delivery: str, body: bytes) -> Outcome:
        timestamp = int(self._clock.now().timestamp())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "depesha",
            "webhook-id": delivery,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(listener.secret, delivery, timestamp, body),
        }
        try:
            async with self._session.post(
                listener.url,
                data=body,
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
            ) as response:
                await response.content.read(_ANSWER_BYTES)
                return _judge(response.status)
        except TimeoutError:
            return _deferred("WEBHOOK_TIMEOUT", "the listener did not answer in time")
        except aiohttp.ClientError:
            return _deferred("WEBHOOK_UNREACHABLE", "the listener could not be reached")

    def _tell(self, outcome: Outcome) -> None:
        match outcome:
            case Delivered():
                return
            case Deferred() | Refused() | Unclear():
                self._observer.trouble("webhook", outcome.code)
            case _:
                assert_never(outcome)


def _deferred(code: str, public: str) -> Deferred:
    return Deferred(code=code, public=public, blame=Blame.NETWORK)


def _judge(status: int) -> Outcome:
    if status in _SUCCESS:
        return Delivered()
    if status == HTTPStatus.GONE:
        return Refused(code="WEBHOOK_GONE", public="the listener wants no more events (410)")
    return Deferred(
        code="WEBHOOK_FAILED", public=f"the listener answered {status}", blame=Blame.THEIRS
    )
