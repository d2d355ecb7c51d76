"""The simulated SSEV as a whole: one state, four listeners (facts 10).

OAuth and API gateway ask for client certificates, the blobs host and SOAP do not. It must never
be exposed: its state lies in memory and its keys belong to a test authority.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from depesha.ports import Clock, IdSource
from depesha.simulators.listening import Listener
from depesha.simulators.ssev_evidence import TimeStamper
from depesha.simulators.ssev_files import Files
from depesha.simulators.ssev_gate import Gate
from depesha.simulators.ssev_people import People
from depesha.simulators.ssev_quirks import SsevOddity, SsevQuirks
from depesha.simulators.ssev_rest import API, UPLOAD, RestApi
from depesha.simulators.ssev_rest_shapes import Shapes
from depesha.simulators.ssev_soap import PATH, SoapService
from depesha.simulators.ssev_state import SsevState
from depesha.simulators.ssev_token import Tokens
from depesha.simulators.ssev_uploads import Uploads
from depesha.simulators.tls import KeyFiles, server_context

NAMES: Final = ("oauth", "api", "blobs", "soap")
ASKING: Final = frozenset({"oauth", "api"})
"""Those that ask for a client certificate (facts 2.2, 7.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SsevUrls:
    """Where the four listeners answer."""

    oauth: str
    """Origin of the token server: `/token` and `/introspect` below it."""
    api: str
    """Base of the ESB API."""
    upload: str
    """Base of the uploads: `/blobs` below it."""
    blobs: str
    """Origin of download links."""
    soap: str
    """The SOAP service; `?wsdl` describes it."""


class SsevSimulator:
    """`async with SsevSimulator(...)`; `people`, `state` and `quirks` may be used meanwhile."""

    def __init__(
        self,
        *,
        clock: Clock,
        ids: IdSource,
        keys: KeyFiles,
        folder: Path,
        quirks: SsevQuirks | None = None,
        stamper: TimeStamper | None = None,
        host: str = "127.0.0.1",
        ports: tuple[int, int, int, int] = (0, 0, 0, 0),
    ) -> None:
        """`keys` are the server's; `folder` keeps file contents; ports in the order of `NAMES`."""
        folder.mkdir(parents=True, exist_ok=True)
        self._oddity = SsevOddity(quirks or SsevQuirks())
        self.stamper = stamper or TimeStamper(at=clock.now())
        self.people = People(clock=clock, ids=ids)
        files = Files(
            folder=folder, clock=clock, ids=ids, stamper=self.stamper, oddity=self._oddity
        )
        self.state = SsevState(
            people=self.people, files=files, clock=clock, ids=ids, oddity=self._oddity
        )
        gate = Gate(clock=clock, oddity=self._oddity)
        shapes = Shapes(self.state, lambda: self.urls.blobs)
        uploads = Uploads(files=files, shapes=shapes, oddity=self._oddity, gate=gate)
        self.tokens = Tokens(
            people=self.people, clock=clock, ids=ids, oddity=self._oddity, gate=gate
        )
        rest = RestApi(
            state=self.state, tokens=self.tokens, shapes=shapes, uploads=uploads, gate=gate
        )
        soap = SoapService(state=self.state, ids=ids, gate=gate)
        handlers = (self.tokens.handle, rest.handle, uploads.download, soap.handle)
        self._listeners = {
            name: Listener(handler, _context(keys, asks=name in ASKING), host, port)
            for name, handler, port in zip(NAMES, handlers, ports, strict=True)
        }

    @property
    def quirks(self) -> SsevQuirks:
        """The switches in force; setting them starts the counts anew."""
        return self._oddity.quirks

    @quirks.setter
    def quirks(self, quirks: SsevQuirks) -> None:
        self._oddity.quirks = quirks

    @property
    def urls(self) -> SsevUrls:
        """Where it answers; known once it was started."""
        origin = {name: listener.origin for name, listener in self._listeners.items()}
        return SsevUrls(
            oauth=origin["oauth"],
            api=origin["api"] + API,
            upload=origin["api"] + UPLOAD.removesuffix("/blobs"),
            blobs=origin["blobs"],
            soap=origin["soap"] + PATH,
        )

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, *names: str) -> None:
        """Listen (all, or those named); after `stop`, on the same ports again."""
        for name in names or NAMES:
            await self._listeners[name].start()

    async def stop(self, *names: str) -> None:
        """Refuse connections until started again."""
        for name in names or NAMES:
            await self._listeners[name].stop()


def _context(keys: KeyFiles, *, asks: bool) -> ssl.SSLContext:
    context = server_context(keys)
    if not asks:
        context.verify_mode = ssl.CERT_NONE
    return context
