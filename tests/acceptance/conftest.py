"""The one country of these tests: started by the first that asks, stopped after the last.

Each worker of xdist has its own, on free ports and in a folder of its own, so the tests may be
spread in any way. All of them share one loop, the country's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.acceptance import Stage, stage
from tests.support.outgoing import Post, post

HERE = Path(__file__).parent
SECONDS = 180


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            item.add_marker(pytest.mark.clamd)
            item.add_marker(pytest.mark.timeout(SECONDS))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with stage(tmp_path_factory.mktemp("acceptance")) as made:
        yield made


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def country_of_all_networks(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Post]:
    async with post(tmp_path_factory.mktemp("way-out")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def roads(country_of_all_networks: Post) -> AsyncIterator[Post]:
    """The country with every network, all of them well at the beginning of every test."""
    yield country_of_all_networks
    await country_of_all_networks.mended()
