"""`Overview` in memory: counts everything anew at each look, from documents and journal alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from depesha.adapters.memory.quarantine import MemoryQuarantine
from depesha.adapters.memory.state import Entry, MemoryState, Task
from depesha.errors import UnknownMessageError
from depesha.ports import Clock
from depesha.schemas.evidence import Seal
from depesha.schemas.ids import Digest, MessageId
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import EvidenceKind, Message, NewEvidence, TaskKind
from depesha.schemas.notes import Area
from depesha.schemas.outbound import OutboundMessage
from depesha.schemas.overview import (
    COUNTED_TO,
    Direction,
    Home,
    Horizon,
    Line,
    LineQuery,
    Lines,
    Need,
    NeedCount,
    NeedItem,
    PeerFailure,
    PeerQuery,
    PeerTraffic,
    Promises,
    QuarantineItem,
    QuarantinePage,
    QueueAge,
    Sealing,
    Story,
    StoryTask,
)
from depesha.schemas.overview_filing import (
    SENT,
    WAITING_OUT,
    hour_of,
    need_of,
    need_of_task,
    peer_of,
    pulses_of,
)
from depesha.schemas.overview_home import (
    Day,
    Pulses,
    balance_of,
    deadline,
    gates_of,
    in_order,
    networks_of,
    oldest_of,
    registry_of,
    silence,
    strip_of,
)
from depesha.schemas.overview_story import MOST_EVENTS, event_of
from depesha.schemas.overview_terms import asked, matches, terms_of

_Document = Message | OutboundMessage


class MemoryOverview:
    """`Overview` over a `MemoryState`."""

    def __init__(
        self,
        state: MemoryState,
        clock: Clock,
        *,
        quarantine: MemoryQuarantine,
        networks: Sequence[str] = (),
        promises: Promises | None = None,
    ) -> None:
        self._state = state
        self._clock = clock
        self._quarantine = quarantine
        self._networks = tuple(networks)
        self._promises = promises or Promises()

    async def home(self, day: datetime, most: int = 20) -> Home:
        """See `Overview.home`; there is no disk."""
        now = self._clock.now()
        asked_day, pulses = Day.of(day, now), self._pulses()
        registry = registry_of(pulses, self._oldest(Direction.IN, None))
        needs = self._needs()
        silent = silence(registry, self._promises, now)
        counts = Counter(item.need for item in needs)
        shown = [i for need in Need for i in _first(needs, need, most)]
        return Home(
            at=now,
            needs=in_order(shown if silent is None else [*shown, silent]),
            need_counts=tuple(
                NeedCount(need=need, count=min(counts[need], COUNTED_TO))
                for need in Need
                if counts[need]
            ),
            strips=tuple(
                strip_of(
                    network,
                    asked_day,
                    pulses,
                    self._state.health.get((network, "")),
                    {way: self._oldest(way, network) for way in Direction},
                )
                for network in networks_of(pulses, self._networks)
            ),
            balance=balance_of(asked_day, pulses, self._tallies(asked_day)),
            gates=gates_of(asked_day, pulses),
            sealing=self._sealing(),
            horizon=self._horizon(),
            registry=registry,
        )

    async def lines(self, query: LineQuery) -> Lines:
        """See `Overview.lines`."""
        below = int(query.after) if query.after.isdecimal() else len(self._state.entries) + 1
        wanted = asked(query.words)
        found = [
            (entry.row, document)
            for document, entry in self._newest_first()
            if entry.row < below and self._fits(document, query, wanted)
        ]
        page = found[: query.limit]
        return Lines(
            lines=tuple(self._line(document) for _row, document in page),
            next=str(page[-1][0]) if len(found) > len(page) and page else "",
        )

    async def story(self, message_id: MessageId) -> Story:
        """See `Overview.story`."""
        document = self._document(message_id)
        if document is None:
            raise UnknownMessageError("there is no such message")
        rows = [row for row, _wire in self._state.evidence if row.message_id == message_id]
        tasks = [t for t in self._state.tasks.values() if t.message_id == message_id]
        return Story(
            document=document,
            events=tuple(event_of(row) for row in rows[:MOST_EVENTS]),
            more_events=len(rows) > MOST_EVENTS,
            tasks=tuple(_task(task) for task in sorted(tasks, key=lambda t: t.task_id)),
            sealed_to=self._state.seals[-1].last if self._state.seals else 0,
        )

    async def queue(self) -> tuple[QueueAge, ...]:
        """See `Overview.queue`."""
        return tuple(self._age(kind) for kind in TaskKind)

    async def peers(self, query: PeerQuery) -> tuple[PeerTraffic, ...]:
        """See `Overview.peers`."""
        names = sorted({peer_of(one) for one in self._traffic()} - {""})
        wanted = [n for n in names if (n == query.peer if query.peer else n > query.after)]
        return tuple(self._peer(name) for name in wanted[: query.limit])

    async def quarantine(self, after: str = "", limit: int = 50) -> QuarantinePage:
        """See `Overview.quarantine`."""
        rows = sorted((until, name) for name, until in self._quarantine.sealed().items())
        names = [name for _until, name in rows]
        start = names.index(Digest(after)) + 1 if after in names else 0
        page = rows[start : start + limit]
        more = len(rows) > start + limit
        return QuarantinePage(
            items=tuple(
                QuarantineItem(digest=name, until=until, message=self._original(name))
                for until, name in page
            ),
            next=page[-1][1] if more and page else "",
        )

    async def seals(self, before: int = 0, limit: int = 50) -> tuple[Seal, ...]:
        """See `Overview.seals`."""
        newest = reversed(self._state.seals)
        return tuple([s for s in newest if not before or s.number < before][:limit])

    # --- counting ---

    def _pulses(self) -> Pulses:
        pulses = Pulses()
        for row, _wire in self._state.evidence:
            body = json.loads(row.body)
            evidence = NewEvidence(
                kind=EvidenceKind(body["kind"]),
                at=datetime.fromisoformat(body["at"]),
                message_id=None,
                actor=body["actor"],
                facts=body["facts"],
            )
            for key in pulses_of(evidence):
                _count(pulses, key, evidence.at)
        for document in self._state.outbound.values():
            at = self._state.entries[document.id].at
            for network in {"", document.network}:
                # A document was counted as not tried before it was tried.
                pulses.lasts[network, SENT] = max(at, pulses.lasts.get((network, SENT), at))
            _count(pulses, (document.network, SENT), at)
        return pulses

    def _tallies(self, day: Day) -> dict[tuple[str, str, str], int]:
        tallies: Counter[tuple[str, str, str]] = Counter()
        for document, entry in self._newest_first():
            if day.first <= hour_of(entry.at) < day.end:
                tallies[_way(document), document.network, document.state] += 1
        return dict(tallies)

    def _newest_first(self) -> list[tuple[_Document, Entry]]:
        entries = sorted(self._state.entries.items(), key=lambda item: -item[1].row)
        found = [(self._document(name), entry) for name, entry in entries]
        return [(document, entry) for document, entry in found if document is not None]

    def _document(self, message_id: MessageId) -> _Document | None:
        return self._state.messages.get(message_id) or self._state.outbound.get(message_id)

    def _original(self, digest: Digest) -> Message | None:
        messages = self._state.messages.values()
        return next((m for m in messages if m.arrival.original == digest), None)

    # --- home ---

    def _oldest(self, way: Direction, network: str | None) -> datetime | None:
        waiting = {InboundState.ADMITTED} if way is Direction.IN else set(WAITING_OUT)
        return oldest_of(
            [
                entry.since if way is Direction.IN else entry.at
                for document, entry in self._newest_first()
                if _way(document) is way
                and document.state in waiting
                and network in {None, document.network}
            ]
        )

    def _need(self, document: _Document) -> Need | None:
        mended = {d.dispatch.corrects for d in self._state.outbound.values()}
        if isinstance(document, OutboundMessage) and document.dispatch.document.guid in mended:
            return None
        return need_of(document)

    def _needs(self) -> list[NeedItem]:
        items: list[NeedItem] = []
        for document, entry in self._newest_first():
            need = self._need(document)
            if need is Need.DECLINED and (Area.SEEN, document.id) in self._state.notes:
                continue  # somebody has seen it
            if need is not None:
                until = deadline(need, entry.since, self._promises)
                items.append(
                    NeedItem(need=need, since=entry.since, deadline=until, document=document)
                )
        for task in self._state.tasks.values():
            if task.parked_at is not None:
                need = need_of_task(task.kind)
                owner = None if task.message_id is None else self._document(task.message_id)
                items.append(
                    NeedItem(
                        need=need,
                        since=task.parked_at,
                        deadline=deadline(need, task.parked_at, self._promises),
                        document=owner,
                        task_id=task.task_id,
                        task_kind=task.kind,
                        reason=task.reason,
                    )
                )
        return items

    def _sealing(self) -> Sealing:
        at, rows = self._state.proof or (None, 0)
        seals = self._state.seals
        return Sealing(
            rows=len(self._state.evidence),
            seal=seals[-1] if seals else None,
            verified_at=at,
            verified_rows=rows,
        )

    def _horizon(self) -> Horizon:
        stored = [entry.at for _document, entry in self._newest_first()]
        return Horizon(
            oldest=stored[-1] if stored else None,
            newest=stored[0] if stored else None,
            database_bytes=0,
            disk_free=0,
            disk_total=0,
            next_shredding=min(self._quarantine.sealed().values(), default=None),
        )

    # --- lists ---

    def _fits(self, document: _Document, query: LineQuery, wanted: tuple[str, ...]) -> bool:
        if query.words.strip() and not (wanted and _known_as(document, wanted)):
            return False
        return (
            (query.direction is None or _way(document) is query.direction)
            and (not query.states or document.state in query.states)
            and (not query.networks or document.network in query.networks)
            and (not query.peer or peer_of(document) == query.peer)
        )

    def _line(self, document: _Document) -> Line:
        return Line(
            direction=_way(document),
            stored_at=self._state.entries[document.id].at,
            need=self._need(document),
            document=document,
        )

    def _age(self, kind: TaskKind) -> QueueAge:
        now = self._clock.now()
        tasks = [task for task in self._state.tasks.values() if task.kind is kind]
        waiting = [task for task in tasks if task.parked_at is None]
        due = [task.due_at for task in waiting if task.due_at <= now]
        later = [task for task in waiting if task.due_at > now]
        parked = [task.parked_at for task in tasks if task.parked_at is not None]
        return QueueAge(
            kind=kind,
            due=len(due),
            due_since=min(due, default=None),
            in_hand=sum(1 for task in later if task.lease),
            next_due=min((task.due_at for task in later if not task.lease), default=None),
            parked=len(parked),
            parked_since=min(parked, default=None),
        )

    def _traffic(self) -> list[_Document]:
        refused = {
            row.message_id
            for row, _wire in self._state.evidence
            if '"kind":"RECEIVED"' in row.body and '"state":"REJECTED"' in row.body
        }
        return [d for d, _entry in self._newest_first() if d.id not in refused]

    def _peer(self, peer: str) -> PeerTraffic:
        entries = self._state.entries
        both = {
            way: [
                entries[d.id].at for d in self._traffic() if _way(d) is way and peer_of(d) == peer
            ]
            for way in Direction
        }
        healths = [self._state.health.get((network, peer)) for network in self._networks]
        return PeerTraffic(
            peer=peer,
            received=len(both[Direction.IN]),
            last_received=max(both[Direction.IN], default=None),
            sent=len(both[Direction.OUT]),
            last_sent=max(both[Direction.OUT], default=None),
            channels=tuple(
                PeerFailure(
                    network=one.network,
                    circuit=one.circuit,
                    failures=one.failures,
                    last_code=one.last_code,
                    last_alive=one.last_alive,
                )
                for one in healths
                if one is not None
            ),
        )


def _way(document: _Document) -> Direction:
    return Direction.OUT if isinstance(document, OutboundMessage) else Direction.IN


def _known_as(document: _Document, wanted: tuple[str, ...]) -> bool:
    """Tell whether the words find it, or name one of its tries by its transport id."""
    if matches(terms_of(document), wanted):
        return True
    tries = document.attempts if isinstance(document, OutboundMessage) else ()
    return len(wanted) == 1 and wanted[0] in {a.transport_id.replace("-", "") for a in tries}


def _count(pulses: Pulses, key: tuple[str, str], at: datetime) -> None:
    hours = pulses.counts.setdefault(key, {})
    hours[hour_of(at)] = hours.get(hour_of(at), 0) + 1
    pulses.lasts[key] = max(at, pulses.lasts.get(key, at))


def _first(items: Sequence[NeedItem], need: Need, most: int) -> list[NeedItem]:
    """Return the oldest of a need; of parked tasks so many of each kind."""
    found = sorted((i for i in items if i.need is need), key=lambda i: i.since)
    kinds = dict.fromkeys(item.task_kind for item in found)
    return [i for kind in kinds for i in [one for one in found if one.task_kind is kind][:most]]


def _task(task: Task) -> StoryTask:
    return StoryTask(
        task_id=task.task_id,
        kind=task.kind,
        due_at=task.due_at,
        attempts=task.attempts,
        leased=bool(task.lease) and task.parked_at is None,
        parked_at=task.parked_at,
        reason=task.reason,
    )
