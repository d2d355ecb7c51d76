"""The bell wakes those whom the new work concerns, and no others."""

from __future__ import annotations

from depesha.queue.bell import Bell
from depesha.schemas.message import TaskKind


async def test_work_of_a_kind_wakes_who_waits_for_it() -> None:
    bell = Bell()
    mine, other, any_kind = (
        bell.listen((TaskKind.DISPATCH, TaskKind.NOTICE)),
        bell.listen((TaskKind.WEBHOOK,)),
        bell.listen(),
    )
    bell.ring((TaskKind.DISPATCH,))
    assert (mine.done(), other.done(), any_kind.done()) == (True, False, True)


async def test_work_of_no_named_kind_wakes_everybody() -> None:
    bell = Bell()
    waiting = [bell.listen((TaskKind.WEBHOOK,)), bell.listen()]
    bell.ring()
    assert all(future.done() for future in waiting)


async def test_who_left_is_not_rung() -> None:
    bell = Bell()
    gone = bell.listen((TaskKind.WEBHOOK,))
    bell.leave(gone)
    bell.ring()
    assert gone.cancelled()
