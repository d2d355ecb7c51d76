"""The truth table in short: the most telling rows of `make truth` (laws 2 to 4, S11, S13)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
import pytest_asyncio

from depesha.schemas.steps import OutboundStep
from depesha.simulators.bodies import EMAIL, ISDS, IZVOR, OFFICES
from tests.truth import fallback_cases, faults, isds_cases, mail_cases, seos_cases, ssev_cases
from tests.truth.case import Case
from tests.truth.death_cases import ISDS_ROADS, ROADS, killed
from tests.truth.stand import Stand
from tests.truth.table import Row

pytestmark = pytest.mark.slow


@pytest_asyncio.fixture(loop_scope="session")
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    async with Stand(tmp_path / "truth", acting=(IZVOR,)) as made:
        yield made


def one(cases: Iterable[Case], fault: str, channel: str = "") -> Case:
    return next(case for case in cases if case.fault == fault and channel in case.channel)


async def rows(stand: Stand, *cases: Case) -> list[Row]:
    return [await case.run(stand) for case in cases]


async def test_what_the_sender_says_is_what_the_recipient_has(stand: Stand) -> None:
    wire, lost = seos_cases.on_the_wire(), "answer lost after the commit"
    seos, soap, *_ = ROADS
    at_once = await asyncio.gather(
        rows(stand, one(wire, "reset after the request, the document stored")),
        rows(stand, one(seos_cases.of_the_peer(IZVOR), "bad signature in the answer")),
        rows(stand, one(ssev_cases.cases(), lost, "soap")),
        rows(stand, one(mail_cases.cases(), "lost after the final dot, the letter not taken")),
    )
    afterwards = await rows(
        stand,
        killed(seos, OutboundStep.OUTCOME_HEARD),
        killed(soap, OutboundStep.INTENT_STORED),
        one(fallback_cases.cases(), "lost answer on SEOS, then cut: asked before SSEV"),
    )
    found = [row for several in (*at_once, afterwards) for row in several]
    assert [row.line() for row in found if not row.good] == []
    assert stand.office.faults == []


async def test_what_the_sender_says_is_what_lies_in_the_data_box(tmp_path: Path) -> None:
    plain, big = ISDS_ROADS
    chosen = (
        one(isds_cases.cases(), "answer lost after the commit", isds_cases.PLAIN),
        one(isds_cases.cases(), "answer cut in the middle", isds_cases.BIG),
        one(isds_cases.cases(), "the service stores it twice"),
        killed(plain, OutboundStep.OUTCOME_HEARD),
        killed(big, OutboundStep.INTENT_STORED),
        one(isds_cases.cases(), "lost answer on ISDS, then cut: asked before mail"),
    )
    async with Stand(tmp_path / "isds", pair=OFFICES, networks=(ISDS, EMAIL), acting=()) as stand:
        await faults.isds_sound(stand)
        found = await rows(stand, *chosen)
        assert [row.line() for row in found if not row.good] == []
        assert stand.office.faults == []
