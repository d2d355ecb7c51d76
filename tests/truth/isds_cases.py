"""ISDS alone, ordinary messages and big ones: what can befall a creation that has no key.

The pair is a Czech one: both have a data box, the recipient answers by a message of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

from depesha.schemas.outbound import Decision
from depesha.simulators.bodies import EMAIL, ISDS, PRIKLAD, VZOROV
from depesha.simulators.fault_proxy import Mode
from depesha.simulators.isds_quirks import Fault, FaultKind
from depesha.simulators.isds_values import Box, BoxState
from tests.truth import faults
from tests.truth.case import Act, Case, End
from tests.truth.faults import MIDWAY, SLOWLY, both, isds_fault, waits
from tests.truth.settings import ISDS_UP_TO, SLOWER
from tests.truth.stand import PAUSE, Stand

SMALL, LARGE = 4096, ISDS_UP_TO + 16 * 1024
REALLY_LARGE = 21_000_000
"""Bytes that are a big message by the rules of the real ISDS."""
PLAIN, BIG = "isds", "isds big"
CREATE, CREATE_BIG, UPLOAD = "CreateMessage", "CreateBigMessage", "UploadAttachment"
LIST = "GetListOfSentMessages"
WAYS = ("isds.ws1", "isds.ws2")
TEMPORARY = ("9999", "9502", "3009", "2207", "3999")
"""Inside, no time stamps, too many at once, later; a code that nobody knows."""
PERSONS = ("1004", "2202")
"""Not permitted, service switched off: tried again later, and an operator is told."""
MEETING = 10.0
"""Seconds within which some call must meet a fault."""
PERMANENT = ("1214", "1232", "9005", "2010", "1999")
"""An attachment, the recipient, the message as a whole, our request; one that nobody knows."""


def _case(channel: str, fault: str, begin: Act, end: Act | None = None, **more: object) -> Case:
    made = Case(
        channel=channel,
        fault=fault,
        channels=(ISDS,),
        recipient=PRIKLAD,
        size=LARGE if channel == BIG else SMALL,
        begin=begin,
        end=end or met_and_sound,
    )
    return replace(made, **more)  # type: ignore[arg-type]  # fields of a case


async def met_and_sound(stand: Stand) -> None:
    """ISDS is itself again, once a call met its faults; raise `TimeoutError` where none does."""
    simulator = stand.isds.simulator
    until = stand.clock.monotonic() + MEETING
    while simulator.quirks.faults and not simulator.faults_met:
        if stand.clock.monotonic() > until:
            await faults.isds_sound(stand)
            raise TimeoutError("no call met the fault")
        await stand.clock.sleep(PAUSE)
    await faults.isds_sound(stand)


def cases() -> Iterator[Case]:
    """All of them."""
    yield _case(PLAIN, "nothing breaks", faults.isds_sound, silent=True)
    for channel, operation in ((PLAIN, CREATE), (BIG, CREATE_BIG)):
        yield from _on_the_wire(channel)
        yield from _before(channel, operation)
        yield from _after(channel, operation)
    yield from _by_status()
    yield from _uploads()
    yield from _the_box()
    yield from _the_way_back()
    yield from _beside_mail()


def _on_the_wire(channel: str) -> Iterator[Case]:
    """The creation's first call meets them: an upload, where the message is a big one."""
    way = "isds.ws1" if channel == PLAIN else "isds.ws2"
    for name, fault in (
        ("connection refused", Mode.REFUSE),
        ("reset before the request", Mode.RESET_BEFORE),
        ("cut in the middle of the request", MIDWAY),
        ("reset after the request, the work done", Mode.RESET_AFTER_REQUEST),
    ):
        yield _case(channel, name, faults.wire(way, fault), faults.mended(way))
    slow = replace(SLOWLY, seconds=SLOWER)
    yield _case(channel, "slow beyond the time-out", faults.wire(way, slow), faults.mended(way))
    yield _case(
        channel,
        "taken and never answered",
        both(*(faults.wire(each, Mode.BLACKHOLE) for each in WAYS)),
        faults.mended(*WAYS),
    )


def _before(channel: str, operation: str) -> Iterator[Case]:
    """Nothing was done."""
    yield _case(
        channel, "cut before it is looked at", isds_fault(FaultKind.RESET_BEFORE, operation)
    )
    yield _case(channel, "HTTP 500, nothing done", isds_fault(FaultKind.ERROR, operation))
    yield _case(channel, "503 as planned", isds_fault(FaultKind.OUTAGE, operation))
    yield _case(
        channel, "an HTML page instead of an answer", isds_fault(FaultKind.GARBAGE, operation)
    )
    yield _case(channel, "302 as for a log-in by code", isds_fault(FaultKind.REDIRECT, operation))
    yield _case(
        channel,
        "401: nothing leaves before the password was changed",
        isds_fault(FaultKind.UNAUTHORIZED, operation),
        both(waits(1.0), _new_password),
    )
    yield _case(
        channel,
        "a planned outage of everything",
        faults.isds(outage="Plánovaná odstávka do 01:00."),
        lasts=2.0,
        silent=True,
    )


def _after(channel: str, operation: str) -> Iterator[Case]:
    """The message is there."""
    for name, kind, more in (
        ("answer lost after the commit", FaultKind.LOST, {}),
        ("answer cut in the middle", FaultKind.RESET_AFTER, {}),
        ("answered after our time-out", FaultKind.SLOW, {"seconds": SLOWER}),
    ):
        yield _case(channel, name, isds_fault(kind, operation, **more))
    for name, lost in (("HTTP 500", FaultKind.ERROR), ("no answer", FaultKind.LOST)):
        yield _case(
            channel,
            f"answer lost, and {name} to the look among the sent ones",
            faults.isds(
                Fault(kind=FaultKind.LOST, operation=operation),
                Fault(kind=lost, operation=LIST, times=6),
            ),
            both(waits(1.0), faults.isds_sound),
        )
    yield _case(
        channel,
        "answer lost, and changes of state are not shown yet",
        faults.isds(Fault(kind=FaultKind.LOST, operation=operation), hidden_seconds=2.0),
    )
    yield _case(
        channel,
        "the service stores it twice",
        isds_fault(FaultKind.DUPLICATE, operation),
        silent=True,
        network_repeats=True,
        note="two in ISDS, one document at the recipient",
    )
    yield _case(
        channel,
        "malware is found there (state 3)",
        faults.isds(scanner_alarmed=True),
        waits(0.0),
        sound=faults.isds_sound,
        ends=End.NOWHERE,
        misled=True,
        silent=True,
        note="ISDS takes it first and looks at it then",
    )
    yield _case(
        channel,
        "stamped and delivered a while later",
        faults.isds(stamp_seconds=1.5, delivery_seconds=3.0),
        silent=True,
    )


def _by_status() -> Iterator[Case]:
    """A status code instead of the work: every kind of answer that it may ask for."""
    for code in (*TEMPORARY, *PERSONS):
        yield _case(PLAIN, f"status {code}", isds_fault(FaultKind.REFUSE, CREATE, code=code))
    for code in PERMANENT:
        refused = isds_fault(FaultKind.REFUSE, CREATE, code=code, times=99)
        yield _case(
            PLAIN, f"status {code}", refused, waits(0.0), sound=faults.isds_sound, ends=End.NOWHERE
        )
    yield _case(
        PLAIN,
        "status 1281: the other service takes it",
        isds_fault(FaultKind.REFUSE, CREATE, code="1281"),
        size=ISDS_UP_TO * 3 // 4,
        silent=True,
    )
    for code in ("9999", "1288", "1294"):
        yield _case(BIG, f"status {code}", isds_fault(FaultKind.REFUSE, CREATE_BIG, code=code))
    yield _case(
        BIG,
        "status 1296",
        isds_fault(FaultKind.REFUSE, CREATE_BIG, code="1296", times=99),
        waits(0.0),
        sound=faults.isds_sound,
        ends=End.NOWHERE,
    )


def _uploads() -> Iterator[Case]:
    """An upload that nobody uses is no message."""
    for name, kind in (
        ("the upload is cut", FaultKind.RESET_BEFORE),
        ("HTTP 500 to the upload", FaultKind.ERROR),
        ("the upload's answer is lost", FaultKind.LOST),
    ):
        yield _case(BIG, name, isds_fault(kind, UPLOAD))
    yield _case(BIG, "status 9204 to the upload", isds_fault(FaultKind.REFUSE, UPLOAD, code="9204"))
    yield _case(
        BIG,
        "answer lost after the commit, 21 MB",
        isds_fault(FaultKind.LOST, CREATE_BIG),
        size=REALLY_LARGE,
    )


def _the_box() -> Iterator[Case]:
    """The recipient's box itself."""
    yield _case(
        PLAIN,
        "the recipient's box is closed for a while, and we know",
        both(_box(BoxState.CLOSED_ON_REQUEST), _forgetful),
        both(_box(BoxState.ACCESSIBLE), _forgetful),
        lasts=1.5,
        silent=True,
    )
    yield _case(
        PLAIN,
        "the recipient's box was closed a moment ago (5001)",
        _box(BoxState.CLOSED_ON_REQUEST),
        waits(0.0),
        sound=both(_box(BoxState.ACCESSIBLE), _forgetful),
        ends=End.NOWHERE,
    )
    yield _case(
        PLAIN,
        "the recipient's box is closed after it lay there (state 8)",
        faults.isds(delivery_seconds=1.5),
        both(_box(BoxState.CLOSED_ON_REQUEST), waits(2.5)),
        sound=both(_box(BoxState.ACCESSIBLE), faults.isds_sound),
        ends=End.NOWHERE,
        misled=True,
        silent=True,
        note="ISDS takes it first",
    )


def _the_way_back() -> Iterator[Case]:
    """B's looks into its box, and its answers, which are messages too."""
    for name, kind in (
        ("its answer lost", FaultKind.LOST),
        ("HTTP 500, nothing done", FaultKind.ERROR),
        ("its answer cut", FaultKind.RESET_AFTER),
    ):
        yield _case(
            PLAIN,
            f"B answers: {name}",
            faults.isds(Fault(kind=kind, operation=CREATE, skip=1)),
            silent=True,
            ends_late=True,
        )
    for name, kind in (
        ("cut", FaultKind.RESET_AFTER),
        ("one bit of the seal flipped", FaultKind.BAD_SIGNATURE),
        ("another message's paper", FaultKind.OTHER_MESSAGE),
    ):
        yield _case(
            PLAIN,
            f"B fetches it: {name}",
            isds_fault(kind, "SignedMessageDownload"),
            silent=True,
            ends_late=True,
        )
    yield _case(
        BIG,
        "B fetches it: cut",
        isds_fault(FaultKind.RESET_AFTER, "SignedBigMessageDownload"),
        silent=True,
        ends_late=True,
    )
    yield _case(
        PLAIN,
        "B's mark as downloaded is lost",
        isds_fault(FaultKind.LOST, "MarkMessageAsDownloaded"),
        silent=True,
        ends_late=True,
    )


def _beside_mail() -> Iterator[Case]:
    """Both channels allowed: nothing that may lie in the box goes by mail before it was asked."""

    def case(fault: str, begin: Act, end: Act, *, by: str, **more: object) -> Case:
        fields: dict[str, object] = {"channels": (), "by": by, "sound": ALL_SOUND, **more}
        return _case("isds+mail", fault, begin, end, **fields)

    yield case(
        "ISDS is cut: mail",
        faults.cut(ISDS),
        ALL_SOUND,
        by=EMAIL,
        awaits="email delivered",
        silent=True,
    )
    yield case("ISDS lives again: ISDS", ALL_SOUND, ALL_SOUND, by=ISDS, silent=True)
    yield case(
        "lost answer on ISDS, then cut: asked before mail",
        isds_fault(FaultKind.LOST, CREATE),
        both(faults.cut(ISDS), waits(2.0), ALL_SOUND),
        by=ISDS,
    )
    yield case(
        "malware is found there: not by mail either",
        faults.isds(scanner_alarmed=True),
        waits(1.0),
        by="",
        ends=End.NOWHERE,
        misled=True,
        silent=True,
    )
    unlisted = Fault(kind=FaultKind.ERROR, operation=LIST, times=999)
    yield case(
        "S13: lost answer on ISDS, ruled absent, delivered by mail too",
        faults.isds(Fault(kind=FaultKind.LOST, operation=CREATE), unlisted),
        faults.isds(Fault(kind=FaultKind.OUTAGE, operation=CREATE, times=99), unlisted),
        then=ALL_SOUND,
        by=EMAIL,
        awaits="isds unclear",
        person=Decision.RULE_ABSENT,
        roads=(ISDS, EMAIL),
        note="the person errs",
    )


ALL_SOUND = both(faults.revived(ISDS, EMAIL), faults.isds_sound, faults.mail_sound)


async def _new_password(stand: Stand) -> None:
    """What an operator does after a refused log-in: a new password, there and in our file."""
    holder = stand.isds.holders[VZOROV.folder]
    password = stand.ids.guid()
    stand.isds.simulator.people.change_password(holder.user, password)
    if holder.password_file is not None:
        await asyncio.to_thread(holder.password_file.write_text, f"{password}\n", "utf-8")
    await faults.isds_sound(stand)


async def _forgetful(stand: Stand) -> None:
    """A is started anew, and knows nothing of recipients."""
    await stand.a.kill()
    await stand.a.until_killed(len(stand.a.deaths) + 1)
    await stand.a.up()


def _box(state: BoxState) -> Act:
    async def act(stand: Stand) -> None:
        simulator = stand.isds.simulator
        box: Box = stand.isds.holders[PRIKLAD.folder].box
        if state is BoxState.ACCESSIBLE:
            box.state = state
        else:
            await asyncio.to_thread(simulator.state.close_box, box, state)

    return act
