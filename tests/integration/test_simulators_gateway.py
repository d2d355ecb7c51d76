"""A gateway as a process of a country: killed, restarted, with its memory and its address."""

from __future__ import annotations

from pathlib import Path

import pytest

from depesha.errors import PeerError
from depesha.simulators.seos_documents import REGISTERED
from tests.support.country import CLOCK, OBRAZETS, country, gateway, peer, registry
from tests.support.simulators import letter

pytestmark = [pytest.mark.clamd, pytest.mark.slow]


async def test_a_killed_gateway_comes_back_with_what_it_had(tmp_path: Path) -> None:
    async with country(tmp_path / "c") as made, registry(made) as office:
        process, izvor = gateway(made), peer(made)
        request = letter()
        await izvor.submit(OBRAZETS.party, process.seos_url, request)
        [waiting] = await office.waiting(5)
        first = process.pid
        await process.kill()
        assert (await izvor.resend(request.document.guid)).trouble == "no connection"
        await process.restart()
        assert process.pid != first
        today = CLOCK.now().date()
        await office.register(waiting["id"], "ВХ-1", today)
        seen = await izvor.wait_for_status(request.document.guid, REGISTERED, 10)
        assert seen.number is not None
        assert (seen.number.number, seen.number.date) == ("ВХ-1", today)


async def test_a_gateway_that_cannot_start_says_why(tmp_path: Path) -> None:
    wrong = {"limits": {"no_such_key": 1}}
    with pytest.raises(PeerError, match="no_such_key"):
        async with country(tmp_path / "c", settings=wrong):
            pass
