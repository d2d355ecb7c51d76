"""A toy registry: fetches what waits, gives its own numbers, and submits documents to be sent.

It speaks the public API only, as any registry's maker would, so that it shows how little that
takes. It keeps nothing on disk and must not be mistaken for the built-in registry.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import date
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, Any, Self

import aiohttp

from depesha.errors import BrokenOffError, DepeshaError, PeerError, UnreachableError

if TYPE_CHECKING:
    from ssl import SSLContext
    from types import TracebackType

_BASE = "/api/v1"
_MARGIN_SECONDS = 15.0
"""How much longer than the long poll itself an answer may take."""


class RegistryProblemError(DepeshaError):
    """The gateway answered with a problem (RFC 9457); `status`, `problem` and `remedy` tell."""

    code = "REGISTRY_PROBLEM"

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(
            f"the gateway answered {status}: {problem.get('code', 'no reason')}",
            remedy=str(problem.get("remedy", "")),
        )
        self.status = status
        self.problem = problem


class RegistryClient:
    """One registry's connection to its gateway; use it as an async context manager."""

    def __init__(
        self,
        base_url: str,
        token: str,
        ssl: SSLContext | None = None,
        *,
        language: str = "bg",
        seconds: float = 30.0,
    ) -> None:
        """`base_url` is the listener, such as `https://127.0.0.1:8441`."""
        self._base = base_url.rstrip("/") + _BASE
        self._seconds = seconds
        self._headers = {"Authorization": f"Bearer {token}", "Accept-Language": language}
        self._ssl: SSLContext | bool = ssl if ssl is not None else True
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._opened()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close_session()

    async def close_session(self) -> None:
        """Let go of the connections; closing twice is safe."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def waiting(self, wait: float = 0, *, limit: int = 50) -> list[dict[str, Any]]:
        """Return messages that wait for a number, oldest first; wait up to `wait` seconds."""
        path = f"/inbox?wait={wait:g}&limit={limit}"
        page = await self._json("GET", path, seconds=wait + _MARGIN_SECONDS)
        items: list[dict[str, Any]] = page["items"]
        return items

    async def message(self, message_id: str) -> dict[str, Any]:
        """Return one message with everything the gateway knows of it."""
        return await self._json("GET", f"/messages/{message_id}")

    async def attachment(self, message_id: str, n: int) -> bytes:
        """Return the bytes of attachment `n`, from 1."""
        return await self._bytes("GET", f"/messages/{message_id}/attachments/{n}")

    async def original(self, message_id: str) -> bytes:
        """Return the message exactly as it was signed and received."""
        return await self._bytes("GET", f"/messages/{message_id}/original")

    async def events(self, message_id: str) -> list[dict[str, Any]]:
        """Return the journey of a message."""
        journey = await self._json("GET", f"/messages/{message_id}/events")
        items: list[dict[str, Any]] = journey["items"]
        return items

    async def register(self, message_id: str, number: str, day: date | str) -> dict[str, Any]:
        """Give the message a number; safe to repeat with the same one."""
        text = day.isoformat() if isinstance(day, date) else day
        path = f"/messages/{message_id}/registration"
        return await self._json("POST", path, {"number": number, "date": text})

    async def refuse(self, message_id: str, reason: str) -> dict[str, Any]:
        """Decline the message; its sender reads the reason."""
        return await self._json("POST", f"/messages/{message_id}/refusal", {"reason": reason})

    async def close(self, message_id: str, *, finished: bool, reason: str) -> dict[str, Any]:
        """End the case of a registered message."""
        body = {"finished": finished, "reason": reason}
        return await self._json("POST", f"/messages/{message_id}/closure", body)

    async def release(self, message_id: str, reason: str) -> dict[str, Any]:
        """Let a held message through (a clerk's token)."""
        return await self._json("POST", f"/messages/{message_id}/release", {"reason": reason})

    async def held(self) -> list[dict[str, Any]]:
        """Return held messages (a clerk's token)."""
        page = await self._json("GET", "/held")
        items: list[dict[str, Any]] = page["items"]
        return items

    # --- documents on their way out -------------------------------------------------------

    async def submit(
        self,
        words: Mapping[str, Any],
        files: Sequence[tuple[str, str, bytes]],
        *,
        key: str,
        seconds: float | None = None,
    ) -> dict[str, Any]:
        """Submit a document: its words as the API has them, files as name, media type, bytes.

        Return `{id, state, document}`. Safe to repeat with the same `key` and the same document;
        `seconds` for large ones.
        """

        def form() -> aiohttp.FormData:
            made = aiohttp.FormData(quote_fields=False)  # names as they are, in UTF-8
            text = json.dumps(words, ensure_ascii=False)
            made.add_field("message", text, content_type="application/json")
            for place, (name, media_type, content) in enumerate(files, 1):
                made.add_field(
                    f"file-{place}", BytesIO(content), filename=name, content_type=media_type
                )
            return made

        data = await asyncio.to_thread(form)
        return await self._json(
            "POST", "/messages", data=data, seconds=seconds, headers={"Idempotency-Key": key}
        )

    async def outbox(
        self, *states: str, after: str = "", limit: int = 50
    ) -> tuple[list[dict[str, Any]], str]:
        """Return a page of documents of ours, oldest first, and the cursor of the next one."""
        wanted = "".join(f"&state={state}" for state in states)
        page = await self._json("GET", f"/outbox?limit={limit}&after={after}{wanted}")
        items: list[dict[str, Any]] = page["items"]
        return items, page["next"]

    async def show(self, message_id: str) -> dict[str, Any]:
        """Return one document of ours with its state, tries, plan and the recipient's number."""
        return await self.message(message_id)

    async def explain(
        self, words: Mapping[str, Any] | None = None, *, message_id: str = ""
    ) -> dict[str, Any]:
        """Ask what would be done with a document now: one only thought of, or one on its way."""
        body = {"id": message_id} if words is None else dict(words)
        return await self._json("POST", "/routes/explain", body)

    async def decide(self, message_id: str, decision: str, reason: str) -> dict[str, Any]:
        """Take a person's decision about a document of ours, such as `resume`."""
        body = {"decision": decision, "reason": reason}
        return await self._json("POST", f"/messages/{message_id}/decision", body)

    async def participant(self, identifier: str) -> dict[str, Any]:
        """Return what is known of a participant, network by network."""
        return await self._json("GET", f"/participants/{identifier}")

    # --- for both directions --------------------------------------------------------------

    async def evidence(self, message_id: str) -> bytes:
        """Return the pack that proves the journey offline."""
        return await self._bytes("GET", f"/messages/{message_id}/evidence")

    async def proof(self, message_id: str, language: str = "") -> bytes:
        """Return the printable proof, in the client's own language or another one."""
        headers = {"Accept-Language": language} if language else None
        return await self._bytes("GET", f"/messages/{message_id}/proof", headers)

    async def export(self, form: str = "csv") -> bytes:
        """Return the waiting list for a substitute register."""
        return await self._bytes("GET", f"/inbox/export?format={form}")

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(ssl=self._ssl)
            self._session = aiohttp.ClientSession(connector=connector, headers=self._headers)
        return self._session

    async def _bytes(
        self, method: str, path: str, headers: Mapping[str, str] | None = None
    ) -> bytes:
        status, body, _ = await self._call(method, path, headers=headers)
        if status != HTTPStatus.OK:
            raise PeerError(f"the gateway answered {status}")
        return body

    async def _json(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        data: aiohttp.FormData | None = None,
        seconds: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        _, _, answer = await self._call(
            method, path, body, data=data, seconds=seconds, headers=headers
        )
        if not isinstance(answer, dict):
            raise PeerError("the gateway did not answer with a JSON object")
        return answer

    async def _call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        data: aiohttp.FormData | None = None,
        seconds: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes, Any]:
        timeout = aiohttp.ClientTimeout(total=seconds or self._seconds)
        try:
            async with self._opened().request(
                method,
                self._base + path,
                json=body,
                data=data,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                said = await response.read()
                is_json = response.content_type.endswith("json")
                answer = await response.json(content_type=None) if is_json else None
                if response.status >= HTTPStatus.BAD_REQUEST:
                    problem = answer if isinstance(answer, dict) else {}
                    raise RegistryProblemError(response.status, problem)
                return response.status, said, answer
        except aiohttp.ClientConnectorError as error:
            raise UnreachableError("the gateway cannot be reached") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise BrokenOffError("the gateway's answer broke off or did not come") from error
        except ValueError as error:
            raise PeerError("the gateway's answer is not JSON") from error
