"""The time line of a document's page: bounded, and bodies by their names."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from depesha.monitoring.console.pages.telling import Teller
from depesha.monitoring.console.pages.timeline import FIRST, LAST, moments
from depesha.schemas.evidence import sha256
from depesha.schemas.message import EvidenceKind
from depesha.schemas.overview import Story, StoryEvent
from tests.support.memory import START
from tests.support.outbound_memory import new_outbound

TELL = Teller(language="en", zone=ZoneInfo("Europe/Sofia"), now=START)


def story(rows: int) -> Story:
    document = new_outbound(1).message
    them = document.dispatch.recipient
    return Story(
        document=document,
        events=tuple(
            StoryEvent(
                sequence=number,
                at=START,
                kind=EvidenceKind.HEARD,
                actor=f"peer:{them.guid or them.identifier}",
                facts={},
                wire=None,
                hash=sha256(b""),
            )
            for number in range(1, rows + 1)
        ),
        more_events=False,
        tasks=(),
        sealed_to=0,
    )


def test_a_story_is_shown_whole_unless_it_is_endless() -> None:
    most = FIRST + LAST
    assert len(moments(story(most), TELL, sees=True, opens=True)) == most
    shown = [m.sequence for m in moments(story(most + 500), TELL, sees=True, opens=True)]
    assert len(shown) == most
    assert (shown[0], shown[FIRST], shown[-1]) == (1, 501 + FIRST, most + 500)


def test_the_other_side_is_called_by_its_name_only_to_those_who_may_see_it() -> None:
    name = new_outbound(1).message.dispatch.recipient.name
    assert name
    assert moments(story(1), TELL, sees=True, opens=True)[0].actor.endswith(name)
    assert name not in moments(story(1), TELL, sees=False, opens=True)[0].actor
