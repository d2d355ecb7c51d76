"""An answer that was slowed down does not use up switches that were set while it waited."""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from depesha.adapters.memory.system import HandClock
from depesha.simulators.ssev_gate import Gate
from depesha.simulators.ssev_quirks import SsevOddity, SsevOperation, SsevQuirks


async def test_a_slow_answer_of_ssev_leaves_later_switches_alone() -> None:
    clock = HandClock()
    oddity = SsevOddity(SsevQuirks(slow_seconds=4.0))
    answer, request = web.Response(status=200), make_mocked_request("POST", "/")
    gate = Gate(clock=clock, oddity=oddity)
    waiting = asyncio.create_task(gate.after(request, answer, SsevOperation.SEND))
    await asyncio.sleep(0)
    oddity.quirks = SsevQuirks(lost_answers=1)
    clock.advance(4)
    assert await waiting is answer
    assert oddity.spend("lost_answers")
