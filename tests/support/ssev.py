"""A simulated SSEV with two administrations in it, and both clients for each, on loopback."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from depesha.adapters.ssev.calling import Carrier, CarrierLimits
from depesha.adapters.ssev.rest_client import SsevRestClient
from depesha.adapters.ssev.settings import SsevRestSettings, SsevSoapSettings
from depesha.adapters.ssev.soap_client import SsevSoapClient
from depesha.adapters.ssev.soap_security import TimestampSigner
from depesha.adapters.ssev.tokens import TokenKeeper
from depesha.adapters.ssev.values import OutgoingFile
from depesha.adapters.system import SystemClock, SystemIds, WorkerThreads
from depesha.schemas.ids import Digest
from depesha.simulators.authority import Authority, Identity, make_key
from depesha.simulators.ssev_evidence import TimeStamper
from depesha.simulators.ssev_quirks import SsevQuirks
from depesha.simulators.ssev_service import SsevSimulator
from depesha.simulators.ssev_values import Caller, Group, Login, Profile
from depesha.simulators.tls import KeyFiles, client_context, write_keys

CLOCK = SystemClock()
EVERY_QUIRK = SsevQuirks(
    naive_times=True,
    numbered_enums=True,
    guide_signature_name=True,
    guide_outbox=True,
    no_injected_miscinfo=True,
    prefixed_identifiers=True,
    inline_below=768,
    timestamp_alone_signed=True,
    sha1_alone=True,
    scanner_late=True,
)
"""Every oddity that is no fault, at once."""


@cache
def key(number: int) -> RSAPrivateKey:
    """Keys are dear to make and may be shared by tests."""
    return make_key()


@dataclass(slots=True, kw_only=True)
class Office:
    """One administration: its profile there, its clients here."""

    profile: Profile
    login: Login
    identity: Identity
    keys: KeyFiles
    soap: SsevSoapClient
    rest: SsevRestClient

    @property
    def caller(self) -> Caller:
        return Caller(profile=self.profile, login=self.login)


@dataclass(slots=True, kw_only=True)
class Stand:
    """The simulator and whoever joined."""

    folder: Path
    authority: Authority
    trusted: Path
    ssev: SsevSimulator
    threads: WorkerThreads
    offices: list[Office] = field(default_factory=list)

    async def join(
        self, identifier: str, name: str, group: Group = Group.ADMINISTRATION, **changes: float
    ) -> Office:
        """Enter an administration with its login, and make its clients."""
        number = len(self.offices)
        identity = self.authority.issue(
            name, eik=identifier, at=CLOCK.now(), key=await asyncio.to_thread(key, number)
        )
        keys = write_keys(identity, self.folder, f"office{number}", self.trusted)
        profile = self.ssev.people.add(identifier, name, group)
        login = self.ssev.people.admit(
            profile, identity.certificate_der, oid=f"2.16.100.1.1.{number}", client_id=f"c{number}"
        )
        limits = CarrierLimits(connect_seconds=2, whole_seconds=5)
        office = Office(
            profile=profile,
            login=login,
            identity=identity,
            keys=keys,
            soap=self._soap(identity, limits, changes),
            rest=self._rest(keys, login, limits, changes),
        )
        self.offices.append(office)
        return office

    def _soap(
        self, identity: Identity, limits: CarrierLimits, changes: dict[str, float]
    ) -> SsevSoapClient:
        settings = SsevSoapSettings(
            url=self.ssev.urls.soap, answer_seconds=changes.get("answer_seconds", 5), page_size=3
        )
        context = ssl.create_default_context(cafile=str(self.trusted))
        return SsevSoapClient(
            settings=settings,
            carrier=Carrier(tls=context, limits=limits),
            signer=TimestampSigner(identity),
            clock=CLOCK,
            ids=SystemIds(),
            threads=self.threads,
            lookup_pages=4,
        )

    def _rest(
        self, keys: KeyFiles, login: Login, limits: CarrierLimits, changes: dict[str, float]
    ) -> SsevRestClient:
        urls = self.ssev.urls
        settings = SsevRestSettings(
            token_url=urls.oauth,
            api_url=urls.api,
            upload_url=urls.upload,
            blob_origins=(urls.blobs,),
            client_id=login.client_id,
            oid=login.oid,
            answer_seconds=changes.get("answer_seconds", 5),
            page_size=3,
        )
        gateway = Carrier(tls=client_context(keys), limits=limits)
        context = ssl.create_default_context(cafile=str(self.trusted))
        return SsevRestClient(
            settings=settings,
            gateway=gateway,
            blobs=Carrier(tls=context, limits=limits),
            tokens=TokenKeeper(settings=settings, carrier=gateway, clock=CLOCK),
            clock=CLOCK,
            ids=SystemIds(),
            threads=self.threads,
            lookup_pages=4,
        )

    def file(self, name: str, content: bytes, number: str = "") -> OutgoingFile:
        """Put a file on disk, ready to be sent."""
        path = self.folder / f"out-{hashlib.sha256(name.encode() + content).hexdigest()[:12]}"
        path.write_bytes(content)
        return OutgoingFile(
            name=name,
            media_type="application/octet-stream",
            path=path,
            size=len(content),
            digest=Digest(hashlib.sha256(content).hexdigest()),
            registration_number=number,
        )

    def place(self, name: str) -> Path:
        """Make a folder for fetched files."""
        path = self.folder / name
        path.mkdir()
        return path


@asynccontextmanager
async def stand(folder: Path, quirks: SsevQuirks | None = None) -> AsyncIterator[Stand]:
    """Start the simulator; stop everything at the end."""
    authority = Authority.create("Пробен издател", at=CLOCK.now(), key=key(-1))
    trusted = authority.write(folder, at=CLOCK.now())
    server = authority.issue("ssev.example", eik="000000000", at=CLOCK.now(), key=key(-2))
    threads = WorkerThreads(2)
    async with SsevSimulator(
        clock=CLOCK,
        ids=SystemIds(),
        keys=write_keys(server, folder, "ssev", trusted),
        folder=folder / "blobs",
        quirks=quirks,
        stamper=TimeStamper(at=CLOCK.now(), key=key(-3)),
    ) as ssev:
        made = Stand(
            folder=folder, authority=authority, trusted=trusted, ssev=ssev, threads=threads
        )
        try:
            yield made
        finally:
            for office in made.offices:
                await office.soap.close()
                await office.rest.close()
            await threads.close()


__all__ = ["CLOCK", "EVERY_QUIRK", "Office", "Stand", "key", "stand"]
