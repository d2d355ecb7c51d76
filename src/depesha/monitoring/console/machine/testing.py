"""Asks networks whether they live, once, and judges the answers. Sends no document."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from depesha.errors import Blame, BusyError, DepeshaError
from depesha.monitoring.console.machine.verdict import Answer, Verdict, judge

if TYPE_CHECKING:
    from depesha.monitoring.console.machine.parts import MachineParts

TIME = "TIME"
"""Code of an answer that did not come in time."""


class Tester:
    """Tests one network at a time: whoever presses twice does not knock twice."""

    def __init__(self, parts: MachineParts) -> None:
        self._in = parts
        self._testing = asyncio.Lock()

    async def test(self, network: str) -> Verdict:
        """Return what is found; raises `BusyError` while another test runs.

        The other networks are asked only where this one was not reached: they show our line.
        """
        if self._testing.locked():
            raise BusyError("a connection is being tested")
        async with self._testing:
            answer = await self._ask(network)
            others: list[Answer] = []
            if answer.blame is Blame.NETWORK:
                rest = [other for other in self._in.channels if other != network]
                others = await asyncio.gather(*(self._ask(other) for other in rest))
            return judge(answer, others, self._in.health())

    async def _ask(self, network: str) -> Answer:
        clock = self._in.pages.clock
        began = clock.monotonic()
        words, blame, code = "", None, ""
        try:
            async with asyncio.timeout(self._in.test_seconds):
                words = await self._in.channels[network].ping()
        except DepeshaError as error:
            words, blame, code = error.public, error.blame, error.code
        except TimeoutError:
            words, blame, code = "no answer in time", Blame.NETWORK, TIME
        seconds = clock.monotonic() - began
        return Answer(network=network, words=words, seconds=seconds, blame=blame, code=code)
