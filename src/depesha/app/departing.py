"""The way out, put together: desk, sending, following, signals. Decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from depesha.app import policy as values
from depesha.app import routes
from depesha.app.directories import AllDirectories
from depesha.gateway.breakers import Breakers
from depesha.gateway.committing import Committing
from depesha.gateway.departures import Departures
from depesha.gateway.following import Following
from depesha.gateway.hearing import Hearing
from depesha.gateway.leaving import Leaving
from depesha.gateway.outbound import OutboundDesk
from depesha.gateway.pauses import Pauses
from depesha.gateway.planning import Planner
from depesha.gateway.recipients import Recipients
from depesha.gateway.reconciling import Doubts
from depesha.gateway.sending import Sending
from depesha.gateway.service import DISPATCH_LEASE_SECONDS, DISPATCH_SECONDS, Lane
from depesha.gateway.signals import Signalling
from depesha.gateway.trying import Trying
from depesha.schemas.message import TaskKind
from depesha.schemas.route import Circuit

if TYPE_CHECKING:
    from depesha.app.base import Base
    from depesha.app.networks import Networks
    from depesha.ports import Webhooks

FOLLOWERS = 2
"""Hands that ask after answers, and that tell operators: neither is in a hurry."""


class Departing:
    """The rooms of the way out."""

    def __init__(self, base: Base, networks: Networks, webhooks: Webhooks) -> None:
        h, settings = base, base.settings
        channels = networks.outbound
        self._base = base
        self._channels = channels
        self._signals = networks.signals
        self._directory = AllDirectories(networks.directories)
        self.breakers = Breakers(policies=routes.breakers(settings))
        self.departures = Departures(
            webhooks=webhooks,
            breakers=self.breakers,
            policy=routes.follow_up(settings),
            calendar=routes.calendar(settings, h.clock.now()),
            clock=h.clock,
            observer=h.observer,
        )
        self.pauses = Pauses(h.memory.notebook, h.clock)
        self.planner = Planner(
            channels, self.breakers, routes.routing(settings), h.clock, self.pauses
        )
        self.doubts = Doubts(planner=self.planner)
        self.hearing = Hearing(
            store=h.memory.outbound,
            departures=self.departures,
            clock=h.clock,
            checkpoint=h.checkpoint,
        )
        self.desk = OutboundDesk(
            store=h.memory.outbound,
            journal=h.memory.journal,
            planner=self.planner,
            departures=self.departures,
            recipients=Recipients(directories=networks.directories, channels=channels),
            policy=routes.submission(settings),
            zone=ZoneInfo(settings.calendar.zone),
            clock=h.clock,
            ids=h.ids,
            checkpoint=h.checkpoint,
            doubts=self.doubts,
        )

    async def load(self) -> None:
        """Take up what an earlier run had learnt of channels and peers."""
        health = await self._base.memory.outbound.health()
        self.breakers.load(health)
        for one in health:
            if not one.peer and one.circuit is not Circuit.CLOSED:
                self._base.observer.circuit(one.network, str(one.circuit))

    def lanes(self) -> tuple[Lane, ...]:
        """Return the hands of the way out."""
        workers = self._base.settings.outbound.workers
        return (
            Lane(
                name="dispatch",
                kinds=(TaskKind.DISPATCH,),
                do=self._sending().do,
                workers=workers,
                task_seconds=DISPATCH_SECONDS,
                lease_seconds=DISPATCH_LEASE_SECONDS,
            ),
            Lane(
                name="follow-up",
                kinds=(TaskKind.FOLLOW_UP, TaskKind.QUESTION),
                do=self._following().do,
                workers=FOLLOWERS,
            ),
            Lane(
                name="signal",
                kinds=(TaskKind.SIGNAL,),
                do=self._signalling().do,
                workers=FOLLOWERS,
            ),
        )

    def _sending(self) -> Sending:
        h = self._base
        channels = self._channels
        committing = Committing(store=h.memory.outbound, departures=self.departures, clock=h.clock)
        return Sending(
            store=h.memory.outbound,
            tasks=h.memory.tasks,
            channels=channels,
            planner=self.planner,
            leaving=Leaving(
                scanner=h.scanner,
                scan_seconds=values.limits(h.settings).scan_seconds,
                signer=h.trust.signer,
                blobs=h.memory.blobs,
                threads=h.threads,
                observer=h.observer,
            ),
            committing=committing,
            trying=Trying(
                committing=committing,
                channels=channels,
                questions=routes.questions(h.settings),
                clock=h.clock,
                jitter=h.jitter,
                observer=h.observer,
                checkpoint=h.checkpoint,
            ),
            clock=h.clock,
            ids=h.ids,
            jitter=h.jitter,
            checkpoint=h.checkpoint,
            doubts=self.doubts,
        )

    def _following(self) -> Following:
        h = self._base
        return Following(
            store=h.memory.outbound,
            tasks=h.memory.tasks,
            channels=self._channels,
            departures=self.departures,
            directory=self._directory,
            questions=routes.questions(h.settings),
            clock=h.clock,
            jitter=h.jitter,
            observer=h.observer,
            doubts=self.doubts,
        )

    def _signalling(self) -> Signalling:
        h = self._base
        return Signalling(
            signals=self._signals,
            tasks=h.memory.tasks,
            clock=h.clock,
            jitter=h.jitter,
            observer=h.observer,
        )
