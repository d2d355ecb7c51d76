"""The home page's sentence, lists and colours, out of facts. Pure.

Red is a fact that needs somebody now; yellow means "not proven lately", never "somewhat bad".
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from depesha.monitoring.console.pages.attention import Notes, key_of
from depesha.monitoring.console.pages.horizon_view import (
    Around,
    Level,
    Proof,
    around_of,
    around_proofs,
    certificate_needs,
)
from depesha.monitoring.console.pages.title import Title, title_of
from depesha.schemas.attending import Attention
from depesha.schemas.overview import BalanceIn, BalanceOut, Home, Need, NeedItem, Strip
from depesha.schemas.overview_home import in_order
from depesha.schemas.people import Action, Right
from depesha.schemas.route import Circuit
from depesha.schemas.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from depesha.monitoring.console.pages.parts import Freshness
    from depesha.monitoring.console.pages.telling import Teller

_WIDTH, _HEIGHT = 120, 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """The one sentence on top."""

    level: Level
    text: str
    deadline: datetime | None = None
    link: str = ""
    button: str = ""
    """Key of the button's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedLine:
    """One thing that needs a person."""

    item: NeedItem
    overdue: bool
    title: Title | None
    reason: str
    """Empty where the visitor may not read it."""
    link: str
    button: str
    key: str
    """Under which somebody takes it."""
    taken: Attention | None
    """Who looks after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StripLine:
    """One network."""

    strip: Strip
    level: Level
    word: str
    """Key of how it stands."""
    points_in: str
    points_out: str
    peak: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeView:
    """Everything the template shows."""

    home: Home
    sentence: Sentence
    needs: tuple[NeedLine, ...]
    more_needs: int
    """Needs that are counted but not listed."""
    strips: tuple[StripLine, ...]
    proofs: tuple[Proof, ...]
    disk_percent: int | None
    submitted_adds_up: bool
    around: Around

    @property
    def passed(self) -> int:
        """Messages that every check let through at the first look."""
        gates = self.home.gates
        return gates.received - gates.held - gates.rejected


LISTED = 40
"""Needs that are listed, the most pressing first: a longer list is not read."""


def home_view(
    home: Home,
    tell: Teller,
    fresh: Freshness,
    rights: Mapping[Action, Right],
    surroundings: Surroundings | None = None,
    notes: Notes | None = None,
) -> HomeView:
    """Return the page of one moment for one visitor."""
    around = around_of(surroundings or Surroundings(), home.at)
    notes = notes or Notes()
    resting = {pause.network for pause in notes.pauses}
    strips = tuple(_strip_line(strip, home.at, fresh, resting) for strip in home.strips)
    proofs = (*_proofs(home, fresh), *around_proofs(around))
    items = in_order((*home.needs, *certificate_needs(around)))
    needs = tuple(_need_line(item, home.at, tell, rights, notes) for item in items)
    listed = {need: sum(1 for i in home.needs if i.need is need) for need in Need}
    more = sum(max(0, one.count - listed[one.need]) for one in home.need_counts)
    disk = home.horizon
    return HomeView(
        home=home,
        sentence=_sentence(home, needs, strips, proofs, tell),
        needs=needs[:LISTED],
        more_needs=more + max(0, len(needs) - LISTED),
        strips=strips,
        proofs=proofs,
        disk_percent=round(100 * disk.disk_free / disk.disk_total) if disk.disk_total else None,
        around=around,
        submitted_adds_up=home.balance.submitted == sum(b.sent for b in home.balance.sent),
    )


# --- the sentence ---


def _sentence(
    home: Home,
    needs: Sequence[NeedLine],
    strips: Sequence[StripLine],
    proofs: Sequence[Proof],
    tell: Teller,
) -> Sentence:
    """Choose the single worst thing: books first, then people's work, then roads, then proofs."""
    if not home.balance.adds_up:
        text, anchor = tell.say("home.worst.balance", network=_unbalanced(home, tell)), "#balance"
        return Sentence(level=Level.BAD, text=text, link=anchor, button="home.look-balance")
    pressing = [n for n in needs if n.overdue or n.item.need is not Need.ASKING]
    if pressing:
        return _worst_need(pressing[0], len(pressing), tell)
    cut = [line for line in strips if line.level is Level.BAD]
    if cut:
        text = tell.say("home.worst.network", network=tell.network(cut[0].strip.network))
        probe = cut[0].strip.probe_at
        link, button = "#networks", "home.look-networks"
        return Sentence(level=Level.BAD, text=text, deadline=probe, link=link, button=button)
    known = _failed_proof(proofs, tell) or _resting(strips, tell)
    if known is not None:
        return known
    old = [tell.network(s.strip.network) for s in strips if s.level is Level.UNPROVEN]
    old += [tell.say(f"{proof.key}.short") for proof in proofs if proof.level is not Level.GOOD]
    if old:
        text = tell.say("home.unproven", names=", ".join(old))
        return Sentence(level=Level.UNPROVEN, text=text)
    return Sentence(level=Level.GOOD, text=_all_well(home, strips, tell))


def _failed_proof(proofs: Sequence[Proof], tell: Teller) -> Sentence | None:
    key = next((proof.key for proof in proofs if proof.level is Level.BAD), "")
    if not key:
        return None
    worst = "scanner" if key == "proof.engine" else "disk"
    place = "gates" if key == "proof.engine" else "horizon"
    return Sentence(
        level=Level.BAD,
        text=tell.say(f"home.worst.{worst}"),
        link=f"#{place}",
        button=f"home.look-{place}",
    )


def _resting(strips: Sequence[StripLine], tell: Teller) -> Sentence | None:
    """Somebody paused a network: nobody must take that for "all well"."""
    names = [tell.network(s.strip.network) for s in strips if s.word == "channel.paused"]
    if not names:
        return None
    return Sentence(
        level=Level.UNPROVEN,
        text=tell.say("home.rests", names=", ".join(names)),
        link="/channels",
        button="home.look-channel",
    )


def _worst_need(line: NeedLine, count: int, tell: Teller) -> Sentence:
    name = "" if line.title is None else f" {line.title.short}"
    key = "home.worst.need" if count == 1 else "home.worst.needs"
    text = tell.say(key, need=tell.say(f"need.{line.item.need}"), name=name, more=count - 1)
    return Sentence(
        level=Level.BAD,
        text=text,
        deadline=line.item.deadline,
        link=line.link,
        button=line.button,
    )


def _unbalanced(home: Home, tell: Teller) -> str:
    lines: tuple[BalanceIn | BalanceOut, ...] = (*home.balance.received, *home.balance.sent)
    names = dict.fromkeys(tell.network(line.network) for line in lines if not line.adds_up)
    return ", ".join(names) or tell.say("home.way-out")


def _all_well(home: Home, strips: Sequence[StripLine], tell: Teller) -> str:
    alive = [line.strip.last_alive for line in strips if line.strip.last_alive is not None]
    waits = [s.oldest_waiting_in for s in home.strips] + [s.oldest_waiting_out for s in home.strips]
    oldest = min((one for one in waits if one is not None), default=None)
    waiting = tell.age(oldest) if oldest is not None else tell.say("home.nothing-waits")
    return tell.say(
        "home.well",
        proven=len(alive),
        networks=len(strips),
        age=tell.age(min(alive)) if alive else "–",
        waiting=waiting,
    )


# --- the parts ---


def _need_line(
    item: NeedItem, now: datetime, tell: Teller, rights: Mapping[Action, Right], notes: Notes
) -> NeedLine:
    sees = rights.get(Action.SEE_SUBJECT, Right.NO) is not Right.NO
    operates = rights.get(Action.OPERATE, Right.NO) is not Right.NO
    document = item.document
    link, button = ("", "")
    if document is not None:
        link, button = f"/documents/{document.id}", "home.open"
    elif item.task_id is not None and operates:
        link, button = f"/tasks/{item.task_id}/unpark", "deed.unpark"
    elif item.need is Need.REGISTRY_SILENT:
        link, button = "#registry", "home.look-registry"
    elif item.need is Need.CERTIFICATE:
        link, button = "#horizon", "home.look-horizon"
    return NeedLine(
        item=item,
        overdue=item.deadline <= now,
        title=None if document is None else title_of(document, tell, sees=sees),
        reason=item.reason if sees or item.need is Need.CERTIFICATE else "",
        link=link,
        button=button,
        key=key_of(item),
        taken=notes.taken.get(key_of(item)),
    )


def _strip_line(
    strip: Strip, now: datetime, fresh: Freshness, resting: Container[str] = ()
) -> StripLine:
    match strip.circuit:
        case Circuit.OPEN:
            level, word = Level.BAD, "strip.cut"
        case Circuit.HALF_OPEN:
            level, word = Level.UNPROVEN, "strip.probing"
        case Circuit.CLOSED:
            proven = strip.last_alive is not None and now - strip.last_alive <= fresh.network
            level, word = (
                (Level.GOOD, "strip.proven") if proven else (Level.UNPROVEN, "strip.unproven")
            )
    if strip.network in resting and level is not Level.BAD:
        level, word = Level.UNPROVEN, "channel.paused"
    peak = max((*strip.hours_in, *strip.hours_out), default=0)
    return StripLine(
        strip=strip,
        level=level,
        word=word,
        points_in=points(strip.hours_in, peak),
        points_out=points(strip.hours_out, peak),
        peak=peak,
    )


def points(hours: Sequence[int], peak: int) -> str:
    """Return the corners of a line of 120 × 28 through the hours' counts."""
    if not hours:
        return ""
    step, top = _WIDTH / max(1, len(hours) - 1), max(1, peak)
    corners = ((at * step, _HEIGHT - 2 - (_HEIGHT - 4) * n / top) for at, n in enumerate(hours))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)


def _proofs(home: Home, fresh: Freshness) -> tuple[Proof, ...]:
    """What stands behind "all well", beside the networks."""
    sealing, gates, disk = home.sealing, home.gates, home.horizon

    def level(at: datetime | None, within: timedelta) -> Level:
        return Level.GOOD if at is not None and home.at - at <= within else Level.UNPROVEN

    seal = sealing.seal
    sealed = None if seal is None else datetime.fromisoformat(seal.at)
    # Where nothing came, nothing was there to be scanned.
    idle = gates.received == 0 and gates.last_scanned is None
    scanned = Level.GOOD if idle else level(gates.last_scanned, fresh.scanner)
    full = disk.disk_total > 0 and 100 * disk.disk_free < fresh.disk_percent * disk.disk_total
    return (
        Proof(key="proof.scanner", level=scanned, at=gates.last_scanned),
        Proof(
            key="proof.sealed",
            level=Level.GOOD if not sealing.rows else level(sealed, fresh.evidence),
            at=sealed,
            facts={"number": 0 if seal is None else seal.number},
        ),
        Proof(
            key="proof.verified",
            level=Level.GOOD if not sealing.rows else level(sealing.verified_at, fresh.evidence),
            at=sealing.verified_at,
            facts={"rows": sealing.verified_rows},
        ),
        Proof(key="proof.disk", level=Level.BAD if full else Level.GOOD, at=None),
    )
