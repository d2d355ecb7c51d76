"""SSEV after a restore: what the lost store opened is taken, and what it told is not told again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from depesha.adapters.ssev.assembly import LEDGER
from depesha.adapters.ssev.ledger import Ledger, rewound
from tests.dialogue.test_ssev_receiving import sent, two
from tests.support.ssev import CLOCK, Office, Stand, stand
from tests.support.ssev_channel import WAYS, House, running, state_folder

DAY = timedelta(days=1)


@pytest.fixture
async def plain(tmp_path: Path) -> AsyncIterator[Stand]:
    async with stand(tmp_path) as made:
        yield made


# --- what it opened ---------------------------------------------------------------------------


async def opened(made: Stand, sender: Office, to: Office, days: int) -> int:
    """Have a document sent, and opened, so many days ago."""
    _, message_id = await sent(made, sender, to)
    message = made.ssev.state.messages[message_id]
    await made.ssev.state.open_by_person(message_id, to.profile)
    message.sent_at -= days * DAY
    for copy in message.copies:
        assert copy.opened_at is not None
        copy.opened_at -= days * DAY
    return message_id


@pytest.mark.parametrize("way", WAYS)
async def test_what_was_opened_since_an_old_back_up_is_taken_however_long_ago(
    plain: Stand, tmp_path: Path, way: str
) -> None:
    """Opening is the legal receipt: of ten days lost, the first three count as well."""
    a, b = await two(plain)
    for days in (12, 9, 2):
        await opened(plain, a, b, days)
    now, form = CLOCK.now(), TypeAdapter(Ledger)
    kept = Ledger(started_at=now - 30 * DAY, swept_at=now - 10 * DAY)
    house = House(tmp_path / "house")
    file = state_folder(house, b) / LEDGER
    file.write_bytes(rewound(form.dump_json(kept), now - 10 * DAY))
    settings = {"sweep_seconds": 3600.0, "open_unchecked": way == "rest"}
    await plain.ssev.stop()
    async with running(plain, b, house, way, **settings) as channel:
        assert (await channel.receiver.poll(house)).trouble
    await plain.ssev.start()
    async with running(plain, b, house, way, **settings) as channel:
        assert (await channel.receiver.poll(house)).documents == 2
        assert (await channel.receiver.poll(house)).documents == 0
    assert form.validate_json(file.read_bytes()).gap is None, "once is enough"
