"""The further networks of a simulated country, each where it was chosen, and their wires."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from depesha.ports import Clock, IdSource
from depesha.simulators.authority import Authority, Identity
from depesha.simulators.bodies import EMAIL, ISDS, SEOS, SSEV, Body
from depesha.simulators.country_isds import KEYS as ISDS_KEYS
from depesha.simulators.country_isds import CountryIsds
from depesha.simulators.country_mail import CountryMail
from depesha.simulators.country_ssev import CountrySsev
from depesha.simulators.tls import KeyFiles
from depesha.simulators.wires import Wires


class CountryNetworks:
    """Starts them, lets bodies join, and knows what gateways must be told."""

    def __init__(
        self, chosen: tuple[str, ...], *, folder: Path, clock: Clock, ids: IdSource, host: str
    ) -> None:
        self.chosen = chosen
        self.ssev: CountrySsev | None = None
        self.isds: CountryIsds | None = None
        self.mail: CountryMail | None = None
        self.wires = Wires(clock=clock, host=host)
        self._folder = folder
        self._clock = clock
        self._ids = ids

    @property
    def wired(self) -> bool:
        """Whether ways lead through wires that may be cut."""
        return self.chosen != (SEOS,)

    def has(self, body: Body, network: str) -> bool:
        """Tell whether a body is to be reached by a network of this country."""
        return network in self.chosen and network in body.networks

    def keys_for(self, bodies: tuple[Body, ...]) -> int:
        """Return how many keys `start` and `join` will take."""
        mailboxes = sum(self.has(body, EMAIL) for body in bodies)
        return 2 * (SSEV in self.chosen) + ISDS_KEYS * (ISDS in self.chosen) + mailboxes

    async def start(
        self, stack: AsyncExitStack, authority: Authority, keys: Iterator[RSAPrivateKey]
    ) -> None:
        """Start what was chosen; the stack stops it."""
        trusted = self._folder / "ca" / "ca.cert.pem"
        if SSEV in self.chosen:
            self.ssev = CountrySsev(
                folder=self._folder / "ssev",
                authority=authority,
                trusted=trusted,
                wires=self.wires,
                clock=self._clock,
            )
            await self.ssev.start(stack, self._ids, next(keys), next(keys))
        if ISDS in self.chosen:
            self.isds = CountryIsds(
                folder=self._folder / "isds",
                authority=authority,
                trusted=trusted,
                wires=self.wires,
                clock=self._clock,
            )
            await self.isds.start(stack, self._ids, keys)
        if EMAIL in self.chosen:
            self.mail = CountryMail(
                folder=self._folder / "mail",
                authority=authority,
                trusted=trusted,
                wires=self.wires,
                clock=self._clock,
                ids=self._ids,
            )
            await self.mail.start(stack, self.chosen)

    async def join(
        self, body: Body, identity: Identity, files: KeyFiles, keys: Iterator[RSAPrivateKey]
    ) -> None:
        """Let a body join where it is to be reached."""
        if self.ssev is not None and self.has(body, SSEV):
            self.ssev.join(body, identity.certificate_der, files)
        if self.isds is not None and self.has(body, ISDS):
            await asyncio.to_thread(self.isds.join, body, identity.certificate_der, files)
        if self.mail is not None and self.has(body, EMAIL):
            await asyncio.to_thread(self.mail.join, body, next(keys))

    def sections(self, body: Body) -> dict[str, dict[str, object]]:
        """The settings of a gateway, section by section; everybody must have joined."""
        sections: dict[str, dict[str, object]] = {"outbound": {"channels": list(self.chosen)}}
        if self.ssev is not None and self.has(body, SSEV):
            sections |= self.ssev.sections(body)
        if self.isds is not None and self.has(body, ISDS):
            sections |= self.isds.sections(body)
        if self.mail is not None and self.has(body, EMAIL):
            sections |= self.mail.sections(body, self._folder / "ca" / "ca.crl.pem")
        return sections

    def environment(self, body: Body) -> dict[str, str]:
        """What the process of a gateway must find in its environment."""
        if self.mail is None or not self.has(body, EMAIL):
            return {}
        return self.mail.environment(body)

    def described(self) -> dict[str, Any]:
        """Their rows in demo.json."""
        rows: dict[str, Any] = {}
        if self.ssev is not None:
            rows["ssev"] = self.ssev.described()
        if self.isds is not None:
            rows["isds"] = self.isds.described()
        return rows | (self.mail.described() if self.mail is not None else {})
