"""SSEV in a simulated country: who has a profile there, and how a gateway is told of it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from depesha.ports import Clock, IdSource
from depesha.simulators.authority import Authority
from depesha.simulators.bodies import SSEV, Body
from depesha.simulators.ssev_evidence import TimeStamper
from depesha.simulators.ssev_service import SsevSimulator, SsevUrls
from depesha.simulators.ssev_values import Login, Profile
from depesha.simulators.tls import KeyFiles, write_keys
from depesha.simulators.wires import Wires

PACE: Final = {
    "poll_seconds": 1.0,
    "watch_seconds": 1.0,
    "reach_seconds": 5.0,
    "lookup_seconds": 5.0,
    "absence_seconds": 2.0,
    "park_first_seconds": 2.0,
}
"""A simulated country is not willing to wait."""
BEFORE: Final = ("oauth", "api", "soap")
"""Listeners with a wire before them; download links lead to the fourth one directly."""


class CountrySsev:
    """One simulated SSEV for the whole country."""

    def __init__(
        self, *, folder: Path, authority: Authority, trusted: Path, wires: Wires, clock: Clock
    ) -> None:
        self.profiles: dict[str, Profile] = {}
        self.logins: dict[str, Login] = {}
        self._folder = folder
        self._authority = authority
        self._trusted = trusted
        self._wires = wires
        self._clock = clock
        self._simulator: SsevSimulator | None = None
        self._keys: dict[str, KeyFiles] = {}

    @property
    def simulator(self) -> SsevSimulator:
        """The service itself: its state, people and quirks may be used meanwhile."""
        if self._simulator is None:
            raise RuntimeError("the country's SSEV is not started")
        return self._simulator

    @property
    def urls(self) -> SsevUrls:
        """Where gateways find it: through wires that may be cut."""
        own = self.simulator.urls
        wired = {name: self._through(name, getattr(own, name)) for name in BEFORE}
        return SsevUrls(
            **wired, upload=self._through("api", own.upload), blobs=self.simulator.urls.blobs
        )

    def _through(self, name: str, url: str) -> str:
        wire = self._wires[f"{SSEV}.{name}"]
        return urlsplit(url)._replace(netloc=f"{wire.host}:{wire.port}").geturl()

    async def start(
        self,
        stack: AsyncExitStack,
        ids: IdSource,
        server: RSAPrivateKey,
        stamper: RSAPrivateKey,
        soap_port: int = 0,
    ) -> None:
        """Listen, and lay the wires; the stack stops everything."""
        now = self._clock.now()
        identity = self._authority.issue("ssev.example", eik="000000000", at=now, key=server)
        simulator = SsevSimulator(
            clock=self._clock,
            ids=ids,
            keys=write_keys(identity, self._folder, "ssev", self._trusted),
            folder=self._folder / "blobs",
            stamper=TimeStamper(at=now, key=stamper),
        )
        self._simulator = await stack.enter_async_context(simulator)
        for name in BEFORE:
            place = urlsplit(getattr(simulator.urls, name))
            port = soap_port if name == "soap" else 0
            await self._wires.lay(
                stack, f"{SSEV}.{name}", place.hostname or "", place.port or 0, port
            )

    def join(self, body: Body, certificate: bytes, keys: KeyFiles) -> None:
        """Give a body a profile, and its software a login bound to its certificate (DER)."""
        people = self.simulator.people
        profile = people.add(body.party.identifier, body.party.name)
        self.profiles[body.folder] = profile
        self.logins[body.folder] = people.admit(
            profile,
            certificate,
            oid=f"2.16.100.1.1.{len(self.logins) + 1}",
            client_id=body.folder,
        )
        self._keys[body.folder] = keys

    def sections(self, body: Body) -> dict[str, dict[str, object]]:
        """The settings of a gateway, section by section."""
        urls, login = self.urls, self.logins[body.folder]
        authorities = [str(self._trusted)]
        return {
            "networks.ssev": {"environment": "simulated", **PACE},
            "networks.ssev.rest": {
                "token_url": urls.oauth,
                "api_url": urls.api,
                "upload_url": urls.upload,
                "blob_origins": [urls.blobs],
                "client_id": login.client_id,
                "oid": login.oid,
                "authorities": authorities,
                "connect_seconds": 2.0,
                "answer_seconds": 10.0,
            },
            "networks.ssev.soap": {
                "url": urls.soap,
                "authorities": authorities,
                "connect_seconds": 2.0,
                "answer_seconds": 10.0,
            },
        }

    def described(self) -> dict[str, Any]:
        """Its row in demo.json: addresses and logins."""
        urls = self.urls
        return {
            "soap": urls.soap,
            "oauth": urls.oauth,
            "api": urls.api,
            "upload": urls.upload,
            "blobs": urls.blobs,
            "logins": [
                {
                    "eik": self.profiles[name].identifier,
                    "name": self.profiles[name].name,
                    "profile_id": self.profiles[name].profile_id,
                    "client_id": login.client_id,
                    "oid": login.oid,
                    "key": str(self._keys[name].key),
                    "certificate": str(self._keys[name].certificate),
                }
                for name, login in self.logins.items()
            ],
        }
