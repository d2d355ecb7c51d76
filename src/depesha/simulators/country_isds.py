"""ISDS in a simulated country: who has a data box there, and how a gateway is told of it.

Passwords are made anew for every country; they stand in files of their own and in demo.json,
never in a settings file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from depesha.ports import Clock, IdSource
from depesha.simulators.authority import Authority
from depesha.simulators.bodies import ISDS, Body
from depesha.simulators.gateway_plan import write_private
from depesha.simulators.isds_seal import Sealer, SealKeys
from depesha.simulators.isds_service import NAMES, IsdsSimulator, IsdsUrls
from depesha.simulators.isds_values import Box, LoginKind
from depesha.simulators.tls import KeyFiles, write_keys
from depesha.simulators.wires import Wires

ENVIRONMENT: Final = "simulated"
PACE: Final = {
    "poll_minutes": 0.01,
    "poll_jitter": 0.0,
    "watch_minutes": 0.01,
    "reach_seconds": 5.0,
    "lookup_seconds": 5.0,
    "absence_seconds": 2.0,
    "park_first_seconds": 2.0,
    "connect_seconds": 2.0,
    "answer_seconds": 10.0,
    "transfer_seconds": 60.0,
}
"""A simulated country is not willing to wait."""
KEYS: Final = 4
"""Of the server, and of the seals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A body with a data box, and its log-in: by password, or by a system certificate."""

    body: Body
    box: Box
    keys: KeyFiles
    kind: LoginKind
    user: str = ""
    password_file: Path | None = None


class CountryIsds:
    """One simulated ISDS for the whole country."""

    def __init__(
        self, *, folder: Path, authority: Authority, trusted: Path, wires: Wires, clock: Clock
    ) -> None:
        self.holders: dict[str, Holder] = {}
        self._folder = folder
        self._authority = authority
        self._trusted = trusted
        self._wires = wires
        self._clock = clock
        self._ids: IdSource | None = None
        self._simulator: IsdsSimulator | None = None

    @property
    def simulator(self) -> IsdsSimulator:
        """The service itself: its state, people and quirks may be used meanwhile."""
        if self._simulator is None:
            raise RuntimeError("the country's ISDS is not started")
        return self._simulator

    @property
    def seals(self) -> Path:
        """The certificate of the authority that seals and time stamps lead to."""
        return self._folder / "seals.cert.pem"

    @property
    def urls(self) -> IsdsUrls:
        """Where gateways find it: through wires that may be cut."""
        own = self.simulator.urls
        return IsdsUrls(**{name: self._through(name, getattr(own, name)) for name in NAMES})

    def _through(self, name: str, url: str) -> str:
        return urlsplit(url)._replace(netloc=self._place(name)).geturl()

    def _place(self, name: str) -> str:
        wire = self._wires[f"{ISDS}.{name}"]
        return f"{wire.host}:{wire.port}"

    def box(self, body: Body) -> str:
        """Return the id of a body's box."""
        return self.holders[body.folder].box.box_id

    async def start(
        self,
        stack: AsyncExitStack,
        ids: IdSource,
        keys: Iterator[RSAPrivateKey],
        port: int = 0,
    ) -> None:
        """Listen, and lay the wires; the stack stops everything. `port` is of ordinary calls."""
        now = self._clock.now()
        identity = self._authority.issue("isds.example", eik="000000000", at=now, key=next(keys))
        made = SealKeys(authority=next(keys), seal=next(keys), stamps=next(keys))
        sealer = await asyncio.to_thread(Sealer, at=now, keys=made)
        simulator = IsdsSimulator(
            clock=self._clock,
            ids=ids,
            folder=self._folder / "files",
            keys=write_keys(identity, self._folder, "isds", self._trusted),
            sealer=sealer,
        )
        self._ids = ids
        await asyncio.to_thread(self.seals.write_bytes, sealer.trusted_pem)
        self._simulator = await stack.enter_async_context(simulator)
        for name in NAMES:
            place = urlsplit(getattr(simulator.urls, name))
            listen = port if name == NAMES[0] else 0
            await self._wires.lay(
                stack, f"{ISDS}.{name}", place.hostname or "", place.port or 0, listen
            )

    def join(self, body: Body, certificate: bytes, keys: KeyFiles) -> None:
        """Give a body an authority's box, and its software a log-in; blocking.

        The first body logs in by password, the others by their certificate (DER).
        """
        people, ids = self.simulator.people, self._ids
        if ids is None:
            raise RuntimeError("the country's ISDS is not started")
        box = people.add(body.party.name, ic=body.party.identifier)
        if self.holders:
            people.admit_certificate(box, certificate)
            holder = Holder(body=body, box=box, keys=keys, kind=LoginKind.CERTIFICATE)
        else:
            password, file = ids.guid(), self._folder / f"{body.folder}.password"
            people.admit(box, body.folder, password)
            write_private(file, f"{password}\n".encode())
            holder = Holder(
                body=body,
                box=box,
                keys=keys,
                kind=LoginKind.PASSWORD,
                user=body.folder,
                password_file=file,
            )
        self.holders[body.folder] = holder

    def sections(self, body: Body) -> dict[str, dict[str, object]]:
        """The settings of a gateway, section by section."""
        own, seals = self.holders[body.folder], [str(self.seals)]
        ordinary, big = (self._place(name) for name in NAMES)
        return {
            "networks.isds": {
                "environment": ENVIRONMENT,
                "host": ordinary,
                "big_host": big,
                "certificate_host": ordinary,
                "big_certificate_host": big,
                "authorities": [str(self._trusted)],
                "seal_authorities": seals,
                "stamp_authorities": seals,
                "boxes": [_login(own)],
                "partners": [
                    {
                        "identifier": other.body.party.identifier,
                        "name": other.body.party.name,
                        "box_id": other.box.box_id,
                        "acknowledgement": "reply",
                    }
                    for other in self.holders.values()
                    if other is not own
                ],
                **PACE,
            }
        }

    def described(self) -> dict[str, Any]:
        """Its row in demo.json: addresses and log-ins."""
        urls = self.urls
        return {
            **{name: getattr(urls, name) for name in NAMES},
            "seals": str(self.seals),
            "logins": [
                {
                    "ic": one.body.party.identifier,
                    "name": one.body.party.name,
                    **_login(one),
                    "path": f"/{one.kind.value}/DS/" if one.kind.value else "/DS/",
                }
                for one in self.holders.values()
            ],
        }


def _login(holder: Holder) -> dict[str, str]:
    """A box and its log-in, as the settings have them."""
    if holder.password_file is not None:
        shown = {"user": holder.user, "password_file": str(holder.password_file)}
    else:
        keys = holder.keys
        shown = {"client_certificate": str(keys.certificate), "client_key": str(keys.key)}
    return {"box_id": holder.box.box_id, "login": holder.kind.name, **shown}
