"""The simulated ISDS as a whole: one state, two hosts, four kinds of log-in (facts 1.2, 13).

`ws1` serves ordinary calls, `ws2` big messages as well. It must never be exposed: its state lies
in memory and its keys stand for nothing.
"""

from __future__ import annotations

import ssl
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Self

from depesha.ports import Clock, IdSource
from depesha.schemas.wire.isds import Service
from depesha.simulators.isds_people import People
from depesha.simulators.isds_quirks import IsdsOddity, IsdsQuirks
from depesha.simulators.isds_seal import Sealer
from depesha.simulators.isds_soap import SoapService
from depesha.simulators.isds_state import IsdsState
from depesha.simulators.isds_store import FileStore
from depesha.simulators.isds_values import Draft, LoginKind, Message, StoredFile
from depesha.simulators.listening import Listener
from depesha.simulators.tls import KeyFiles, server_context

NAMES: Final = ("ws1", "ws2")


@dataclass(frozen=True, slots=True, kw_only=True)
class IsdsUrls:
    """Where the two hosts answer: origins without a final slash."""

    ws1: str
    ws2: str

    def service(self, service: Service, kind: LoginKind = LoginKind.PASSWORD) -> str:
        """Return the address of a service for a kind of log-in."""
        origin = self.ws2 if service.on_ws2 else self.ws1
        return f"{origin}{prefix(kind)}{service.value}"


def prefix(kind: LoginKind) -> str:
    """Return the path before a service's name: `/DS/`, `/cert/DS/` and so on."""
    return f"/{kind.value}/DS/" if kind.value else "/DS/"


class OffsetClock:
    """A clock that runs with another one, and that can be put forward."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.offset = timedelta()

    def now(self) -> datetime:
        """The other clock's time and the offset."""
        return self._clock.now() + self.offset

    def monotonic(self) -> float:
        """The other clock's."""
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait by the other clock."""
        await self._clock.sleep(seconds)


class IsdsSimulator:
    """`async with IsdsSimulator(...)`; `people`, `state` and `quirks` may be used meanwhile."""

    def __init__(
        self,
        *,
        clock: Clock,
        ids: IdSource,
        folder: Path,
        keys: KeyFiles | None = None,
        quirks: IsdsQuirks | None = None,
        sealer: Sealer | None = None,
        host: str = "127.0.0.1",
        ports: tuple[int, int] = (0, 0),
    ) -> None:
        """`folder` keeps contents; without the server's `keys` it speaks plain HTTP.

        Client certificates must come from the authority that `keys` trusts, and then be admitted
        in `people`. Ports in the order of `NAMES`. A `sealer` with ready keys saves half a second.
        """
        self.clock = OffsetClock(clock)
        self._oddity = IsdsOddity(quirks or IsdsQuirks())
        self.sealer = sealer or Sealer(at=clock.now())
        self.people = People(clock=self.clock)
        self.files = FileStore(folder)
        self.state = IsdsState(
            people=self.people,
            files=self.files,
            sealer=self.sealer,
            clock=self.clock,
            oddity=self._oddity,
        )
        self._soap = SoapService(state=self.state, clock=self.clock, ids=ids)
        handlers = (self._soap.ordinary, self._soap.big)
        self._listeners = {
            name: Listener(handler, _context(keys), host, port)
            for name, handler, port in zip(NAMES, handlers, ports, strict=True)
        }

    @property
    def quirks(self) -> IsdsQuirks:
        """The switches in force; setting them starts the counts anew."""
        return self._oddity.quirks

    @quirks.setter
    def quirks(self, quirks: IsdsQuirks) -> None:
        self._oddity.quirks = quirks

    @property
    def faults_met(self) -> int:
        """How many calls a fault befell, since the quirks were set."""
        return self._oddity.used

    @property
    def calls(self) -> Counter[str]:
        """How often each operation was asked for."""
        return self._soap.calls

    @property
    def request_deviations(self) -> list[tuple[str, str]]:
        """Operation and rule wherever requests departed from the schema, each once."""
        return self._soap.deviations

    @property
    def urls(self) -> IsdsUrls:
        """Where it answers; known once it was started."""
        return IsdsUrls(ws1=self._listeners["ws1"].origin, ws2=self._listeners["ws2"].origin)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, *names: str) -> None:
        """Listen (both, or those named); after `stop`, on the same ports again."""
        for name in names or NAMES:
            await self._listeners[name].start()

    async def stop(self, *names: str) -> None:
        """Refuse connections until started again."""
        for name in names or NAMES:
            await self._listeners[name].stop()

    def pass_time(self, by: timedelta) -> None:
        """Put the service's clock forward: fiction, erasure and expiry happen at once."""
        self.clock.offset += by
        self.state.settle()

    def fill(self, sender: str, recipient: str, count: int, *, over: timedelta) -> list[Message]:
        """Put many small messages between two boxes, spread evenly over the past. Blocking."""
        content = b"Zku\xc5\xa1ebn\xc3\xad p\xc5\x99\xc3\xadloha\n"
        path = self.files.put(content)
        file = StoredFile(
            path=path, size=len(content), name="priloha.txt", mime="text/plain", meta="main"
        )
        start = self.clock.now() - over
        with self.state.lock:
            made = [
                self.state.put(
                    sender,
                    Draft(recipient=recipient, annotation=f"Zpráva {number}"),
                    (file,),
                    start + over * number / count,
                )
                for number in range(count)
            ]
            self.state.settle()
        return made


def _context(keys: KeyFiles | None) -> ssl.SSLContext | None:
    """Return a context that takes a client certificate where one is shown."""
    if keys is None:
        return None
    context = server_context(keys)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context
