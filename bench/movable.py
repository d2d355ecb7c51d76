"""A gateway whose clock can be moved: takes `-c SETTINGS`, as `depesha serve` does.

SIGUSR1 moves it an hour ahead; whoever sleeps is woken and looks at the new time. Everything else
is the product as it is. Started as a file by its path.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from datetime import datetime, timedelta
from pathlib import Path

from depesha.adapters.system import SystemClock
from depesha.app import serve
from depesha.config import load

JUMP = timedelta(hours=1)


class MovableClock(SystemClock):
    """`ports.Clock`: the machine's, and as many hours later as it was told."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        """Wall time as it would be."""
        return super().now() + self._ahead

    def monotonic(self) -> float:
        """Seconds that only grow, jumps included."""
        return super().monotonic() + self._ahead.total_seconds()

    async def sleep(self, seconds: float) -> None:
        """Wait until so much time has passed, or was jumped over."""
        until = self.monotonic() + seconds
        while (left := until - self.monotonic()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self._moved.wait()
            except TimeoutError:
                return

    def jump(self) -> None:
        """Move on, and wake whoever sleeps."""
        self._ahead += JUMP
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()


async def run(settings: Path) -> None:
    """Serve until told to stop."""
    clock = MovableClock()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, clock.jump)
    await serve(load(settings), clock=clock)


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-c", type=Path, required=True, dest="settings")
    asyncio.run(run(parser.parse_args().settings))


if __name__ == "__main__":
    main()
