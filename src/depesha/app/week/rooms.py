"""A gateway's own rooms, put to work in a simulated week: every row is of the product's making.

The edges are played (`edges.py`), the clock walks, and what falls due is done in between. Gives
the story its verbs and tells none itself.
"""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from depesha.adapters.memory.scanner import MemoryScanner
from depesha.adapters.memory.system import FixedJitter
from depesha.adapters.seos.settings import SeosSettings
from depesha.adapters.system import SystemIds
from depesha.app import policy, registry
from depesha.app.departing import Departing
from depesha.app.gateway import Gateway
from depesha.app.networks import table
from depesha.app.week.edges import Interruption, Switch, WalkingClock, WeekNetworks
from depesha.gateway.labour import KINDS
from depesha.schemas.dispatch import Dispatch
from depesha.schemas.envelope import Attachment, DocumentReference, Envelope
from depesha.schemas.facts import (
    Arrival,
    CertificateFacts,
    ContentFacts,
    FileSignature,
    SignatureFacts,
)
from depesha.schemas.identity import content_digest_of
from depesha.schemas.ids import MessageId
from depesha.schemas.message import TaskKind
from depesha.simulators.authority import Authority
from depesha.simulators.bodies import EMAIL, SEOS
from depesha.simulators.week_wires import said, wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from depesha.config import Settings
    from depesha.gateway.inbound import Inbound
    from depesha.ports import Desk, Threads
    from depesha.queue.opening import Memory
    from depesha.schemas.answer import Answer
    from depesha.schemas.envelope import Party
    from depesha.schemas.ids import Digest, Guid, SerialNumber
    from depesha.schemas.message import Claim
    from depesha.schemas.outbound import OutboundMessage
    from depesha.schemas.verdict import Finding
    from depesha.simulators.authority import Identity
    from depesha.simulators.bodies import Body
    from depesha.simulators.seos_documents import Enclosure
    from depesha.simulators.traffic import Dice
    from depesha.simulators.week_letters import Letter

LEASE_SECONDS = 960.0
REST = timedelta(days=7)
"""What the week leaves under way rests so long: nothing of it may ever be sent or asked after."""
FAR = timedelta(days=60)
REGISTRY = "token:delovodstvo"
_SIGNER = "CN=Служител Пример, O={}"


class _Ids(SystemIds):
    """New identities, the last message id remembered."""

    last: MessageId | None = None

    def message_id(self) -> MessageId:
        """See `IdSource.message_id`."""
        self.last = super().message_id()
        return self.last


class WeekGateway(Gateway):
    """`async with WeekGateway(…) as gateway`; nothing listens and nothing is reached."""

    def __init__(
        self,
        settings: Settings,
        start: datetime,
        bodies: Sequence[Body],
        strangers: Sequence[Body],
        dice: Dice,
    ) -> None:
        """Live among these bodies from `start` on; no register knows the strangers."""
        quiet = settings.log.model_copy(update={"level": "error"})
        self.clock, self.switch, self.dice = WalkingClock(start), Switch(), dice
        super().__init__(settings.model_copy(update={"log": quiet}), self.switch, self.clock)
        self._new = self._ids = _Ids(self.clock)
        self.us = policy.own_party(settings)
        self.scanner = MemoryScanner()
        self._bodies, self._strangers = tuple(bodies), tuple(strangers)
        self._left: list[Claim] = []

    async def _open(self) -> None:
        settings = self._settings
        ground = await self._ground(table(settings, "seos", SeosSettings))
        self._base = base = replace(ground, scanner=self.scanner, jitter=FixedJitter(0.5))
        self._identities = await base.threads.run(self._issue)
        self.world: WeekNetworks = await base.threads.run(
            WeekNetworks, base, self._bodies, self._identities[""], self.clock, self.dice
        )
        self._networks = self.world
        hooks = registry.webhooks(base)
        self._departing = Departing(base, self._networks, hooks)
        self._rooms(hooks, None)
        await self._departing.load()
        self._lanes = dict.fromkeys(KINDS, self._labour.do) | {
            kind: lane.do for lane in self._departing.lanes() for kind in lane.kinds
        }

    def _issue(self) -> Mapping[str, Identity]:
        at = self.clock.now() - timedelta(days=200)
        authority = Authority.create("Depesha Example Exchange CA", at=at)
        key = authority.key  # one key for all: nobody has to believe them
        parties = [body.party for body in (*self._bodies, *self._strangers)]
        names = {"": self.us, **{party.identifier: party for party in parties}}
        return {
            name: authority.issue(
                f"{party.identifier}.example", eik=party.identifier, at=at, key=key
            )
            for name, party in names.items()
        }

    @property
    def memory(self) -> Memory:
        """Everything that remembers."""
        return self._base.memory

    @property
    def threads(self) -> Threads:
        """Hands for blocking work."""
        return self._base.threads

    @property
    def desk(self) -> Desk:
        """The registry's side."""
        return self._desk

    @property
    def intake(self) -> Inbound:
        """The networks' side."""
        return self._inbound

    @property
    def departing(self) -> Departing:
        """The way out."""
        return self._departing

    # --- in ---------------------------------------------------------------------------------

    async def take(
        self, network: str, letter: Letter, problem: Finding | None = None
    ) -> MessageId | None:
        """Receive a letter; None where it was a repeat. `problem`: what its signature lacks."""
        arrival = await self._base.threads.run(self._arrival, network, letter, problem)
        self.world.readers[network].learn(arrival, letter.files)
        return await self.again(network, arrival)

    async def again(self, network: str, arrival: Arrival) -> MessageId | None:
        """Receive the same bytes, now."""

        async def reply(answer: Answer) -> bytes:
            envelope = arrival.envelope
            if envelope is None:
                return b""
            return said(network, type(answer).__name__, envelope.document.guid, None)

        self._new.last = None
        await self.intake.receive(replace(arrival, received_at=self.clock.now()), reply)
        return self._new.last

    def _arrival(self, network: str, letter: Letter, problem: Finding | None) -> Arrival:
        identity = self._identities[letter.sender.identifier]
        written = wire(network, letter, identity)
        contents = self._contents(letter.files)
        envelope = Envelope(
            network=network,
            transport_id=letter.transport_id,
            created_at=letter.at,
            sender=letter.sender,
            recipient=letter.recipient,
            document=DocumentReference(guid=letter.document, number=letter.number),
            kind=letter.kind,
            subject=letter.subject,
            attachments=tuple(c.attachment for c in contents),
        )
        return Arrival(
            network=network,
            received_at=self.clock.now(),
            original=self._keep(written),
            original_size=len(written),
            envelope=envelope,
            signature=self.signature(network, letter.sender, problem),
            contents=contents,
            content_digest=content_digest_of(envelope),
        )

    def signature(
        self, network: str, sender: Party, problem: Finding | None = None
    ) -> SignatureFacts:
        """Return what a verifier would find."""
        if network not in {SEOS, EMAIL}:
            return SignatureFacts(finding=problem, by_network=problem is None)
        certificate = self._identities[sender.identifier].certificate
        serial: SerialNumber = self._identities[sender.identifier].serial
        return SignatureFacts(
            finding=problem,
            algorithm="rsa-sha256",
            certificate=CertificateFacts(
                serial=serial,
                subject=certificate.subject.rfc4514_string(),
                issuer=certificate.issuer.rfc4514_string(),
                not_before=certificate.not_valid_before_utc,
                not_after=certificate.not_valid_after_utc,
                fingerprint=self._keep(self._identities[sender.identifier].certificate_der),
            ),
        )

    def _contents(self, files: Sequence[Enclosure]) -> tuple[ContentFacts, ...]:
        found = []
        for index, file in enumerate(files, start=1):
            attachment = Attachment(
                index=index,
                name=file.name,
                media_type=file.media_type,
                size=len(file.content),
                digest=self._keep(file.content),
            )
            found.append(self._base.inspector.inspect(attachment, io.BytesIO(file.content)))
        return tuple(found)

    def _keep(self, data: bytes) -> Digest:
        return self.memory.blobs.put(data)

    # --- out --------------------------------------------------------------------------------

    async def submit(self, letter: Letter, corrects: Guid | None = None) -> OutboundMessage:
        """Let the registry submit a letter of ours; `corrects`: the declined one it mends."""
        contents = await self._base.threads.run(self._contents, letter.files)
        signed = FileSignature(form="PAdES", signer=_SIGNER.format(self.us.name))
        contents = (replace(contents[0], signatures=(signed,)), *contents[1:])
        self.world.scripts.letters[letter.document] = letter
        dispatch = Dispatch(
            idempotency_key=f"del-{letter.document}",
            submitted_at=self.clock.now(),
            sender=self.us,
            recipient=letter.recipient,
            document=DocumentReference(guid=letter.document, number=letter.number),
            kind=letter.kind,
            subject=letter.subject,
            corrects=corrects,
            files=tuple(c.attachment for c in contents),
        )
        return (await self._departing.desk.submit(dispatch, contents, REGISTRY)).message

    async def heard(self, name: str) -> Digest:
        """Keep what a network or a body said; return its digest."""
        return await asyncio.to_thread(self._keep, name.encode())

    # --- work -------------------------------------------------------------------------------

    async def work(self) -> None:
        """Do everything that is due now."""
        while claims := await self.memory.tasks.claim(tuple(TaskKind), 1, LEASE_SECONDS):
            try:
                await self._lanes[claims[0].kind](claims[0])
            except Interruption:
                self._left.append(claims[0])

    async def rest(self) -> None:
        """Put off whatever is not done, so that a real gateway leaves it as it stands."""
        now, held = self.clock.now(), list(self._left)
        self.clock.to(now + FAR)
        while claims := await self.memory.tasks.claim(tuple(TaskKind), 100, LEASE_SECONDS):
            held += claims
        latest = {claim.task_id: claim for claim in held}
        for claim in latest.values():
            await self.memory.tasks.defer(claim, now + REST, tried=False)
        self.clock.step_wall((now - self.clock.now()).total_seconds())
