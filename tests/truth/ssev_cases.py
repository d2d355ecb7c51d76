"""SSEV alone, over SOAP and over REST: what the service can do between our call and its store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from depesha.simulators.bodies import BRYAG, SSEV
from depesha.simulators.fault_proxy import Mode
from depesha.simulators.ssev_quirks import SsevOperation
from depesha.simulators.ssev_values import QUOTA
from tests.truth import faults
from tests.truth.case import Act, Case, End
from tests.truth.settings import SLOW, SOAP_UP_TO
from tests.truth.stand import A, Letter, Stand

SMALL, LARGE = 4096, SOAP_UP_TO + 16 * 1024
SOAP, REST = "ssev soap", "ssev rest"
WAYS = ("ssev.soap", "ssev.api", "ssev.oauth")


def _case(
    channel: str, fault: str, begin: Act, end: Act = faults.ssev_sound, **more: object
) -> Case:
    size = SMALL if channel == SOAP else LARGE
    made = Case(channel=channel, fault=fault, channels=(SSEV,), size=size, begin=begin, end=end)
    return replace(made, **more)  # type: ignore[arg-type]  # fields of a case


def cases() -> Iterator[Case]:
    """All of them."""
    yield from _common(SOAP)
    yield from _soap()
    yield from _common(REST)
    yield from _rest()
    yield from _elsewhere()


def _common(channel: str) -> Iterator[Case]:
    yield _case(
        channel,
        "SSEV refuses every connection",
        faults.cut(SSEV),
        faults.revived(SSEV),
        lasts=1.5,
        silent=True,
    )
    yield _case(
        channel,
        "taken and never answered",
        faults.both(*(faults.wire(way, Mode.BLACKHOLE) for way in WAYS)),
        faults.mended(*WAYS),
        lasts=2.5,
        silent=True,
    )
    yield _case(channel, "cut before the message is looked at", faults.ssev(aborts=1))
    yield _case(channel, "HTTP 500 before storing", faults.ssev(http_500=1))
    yield _case(channel, "answer lost after the commit", faults.ssev(lost_answers=1))
    yield _case(channel, "answer cut in the middle", faults.ssev(reset_answers=1))
    yield _case(channel, "failure told after the commit", faults.ssev(failed_answers=1))
    yield _case(channel, "slow beyond the time-out", faults.ssev(slow_seconds=SLOW))
    yield _case(
        channel,
        "answer lost, and the outbox fails for a while",
        lost_and(SsevOperation.OUTBOX, http_500=2),
        end=_slowly_sound,
    )
    yield _case(
        channel,
        "the service stores it twice",
        faults.ssev(duplicate_sends=1),
        silent=True,
        network_repeats=True,
        note="two in SSEV, one document at the recipient",
    )


def _soap() -> Iterator[Case]:
    yield _case(SOAP, "SOAP fault before storing", faults.ssev(soap_faults=1))
    yield _case(
        SOAP,
        "SOAP alone refuses: REST takes it",
        faults.wire("ssev.soap", Mode.REFUSE),
        faults.mended("ssev.soap"),
        silent=True,
    )
    yield _case(
        SOAP,
        "the scan there refuses it",
        faults.ssev(scanner_alarmed=True),
        ends=End.NOWHERE,
    )


def _rest() -> Iterator[Case]:
    yield _case(REST, "token not taken any more", faults.ssev(unauthorized=1), silent=True)
    yield _case(REST, "tokens live for a moment", _short_tokens, silent=True)
    yield _case(REST, "the scanner there is late", faults.ssev(scanner_late=True), silent=True)
    yield _case(REST, "the upload is cut", faults.ssev(SsevOperation.UPLOAD, aborts=1), silent=True)
    yield _case(
        REST,
        "the upload's answer is lost",
        faults.ssev(SsevOperation.UPLOAD, unanswered=1),
        silent=True,
    )
    yield _case(REST, "no time stamps there", faults.ssev(tsa_down=True))
    yield _case(REST, "our quota there is full", _quota(0), _quota(QUOTA))
    yield _case(
        REST,
        "the scan there refuses it",
        faults.ssev(scanner_alarmed=True),
        ends=End.NOWHERE,
    )


def _elsewhere() -> Iterator[Case]:
    for channel in (SOAP, REST):
        yield _case(
            channel,
            "the recipient opens it late, in the portal",
            faults.ssev(),
            recipient=BRYAG,
            ends=End.HANDED_OVER,
            silent=True,
            after=_opened,
        )
    yield _case(SOAP, "B's opening is done, its answer lost", _lost_open, silent=True)


async def _lost_open(stand: Stand) -> None:
    stand.ssev.simulator.quirks = replace(stand.ssev.simulator.quirks, lost_opens=1)


async def _short_tokens(stand: Stand) -> None:
    stand.ssev.simulator.quirks = replace(stand.ssev.simulator.quirks, token_seconds=1)


def lost_and(at: SsevOperation, **quirks: object) -> Act:
    async def act(stand: Stand) -> None:
        now = stand.ssev.simulator.quirks
        stand.ssev.simulator.quirks = replace(
            now,
            at=frozenset({at}),
            lost_answers=1,  # of sends, whatever the others are kept to
            **quirks,  # type: ignore[arg-type]  # its own names
        )

    return act


async def _slowly_sound(stand: Stand) -> None:
    await stand.clock.sleep(1.0)
    await faults.ssev_sound(stand)


def _quota(size: int) -> Act:
    async def act(stand: Stand) -> None:
        profile = stand.ssev.profiles[A.folder]
        people = stand.ssev.simulator.people
        people.change(profile, quota=size)

    return act


async def _opened(stand: Stand, letter: Letter) -> None:
    profile = stand.ssev.profiles[letter.recipient.folder]
    for message, _ in stand.ssev.simulator.state.inbox(profile):
        await stand.ssev.simulator.state.open_by_person(message.message_id, profile)
    await stand.clock.sleep(1.5)
