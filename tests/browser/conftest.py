"""`make browser` alone collects this folder: the ordinary suite has its short form of it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest_asyncio

from tests.browser.stand import Stand, standing

ASKED = "BROWSER_TESTS"
collect_ignore_glob = [] if os.environ.get(ASKED) else ["test_*.py"]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stand() -> AsyncIterator[Stand]:
    """One country with one gateway that lived a busy week, and one browser."""
    async with standing() as made:
        yield made
