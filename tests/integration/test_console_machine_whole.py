"""A pause set in the console of a real gateway over the real store: heeded, and not forgotten."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from depesha.adapters.system import SystemClock
from depesha.app.gateway import Gateway
from depesha.config import load
from depesha.gateway.bars import Standing
from depesha.schemas.people import Role
from depesha.schemas.route import Bar, Plan
from tests.support.console_whole import Whole, whole
from tests.support.outbound import dispatch


async def planned(gateway: Gateway) -> Plan:
    """Return the plan that the running gateway makes for a document to some body."""
    clock = SystemClock()
    asked = replace(dispatch(), submitted_at=clock.now())
    return await gateway._departing.planner.whole(asked, Standing())


def barred(plan: Plan) -> bool:
    return any(bar.reason is Bar.PAUSED for one in plan.candidates for bar in one.bars)


async def paused(here: Whole) -> None:
    """Pause by the console's own form, and see that the gateway heeds it."""
    operator = await here.visitor(Role.OPERATOR, login=f"operator-{await here.last()}")
    assert not barred(await planned(here.gateway))
    page = await operator.get("/channels/seos")
    assert "Receiving cannot be paused" in page.text
    await operator.get("/channels/seos/pause/sending")
    done = await operator.submit("/channels/seos/pause/sending", reason="ДЗ-7/2026")
    assert done.location == "/channels/seos?done=paused"
    here.clock.advance(2)
    assert barred(await planned(here.gateway))
    body = (await here.rows())[-1]
    assert '"decision":"paused-sending"' in body
    assert "ДЗ-7" not in body


async def resumed(here: Whole) -> None:
    operator = await here.visitor(Role.OPERATOR, login="another")
    await operator.get("/channels/seos/resume/sending")
    await operator.submit("/channels/seos/resume/sending")
    here.clock.advance(2)
    assert not barred(await planned(here.gateway))
    assert (await here.gateway._base.memory.journal.verify()) > 0


async def test_a_pause_of_the_console_is_heeded_and_outlasts_a_restart(tmp_path: Path) -> None:
    async with whole(tmp_path) as here:
        await paused(here)
        await resumed(here)
        await paused(here)
        file = here.settings.file
    async with Gateway(load(file)) as again:
        assert barred(await planned(again))


async def test_every_page_is_served_by_a_real_gateway(tmp_path: Path) -> None:
    async with whole(tmp_path) as here:
        operator = await here.visitor(Role.OPERATOR)
        await here.gateway._base.memory.journal.seal()
        for path in (
            "/channels",
            "/channels/seos",
            "/channels/seos/test",
            "/channels/email/left",
            "/participants",
            "/queue",
            "/quarantine",
            "/seals",
            "/seals/file/1",
        ):
            assert (await operator.get(path)).status == 200, path
        await operator.get("/channels/seos/test")
        tested = await operator.submit("/channels/seos/test")
        assert "There is no other network to compare with" in tested.text
        await operator.get("/seals")
        await operator.submit("/seals")
        assert "The whole chain was verified and holds" in (await operator.get("/seals")).text
