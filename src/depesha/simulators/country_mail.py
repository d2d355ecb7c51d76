"""The mail of a simulated country: boxes, certificates for mail, and the networks' operators.

Passwords are made anew for every country; they stand in demo.json and in gateways' environments,
never in a settings file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from depesha.ports import Clock, IdSource
from depesha.simulators.authority import Authority, Identity
from depesha.simulators.bodies import EMAIL, Body
from depesha.simulators.mail_boxes import Box
from depesha.simulators.mail_domain import MailDomain
from depesha.simulators.mail_papers import issue_for_mail
from depesha.simulators.tls import KeyFiles, write_keys
from depesha.simulators.wires import Wires

POLL_SECONDS: Final = 1.0
"""Longest time between two looks of a gateway into its mailbox."""
PASSWORD: Final = "MAIL_PASSWORD"  # noqa: S105 - the name of a variable, not what it holds
"""Environment variable of a gateway's process."""
SMTP: Final = f"{EMAIL}.smtp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Correspondent:
    """A body with a mailbox and a certificate for mail."""

    body: Body
    box: Box
    identity: Identity
    keys: KeyFiles


class CountryMail:
    """One mail domain for the whole country."""

    def __init__(
        self,
        *,
        folder: Path,
        authority: Authority,
        trusted: Path,
        wires: Wires,
        clock: Clock,
        ids: IdSource,
    ) -> None:
        self.bodies: dict[str, Correspondent] = {}
        self.operators: dict[str, Box] = {}
        """Network → the mailbox of who runs it."""
        self._folder = folder
        self._authority = authority
        self._trusted = trusted
        self._wires = wires
        self._clock = clock
        self._ids = ids
        self._domain: MailDomain | None = None

    @property
    def domain(self) -> MailDomain:
        """The servers and the boxes; their switches may be used meanwhile."""
        if self._domain is None:
            raise RuntimeError("the country's mail is not started")
        return self._domain

    async def start(
        self, stack: AsyncExitStack, networks: Iterable[str], smtp_port: int = 0
    ) -> None:
        """Listen, and open the boxes of the networks' operators; the stack stops everything."""
        self._domain = await asyncio.to_thread(self._make)
        await self._domain.start()
        stack.push_async_callback(self._domain.stop)
        await self._wires.lay(stack, SMTP, "127.0.0.1", self._domain.smtp_port, smtp_port)
        for network in networks:
            address = f"{network}-operator@networks.example"
            self.operators[network] = self._domain.box(address, self._ids.guid())

    def _make(self) -> MailDomain:
        return MailDomain(authority=self._authority, folder=self._folder, clock=self._clock)

    def join(self, body: Body, key: RSAPrivateKey) -> None:
        """Give a body a mailbox and a certificate for it; blocking."""
        identity = issue_for_mail(
            self._authority, body.party.name, body.address, at=self._clock.now(), key=key
        )
        self.bodies[body.folder] = Correspondent(
            body=body,
            box=self.domain.box(body.address, self._ids.guid()),
            identity=identity,
            keys=write_keys(identity, self._folder, f"{body.folder}-mail", self._trusted),
        )

    def sections(self, body: Body, revocation_list: Path) -> dict[str, dict[str, object]]:
        """The settings of a gateway, section by section."""
        own, wire = self.bodies[body.folder], self._wires[SMTP]
        trusted = [str(self._trusted)]
        login = {"user": body.address, "password_env": PASSWORD, "authorities": trusted}
        return {
            "networks.email": {
                "address": body.address,
                "certificate": str(own.keys.certificate),
                "key": str(own.keys.key),
                "partners": [
                    {
                        "identifier": other.body.party.identifier,
                        "name": other.body.party.name,
                        "address": other.body.address,
                    }
                    for other in self.bodies.values()
                    if other is not own
                ],
            },
            "networks.email.submission": {
                "host": wire.host,
                "port": wire.port,
                "security": "starttls",
                "connect_seconds": 2.0,
                "command_seconds": 10.0,
                "final_seconds": 20.0,
                **login,
            },
            "networks.email.mailbox": {
                "host": "127.0.0.1",
                "port": self.domain.imap_port,
                "poll_seconds": POLL_SECONDS,
                **login,
            },
            "networks.email.trust": {
                "authorities": trusted,
                "revocation_lists": [str(revocation_list)],
            },
            "signals.addresses": {name: box.address for name, box in self.operators.items()},
        }

    def environment(self, body: Body) -> dict[str, str]:
        """What the process of a gateway must find in its environment."""
        return {PASSWORD: self.bodies[body.folder].box.password}

    def described(self) -> dict[str, Any]:
        """Its rows in demo.json: addresses and logins."""
        wire = self._wires[SMTP]
        logins = [
            {"address": box.address, "user": box.address, "password": box.password}
            for box in (*(c.box for c in self.bodies.values()), *self.operators.values())
        ]
        return {
            "smtp": {
                "url": f"smtp://{wire.host}:{wire.port}",
                "security": "starttls",
                "logins": logins,
            },
            "imap": {
                "url": f"imaps://127.0.0.1:{self.domain.imap_port}",
                "security": "tls",
                "logins": logins,
            },
        }
