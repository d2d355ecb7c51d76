"""Asks the channels for their facts and makes the plan. Sends nothing, stores nothing.

Later choices are asked only where the earlier ones leave the question open: a network that hangs
must not hold up documents that need it not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from depesha.gateway.bars import RoutingPolicy, Standing
from depesha.gateway.routing import make_plan, must_ask
from depesha.schemas.route import NoRoad, Plan, WaitUntil

if TYPE_CHECKING:
    from collections.abc import Mapping

    from depesha.gateway.breakers import Breakers
    from depesha.gateway.pauses import Pauses
    from depesha.ports import Clock, OutboundChannel
    from depesha.schemas.dispatch import Dispatch
    from depesha.schemas.outbound import OutboundMessage
    from depesha.schemas.pauses import Pause
    from depesha.schemas.route import ChannelFacts


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes plans from what the channels say now."""

    channels: Mapping[str, OutboundChannel]
    breakers: Breakers
    policy: RoutingPolicy
    clock: Clock
    pauses: Pauses | None = None
    """None: nothing can be paused here."""

    async def plan(self, message: OutboundMessage) -> Plan:
        """Return what to do now with a document, asking no more channels than are needed."""
        standing = standing_of(message)
        unsettled = {one.network for one in must_ask(standing.attempts)}
        facts: list[ChannelFacts] = []
        rest = await self._rest()
        plan: Plan | None = None
        for network in (*unsettled, *(n for n in self._order() if n not in unsettled)):
            if network not in self.channels:
                continue
            facts.append(await self.channels[network].facts(message.dispatch))
            plan = self._made(message.dispatch, facts, standing, rest)
            if not unsettled and not _open(plan):
                break
        return plan or self._made(message.dispatch, facts, standing, rest)

    async def whole(self, dispatch: Dispatch, standing: Standing) -> Plan:
        """Return the plan with every channel in it, for an explanation."""
        facts = [
            await self.channels[network].facts(dispatch)
            for network in self._order()
            if network in self.channels
        ]
        return self._made(dispatch, facts, standing, await self._rest())

    async def _rest(self) -> Mapping[str, Pause]:
        return {} if self.pauses is None else await self.pauses.sending()

    def _order(self) -> tuple[str, ...]:
        return tuple(channel.network for channel in self.policy.channels)

    def _made(
        self,
        dispatch: Dispatch,
        facts: list[ChannelFacts],
        standing: Standing,
        rest: Mapping[str, Pause],
    ) -> Plan:
        now = self.clock.now()
        return make_plan(dispatch, facts, self.breakers.all(), self.policy, now, standing, rest)


def standing_of(message: OutboundMessage) -> Standing:
    """Return what has been done for a document so far."""
    return Standing(
        attempts=message.attempts,
        fallback_confirmed=message.fallback_confirmed,
        resumed_at=message.resumed_at,
    )


def _open(plan: Plan) -> bool:
    """Tell whether a further channel could change the plan."""
    step = plan.step
    return isinstance(step, NoRoad) or (isinstance(step, WaitUntil) and step.stuck)
