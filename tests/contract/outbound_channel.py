"""The contract of `ports.OutboundChannel`, once for every network and for the double.

A body's test module subclasses `OutboundChannelContract` and gives the fixture `network`: a
`Network` around the channel, with a hand on the recipient's side. Nothing here knows a network.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from depesha.errors import Blame, DepeshaError
from depesha.ports import BlobStore, OutboundChannel
from depesha.schemas.dispatch import Attempt, AttemptOutcome, Dispatch, Quality
from depesha.schemas.ids import Digest, Guid
from depesha.schemas.outbound import Prepared
from depesha.schemas.outcome import Absent, Deferred, Delivered, Refused, Unclear
from depesha.schemas.route import Reach


class Network(ABC):
    """One channel and the world behind it. A switch holds until `heal`, unless it says "once"."""

    channel: OutboundChannel
    blobs: BlobStore
    """The store that the channel keeps its bytes in."""
    dispatch: Dispatch
    """To a recipient that can be reached; with a file, whose bytes are in the store."""
    stranger: Dispatch
    """To a body that this network does not know."""
    now: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    """When tries are intended; a real body may give the real time."""

    @abstractmethod
    async def forget(self) -> bool:
        """Make it so that nobody can tell who is reached; False where that cannot be."""

    @abstractmethod
    async def cut(self) -> None:
        """Nobody is reached: refused connections."""

    @abstractmethod
    async def break_off(self) -> None:
        """Once: the request leaves, the exchange breaks, and the recipient has nothing."""

    @abstractmethod
    async def lose_answer(self) -> None:
        """Once: the recipient takes it in, and its answer is lost."""

    @abstractmethod
    async def refuse(self) -> None:
        """What is sent is refused for good, in a believed answer."""

    @abstractmethod
    async def heal(self) -> None:
        """Everything works again."""

    @abstractmethod
    async def held(self) -> tuple[Guid, ...]:
        """Return the document GUID of every copy the recipient, or the network, really has."""


class OutboundChannelContract:
    """Inherit, and give the fixture `network`. Times out nowhere: bodies are set to short times."""

    async def test_its_facts_are_of_its_network(self, network: Network) -> None:
        facts = await network.channel.facts(network.dispatch)
        assert facts.network == network.channel.network != ""
        assert facts.quality in Quality
        assert (facts.reach, facts.growth_percent >= 100) == (Reach.REGISTERED, True)
        assert facts.reach_as_of is not None

    async def test_whom_the_network_does_not_know(self, network: Network) -> None:
        facts = await network.channel.facts(network.stranger)
        assert facts.reach is Reach.NOT_REGISTERED

    async def test_that_nobody_can_tell_is_said_and_not_raised(self, network: Network) -> None:
        unknown = await network.forget()
        facts = await network.channel.facts(network.dispatch)
        assert (facts.reach is Reach.UNKNOWN) is unknown

    async def test_prepared_bytes_are_kept_and_nothing_leaves(self, network: Network) -> None:
        for _ in range(2):  # the task may run again before the intent is written
            prepared = await network.channel.prepare(network.dispatch, ())
            path = network.blobs.path(prepared.payload)
            assert path is not None
            assert path.stat().st_size > 0
        assert await network.held() == ()
        for file in network.dispatch.files:
            assert network.blobs.path(file.digest) is not None

    async def test_it_gets_there(self, network: Network) -> None:
        attempt = await begin(network)
        outcome = await network.channel.deliver(network.dispatch, attempt)
        assert isinstance(outcome, Delivered), outcome
        assert await network.held() == (network.dispatch.document.guid,)

    async def test_who_cannot_be_reached_surely_has_nothing(self, network: Network) -> None:
        attempt = await begin(network)
        await network.cut()
        outcome = await network.channel.deliver(network.dispatch, attempt)
        assert isinstance(outcome, Deferred), outcome
        assert outcome.blame is not Blame.OURS
        assert await network.held() == ()

    async def test_a_deferred_try_is_repeated_with_its_very_bytes(self, network: Network) -> None:
        attempt = await begin(network)
        await network.cut()
        await network.channel.deliver(network.dispatch, attempt)
        earlier = replace(attempt, outcome=AttemptOutcome.DEFERRED)
        elsewhere = replace(earlier, id="other", network="another", number=2)
        again = await network.channel.prepare(network.dispatch, (earlier, elsewhere))
        assert again.payload == attempt.payload
        assert (again.transport_id, again.reference) == (attempt.transport_id, attempt.reference)
        await network.heal()
        outcome = await network.channel.deliver(network.dispatch, _attempt(network, again, 3))
        assert isinstance(outcome, Delivered), outcome
        assert await network.held() == (network.dispatch.document.guid,)

    async def test_bytes_of_another_network_are_not_taken(self, network: Network) -> None:
        other = replace(await begin(network), network="another", outcome=AttemptOutcome.DEFERRED)
        prepared = await network.channel.prepare(network.dispatch, (other,))
        assert prepared.transport_id != other.transport_id

    async def test_a_refusal_is_told_and_nothing_is_there(self, network: Network) -> None:
        attempt = await begin(network)
        await network.refuse()
        outcome = await network.channel.deliver(network.dispatch, attempt)
        assert isinstance(outcome, Refused), outcome
        assert outcome.code
        assert await network.held() == ()

    async def test_a_lost_answer_is_unclear_and_asking_finds_it(self, network: Network) -> None:
        attempt = await begin(network)
        await network.lose_answer()
        outcome = await network.channel.deliver(network.dispatch, attempt)
        assert isinstance(outcome, Unclear), outcome
        await network.heal()
        held = await network.held()
        assert held == (network.dispatch.document.guid,)
        answered = await network.channel.inquire(network.dispatch, attempt)
        can_ask = (await network.channel.facts(network.dispatch)).can_ask
        assert isinstance(answered, Delivered if can_ask else Unclear), answered
        assert await network.held() == held

    async def test_a_break_is_unclear_and_asking_tells_the_truth(self, network: Network) -> None:
        attempt = await begin(network)
        await network.break_off()
        outcome = await network.channel.deliver(network.dispatch, attempt)
        assert isinstance(outcome, Unclear), outcome
        await network.heal()
        answered = await network.channel.inquire(network.dispatch, attempt)
        can_ask = (await network.channel.facts(network.dispatch)).can_ask
        assert isinstance(answered, Absent if can_ask else Unclear), answered
        assert await network.held() == ()

    async def test_after_absence_it_can_be_sent_again_once(self, network: Network) -> None:
        attempt = await begin(network)
        await network.break_off()
        await network.channel.deliver(network.dispatch, attempt)
        await network.heal()
        absent = replace(attempt, outcome=AttemptOutcome.ABSENT)
        prepared = await network.channel.prepare(network.dispatch, (absent,))
        outcome = await network.channel.deliver(network.dispatch, _attempt(network, prepared, 2))
        assert isinstance(outcome, Delivered), outcome
        assert await network.held() == (network.dispatch.document.guid,)

    async def test_who_cannot_be_asked_leaves_it_open(self, network: Network) -> None:
        attempt = await begin(network)
        await network.cut()
        answered = await network.channel.inquire(network.dispatch, attempt)
        assert isinstance(answered, (Deferred, Unclear)), answered

    async def test_lost_bytes_are_our_fault_and_do_not_raise(self, network: Network) -> None:
        attempt = replace(await begin(network), payload=Digest("f" * 64))
        outcome = await network.channel.deliver(network.dispatch, attempt)
        assert isinstance(outcome, Deferred), outcome
        assert outcome.blame is Blame.OURS
        assert await network.held() == ()

    async def test_a_ping_tells_life(self, network: Network) -> None:
        assert await network.channel.ping()
        await network.cut()
        with pytest.raises(DepeshaError):
            await network.channel.ping()
        await network.heal()
        assert await network.channel.ping()


async def begin(network: Network) -> Attempt:
    """Prepare a first try."""
    prepared = await network.channel.prepare(network.dispatch, ())
    return _attempt(network, prepared, 1)


def _attempt(network: Network, prepared: Prepared, number: int) -> Attempt:
    return Attempt(
        id=f"attempt-{number}",
        network=network.channel.network,
        number=number,
        transport_id=prepared.transport_id,
        payload=prepared.payload,
        intended_at=network.now,
        reference=prepared.reference,
    )
