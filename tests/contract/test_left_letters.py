"""The contract of `LeftLetters`, on the double and on the mailbox's own list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from depesha.adapters.email.leaving import MailLeft
from depesha.adapters.email.places import LeftMail, Places, PlacesFile
from depesha.adapters.email.receiving import MailReceiver
from depesha.adapters.memory.letters import MemoryLetters
from depesha.adapters.memory.system import HandClock, InlineThreads
from depesha.ports import LeftLetters
from depesha.schemas.letters import LeftLetter
from tests.support.memory import START

WHYS = ("UNSIGNED", "TOO_LARGE", "SENDER_UNKNOWN")
LETTERS = tuple(
    LeftLetter(
        key=f"7-{number}",
        why=why,
        at=START + timedelta(minutes=number),
        size=100 * number,
        sender="some@body.example",
        subject=f"Относно {number}",
    )
    for number, why in enumerate(WHYS, start=1)
)


def receiver(file: Path) -> MailReceiver:
    """A receiver that never looks: only its list is asked for."""
    unused: Any = None
    return MailReceiver(
        mailbox=unused,
        places=PlacesFile(file),
        reader=unused,
        sorter=unused,
        blobs=unused,
        mail_bytes=1,
        threads=InlineThreads(),
        clock=HandClock(START),
        observer=unused,
    )


def mailbox(folder: Path) -> MailLeft:
    left = tuple(
        LeftMail(
            uid=int(one.key.partition("-")[2]),
            why=one.why,
            at=one.at,
            size=one.size,
            sender=one.sender,
            subject=one.subject,
        )
        for one in LETTERS
    )
    PlacesFile(folder / "places.json").save(Places(validity=7, uid=3, left=left))
    return MailLeft(receiver(folder / "places.json"))


@pytest.fixture(params=["double", "mailbox"])
def letters(request: pytest.FixtureRequest, tmp_path: Path) -> LeftLetters:
    return MemoryLetters(*LETTERS) if request.param == "double" else mailbox(tmp_path)


async def keys(letters: LeftLetters) -> list[str]:
    return [one.key for one in await letters.left()]


async def test_the_list_is_told_oldest_first(letters: LeftLetters) -> None:
    assert await letters.left() == LETTERS


async def test_what_is_cleared_is_gone_and_clearing_twice_is_safe(letters: LeftLetters) -> None:
    assert await letters.clear(["7-1", "7-3"]) == 2
    assert await letters.clear(["7-1", "7-3"]) == 0
    assert await keys(letters) == ["7-2"]


@pytest.mark.parametrize("strange", [["8-1"], ["1"], [""], ["7-9"], ["7--1"], ["7-" + "1" * 400]])
async def test_strange_keys_clear_nothing(letters: LeftLetters, strange: Sequence[str]) -> None:
    assert await letters.clear(strange) == 0
    assert len(await keys(letters)) == 3


async def test_the_mailbox_keeps_what_was_cleared_over_a_restart(tmp_path: Path) -> None:
    assert await mailbox(tmp_path).clear(["7-2"]) == 1
    again = MailLeft(receiver(tmp_path / "places.json"))
    assert await keys(again) == ["7-1", "7-3"]
    assert PlacesFile(tmp_path / "places.json").load().uid == 3
