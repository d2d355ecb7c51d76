"""Ctrl-C and SIGTERM as an orderly cancellation of what runs, so that everything is stopped."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interruptible() -> Iterator[asyncio.Event]:
    """Cancel the running task on a signal; the event tells such a cancellation from others."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    asked = asyncio.Event()

    def stop() -> None:
        asked.set()
        if task is not None:
            task.cancel()

    for one in SIGNALS:
        loop.add_signal_handler(one, stop)
    try:
        yield asked
    finally:
        for one in SIGNALS:
            loop.remove_signal_handler(one)
