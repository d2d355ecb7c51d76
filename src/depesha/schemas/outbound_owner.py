"""Who acts next on a document of ours: the task that every state needs, and no other. Pure.

The store asks this in the transaction of each change, so that no step can leave a document to
nobody (law 8). Nothing here knows what a task does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from depesha.schemas.message import NewTask, TaskKind
from depesha.schemas.outbound import OutboundChange
from depesha.schemas.outbound_lifecycle import OWNERS, OutboundState, Owner

OWNING = (TaskKind.DISPATCH, TaskKind.FOLLOW_UP)
"""Kinds of tasks that own a document. Others (a webhook, a signal) only tell of it."""

LEAVING = tuple(state for state in OutboundState if OWNERS[state] is Owner.TASK)
"""States in which a document is not yet in a network's hands, and ours to bring there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwningTask:
    """A stored task of one of the owning kinds, as it stands once the change's claim has ended."""

    task_id: int
    kind: TaskKind
    due_at: datetime
    leased: bool
    parked: bool = False
    own: bool = False
    """It is the one under which the change is made, or came with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """What is to be done so that exactly the right task is there."""

    remove: tuple[int, ...] = ()
    due: tuple[tuple[int, datetime], ...] = ()
    """Tasks to be made due at these times, taken back from whoever holds them."""
    add: tuple[NewTask, ...] = ()


def owning_kind(state: OutboundState) -> TaskKind | None:
    """Return the kind of task that owns a document in this state; None: a person or nobody."""
    owner = OWNERS[state]
    match owner:
        case Owner.TASK:
            return TaskKind.DISPATCH
        case Owner.ANSWER:
            return TaskKind.FOLLOW_UP
        case Owner.PERSON | Owner.NOBODY:
            return None
        case _:
            assert_never(owner)


def owner_due(change: OutboundChange, state: OutboundState) -> datetime | None:
    """Return when a change wants the owner of the state it leads to to act; None: no wish.

    A person's yes to a fallback moves no state, and the next step is wanted for it at once.
    """
    kind = owning_kind(state)
    if kind is TaskKind.DISPATCH:
        yes = change.evidence.at if change.fallback_confirmed else None
        return change.dispatch_at or yes
    return change.follow_up_at if kind is TaskKind.FOLLOW_UP else None


def upkeep(
    before: OutboundState | None,
    after: OutboundState,
    tasks: Sequence[OwningTask],
    at: datetime,
    wished: datetime | None = None,
) -> Upkeep:
    """Return what is to be done with a document's owning tasks when it goes from `before`.

    `wished`: when the owner is to act; None: at `at`. A task that waits is never put off, only
    called earlier: repeated news must not hold up what is due. One that another worker holds is
    left to it, unless that worker may think that the document is not its business any more: then
    it is taken back, and the worker finds its lease lost. Nothing that is held is removed: its
    holder will see that there is nothing to do.
    """
    kind = owning_kind(after)
    remove = tuple(t.task_id for t in tasks if t.kind is not kind and not t.leased)
    if kind is None:
        return Upkeep(remove=remove)
    moment = wished or at
    found = [task for task in tasks if task.kind is kind]
    if not found:
        return Upkeep(remove=remove, add=(NewTask(kind=kind, due_at=moment),))
    if any(task.own or task.parked for task in found):
        return Upkeep(remove=remove)
    first = found[0]
    if first.leased:
        entering = before is None or owning_kind(before) is not kind
        due = ((first.task_id, moment),) if entering else ()
    elif moment < first.due_at and (wished is not None or before is not after):
        due = ((first.task_id, moment),)
    else:
        due = ()
    return Upkeep(remove=remove, due=due)
