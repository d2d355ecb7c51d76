"""One network as the page shows it: what rests, how it stands, what it may carry. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from babel.dates import format_timedelta

from depesha.monitoring.console.machine.parts import ChannelSetup, Receives
from depesha.monitoring.console.machine.verdict import failing
from depesha.schemas.pauses import Pause, Way, paused
from depesha.schemas.route import Circuit
from depesha.schemas.sentences import plain

if TYPE_CHECKING:
    from depesha.monitoring.console.pages.telling import Teller
    from depesha.ports import Directory
    from depesha.schemas.overview import Strip
    from depesha.schemas.route import ChannelHealth

PEERS_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class WayLine:
    """Sending or receiving of a network."""

    way: Way
    pause: Pause | None
    can_rest: bool
    why_not: str = ""
    """Key of why it cannot be paused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingPeer:
    """A body of which a failure was heard last on a network."""

    identifier: str
    """Empty where the visitor may not know it: it stands in no register of public bodies."""
    name: str
    health: ChannelHealth


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelView:
    """One network."""

    setup: ChannelSetup
    level: str
    word: str
    """Key of how it stands."""
    strip: Strip | None
    ways: tuple[WayLine, ...]
    waits: str
    """The schedule in words."""
    faults: str
    patience: str
    rest: str
    rest_longest: str
    limits: tuple[tuple[str, str], ...]
    """Key and value."""
    peers: tuple[FailingPeer, ...]
    more_peers: int


def channel_view(
    setup: ChannelSetup,
    strip: Strip | None,
    pauses: Sequence[Pause],
    peers: Sequence[FailingPeer],
    tell: Teller,
) -> ChannelView:
    """Return how one network is shown."""
    level, word = _standing(setup, strip, pauses)
    return ChannelView(
        setup=setup,
        level=level,
        word=word,
        strip=strip,
        ways=tuple(ways_of(setup, pauses)),
        waits=spans(setup.waits, tell),
        faults=spans(setup.faults, tell),
        patience=span(setup.patience.total_seconds(), tell),
        rest=span(setup.rest.total_seconds(), tell),
        rest_longest=span(setup.rest_longest.total_seconds(), tell),
        limits=tuple(_limits(setup, tell)),
        peers=tuple(peers[:PEERS_SHOWN]),
        more_peers=max(0, len(peers) - PEERS_SHOWN),
    )


def ways_of(setup: ChannelSetup, pauses: Sequence[Pause]) -> Iterable[WayLine]:
    """Return what of a network may rest, and what does."""
    for way in Way:
        why = ""
        if way is Way.SENDING and not setup.rank:
            why = "channel.never-sends"
        elif way is Way.RECEIVING and setup.receives is not Receives.POLLED:
            why = f"channel.receives.{setup.receives}"
        rests = paused(pauses, setup.network, way)
        yield WayLine(way=way, pause=rests, can_rest=not why, why_not=why)


def failing_peers(
    health: Iterable[ChannelHealth],
    network: str,
    directories: Mapping[str, Directory],
    *,
    sees: bool,
) -> tuple[FailingPeer, ...]:
    """Return the bodies that failed last, the worst first; only public bodies by name (ROL-06)."""
    found = [one for one in health if one.network == network and one.peer and failing(one)]
    found.sort(key=lambda one: (-one.failures, one.peer))
    lines = []
    for one in found:
        known = [directory.by_identifier(one.peer) for directory in directories.values()]
        name = next((body.name for body in known if body is not None), None)
        shown = one.peer if sees or name is not None else ""
        lines.append(FailingPeer(identifier=shown, name=plain(name or ""), health=one))
    return tuple(lines)


def spans(seconds: Sequence[float], tell: Teller) -> str:
    """Return a schedule in words; what repeats at its end is told once."""
    shown: list[tuple[float, int]] = []
    for one in seconds:
        if shown and shown[-1][0] == one:
            shown[-1] = (one, shown[-1][1] + 1)
        else:
            shown.append((one, 1))
    return ", ".join(
        span(one, tell) if times == 1 else f"{times} × {span(one, tell)}" for one, times in shown
    )


def span(seconds: float, tell: Teller) -> str:
    """Return a stretch of time."""
    delta = timedelta(seconds=seconds)
    return format_timedelta(delta, locale=tell.locale, threshold=1.5, format="short")


def _standing(setup: ChannelSetup, strip: Strip | None, pauses: Sequence[Pause]) -> tuple[str, str]:
    if any(one.network == setup.network for one in pauses):
        return "unproven", "channel.paused"
    if strip is None or strip.last_alive is None:
        return "unproven", "strip.unproven"
    if strip.circuit is Circuit.OPEN:
        return "bad", "strip.cut"
    if strip.circuit is Circuit.HALF_OPEN:
        return "unproven", "strip.probing"
    return "good", "channel.working"


def _limits(setup: ChannelSetup, tell: Teller) -> Iterable[tuple[str, str]]:
    none = tell.say("channel.no-limit")
    whole, single = setup.message_bytes, setup.file_bytes
    yield "channel.message-bytes", none if whole is None else tell.size(whole)
    if single is not None:
        yield "channel.file-bytes", tell.size(single)
    if setup.files is not None:
        yield "channel.files", str(setup.files)
