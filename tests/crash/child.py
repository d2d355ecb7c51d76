"""A gateway that kills itself at one step: takes `-c SETTINGS`, as `depesha serve` does.

What it runs is the product as it is; only its checkpoint is another one, and its clock may be
shifted. Started as a file by
its path, so it imports nothing of the tests.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path

from depesha.adapters.system import SystemClock
from depesha.app import serve
from depesha.config import load
from depesha.errors import StorageError
from depesha.schemas.steps import AnyStep

ORDERS = "CRASH_ORDERS"
"""Names the folder where orders may lie at any time: a file `STEP` that holds n, for the nth time
from now on. A relative name is one beside the settings file: each gateway has its own orders."""


class KillAt:
    """`ports.Checkpoint` that ends this process by SIGKILL where an order says so.

    The order is taken away before the death, so that the next process lives.
    """

    def __init__(self, orders: Path) -> None:
        self._orders = orders
        self._lock = threading.Lock()

    def reached(self, step: AnyStep) -> None:
        """Die here, or return."""
        with self._lock:
            order = self._orders / step
            try:
                times = int(order.read_text("ascii"))
            except FileNotFoundError:
                return
            if times > 1:
                place_order(self._orders, step, times - 1)
                return
            order.unlink()
            os.kill(os.getpid(), signal.SIGKILL)


class ShiftedClock(SystemClock):
    """The machine's clock, as many seconds off as the file `CLOCK` among the orders says."""

    def __init__(self, orders: Path) -> None:
        self._place = orders / "CLOCK"
        self._looked = 0.0
        self._shift = timedelta()

    def now(self) -> datetime:
        """Wall time, looked up anew twenty times a second."""
        if self.monotonic() > self._looked + 0.05:
            self._looked = self.monotonic()
            try:
                self._shift = timedelta(seconds=int(self._place.read_text("ascii")))
            except FileNotFoundError:
                self._shift = timedelta()
        return super().now() + self._shift


def place_order(orders: Path, step: AnyStep, times: int = 1) -> None:
    """Order the death; whoever looks sees a whole order or none."""
    beside = orders / f"{step}.new"
    beside.write_text(f"{times}\n", "ascii")
    beside.replace(orders / step)


def main() -> None:
    """Serve until told to stop, or killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-c", type=Path, required=True, dest="settings")
    path = parser.parse_args().settings
    orders = path.parent / os.environ[ORDERS]
    try:
        asyncio.run(serve(load(path), KillAt(orders), ShiftedClock(orders)))
    except StorageError as error:
        sys.exit(f"depesha: {error.public}")  # as `depesha serve` ends where a disk is full


if __name__ == "__main__":
    main()
