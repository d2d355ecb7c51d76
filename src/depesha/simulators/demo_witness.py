"""What the demo's steps look at: answers on the wire, and the gateway's own word through its API.

It looks and compares; what is sent is in `demo_story`.
"""

from __future__ import annotations

from typing import Any, Final

import aiohttp

from depesha.ports import Clock
from depesha.schemas.ids import Guid
from depesha.simulators.bodies import Body
from depesha.simulators.country import Country
from depesha.simulators.demo_report import DemoFailedError, expect
from depesha.simulators.registry import RegistryClient
from depesha.simulators.seos_books import Exchange
from depesha.simulators.seos_documents import Failure, StatusResponse

PATIENCE: Final = 20.0
"""Seconds to wait for what the gateway does by itself."""
STATES: Final = (
    "ADMITTED",
    "HELD",
    "REJECTED",
    "REGISTERED",
    "ACKNOWLEDGED",
    "REFUSED",
    "REFUSAL_ACKNOWLEDGED",
    "CLOSED",
    "STOPPED",
)
_STEP: Final = 0.05


class Witness:
    """Watches one administration's gateway from outside."""

    def __init__(self, country: Country, body: Body, clock: Clock, *, language: str = "bg") -> None:
        self.gateway = country.gateways[body.folder]
        self.party = body.party
        self._token = country.tokens[body.folder]
        self.registry = RegistryClient(self.gateway.registry_api, self._token, language=language)
        self._register = country.register
        self._clock = clock

    @property
    def serial(self) -> str | None:
        """The serial of its certificate, as the participants' register says."""
        entry = self._register.find(self.party.guid or Guid(""))
        return entry.serial if entry else None

    def status(self, exchange: Exchange, document: Guid, status: str) -> StatusResponse:
        """Demand a signed status answer about this document."""
        self._signed(exchange)
        body = exchange.heard.body if exchange.heard else None
        if not isinstance(body, StatusResponse) or body.status != status:
            raise DemoFailedError(f"the answer is {shown(exchange)}")
        expect(body.document.guid == document, "the answer is about another document")
        return body

    def failure(self, exchange: Exchange, fragment: str) -> Failure:
        """Demand a signed error answer whose text holds the fragment peers search for."""
        self._signed(exchange)
        body = exchange.heard.body if exchange.heard else None
        if not isinstance(body, Failure) or fragment not in body.description:
            raise DemoFailedError(f"the answer is {shown(exchange)}")
        return body

    def _signed(self, exchange: Exchange) -> None:
        judgement = exchange.judgement
        if judgement is None:
            raise DemoFailedError(f"the answer is {shown(exchange)}")
        expect(judgement.valid, "the signature of the answer does not hold")
        expect(judgement.serial == self.serial, "the answer is signed with another certificate")

    async def waiting(self, documents: set[Guid], seconds: float = 0) -> list[dict[str, Any]]:
        """Return the waiting messages with one of these document GUIDs, each in full."""
        listed = await self.registry.waiting(seconds)
        messages = [await self.registry.message(one["id"]) for one in listed]
        return [m for m in messages if document_of(m) in documents]

    async def state(self, message_id: str, wanted: str) -> str:
        """Wait until a message is in this state."""
        until = self._clock.monotonic() + PATIENCE
        while True:
            state: str = (await self.registry.message(message_id))["state"]
            if state == wanted:
                return state
            expect(self._clock.monotonic() < until, f"the state is still {state}")
            await self._clock.sleep(_STEP)

    async def counts(self) -> dict[str, int]:
        """Count the messages of this gateway by state, through the API alone."""
        query = "&".join(f"state={s}" for s in STATES)
        url = f"{self.gateway.registry_api}/api/v1/inbox?limit=200&{query}"
        counts: dict[str, int] = {}
        headers = {"Authorization": f"Bearer {self._token}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            after = ""
            while True:
                page = await _page(session, f"{url}&after={after}")
                for item in page["items"]:
                    counts[item["state"]] = counts.get(item["state"], 0) + 1
                after = page["next"]
                if not after:
                    return counts


async def _page(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    try:
        async with session.get(url) as response:
            page: dict[str, Any] = await response.json()
            expect(response.ok, f"the inbox answered {response.status}")
            return page
    except aiohttp.ClientError as error:
        raise DemoFailedError("the inbox did not answer") from error


def document_of(message: dict[str, Any]) -> str:
    """Return the document GUID of a message from the API; empty where it could not be read."""
    envelope = message["envelope"]
    return str(envelope["document"]["guid"]) if envelope else ""


def shown(exchange: Exchange) -> str:
    """What came back, in a few words."""
    if exchange.heard is None:
        return exchange.trouble or f"HTTP {exchange.http_status} with an empty result"
    body = exchange.heard.body
    if isinstance(body, StatusResponse):
        number = body.document.number.number if body.document.number else ""
        return " ".join(part for part in (body.status, number, body.reason) if part)
    if isinstance(body, Failure):
        return f"MSG_Error: {body.description.strip()}"
    return exchange.heard.type
