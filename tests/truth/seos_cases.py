"""SEOS alone: what the wire, the recipient's software and late words can do."""

from __future__ import annotations

from collections.abc import Iterator

from depesha.schemas.ids import Guid
from depesha.simulators.bodies import SEOS, Body
from depesha.simulators.fault_proxy import Mode
from depesha.simulators.seos_checks import INTERNAL
from depesha.simulators.seos_documents import NOT_FOUND, REJECTED, WAITING
from depesha.simulators.seos_quirks import ALWAYS
from tests.truth import faults
from tests.truth.case import After, Case, End
from tests.truth.faults import MIDWAY, SLOWLY
from tests.truth.settings import SLOW
from tests.truth.stand import A, B, Letter, Stand

THERE, BACK = f"{SEOS}.{B.folder}", f"{SEOS}.{A.folder}"
OTHER = Guid("00000000-0000-4000-8000-000000000000")


def on_the_wire() -> Iterator[Case]:
    """Faults between A and the gateway of B."""
    for name, fault in (
        ("connection refused", Mode.REFUSE),
        ("reset before the request", Mode.RESET_BEFORE),
        ("cut in the middle of the request", MIDWAY),
        ("reset after the request, the document stored", Mode.RESET_AFTER_REQUEST),
        ("slow beyond the time-out", SLOWLY),
        ("taken and never answered", Mode.BLACKHOLE),
    ):
        yield Case(
            channel=SEOS,
            fault=name,
            begin=faults.wire(THERE, fault),
            end=faults.mended(THERE),
        )
    for name, fault in (
        ("B's notices do not reach A", Mode.REFUSE),
        ("A's answers to B's notices are lost", Mode.RESET_AFTER_REQUEST),
    ):
        yield Case(
            channel=SEOS,
            fault=name,
            silent=True,
            begin=faults.wire(BACK, fault),
            end=faults.mended(BACK),
            ends_late=True,
        )


def of_the_peer(body: Body) -> Iterator[Case]:
    """Faults of the recipient's own software, told to A by its answers."""

    def case(
        fault: str, *, ends: End = End.NUMBERED, silent: bool = False, **quirks: object
    ) -> Case:
        return Case(
            channel=SEOS,
            fault=fault,
            recipient=body,
            ends=ends,
            silent=silent,
            begin=faults.peer(body, **quirks),
            end=faults.peer(body),
        )

    yield case("HTTP 500 before storing", http_500=1)
    yield case("HTTP 500 after storing: asked at once", silent=True, http_500_after=1)
    yield case("HTTP 503 before storing", http_500=1, failure_status=503)
    yield case("HTTP 502 of a proxy, the document stored", http_500_after=1, failure_status=502)
    yield case("HTTP 413", ends=End.NOWHERE, http_500=ALWAYS, failure_status=413)
    yield case("SOAP fault before storing", soap_faults=1)
    yield case("SOAP fault after storing: asked at once", silent=True, soap_faults_after=1)
    yield case("MSG_Error of a check", ends=End.NOWHERE, errors=1)
    yield case("MSG_Error from inside, nothing stored", errors=1, error=INTERNAL)
    yield case("MSG_Error from inside, the document stored", errors_after=1, error=INTERNAL)
    yield case("closed without a word, nothing taken", reset_requests=1)
    yield case("closed without a word, the document stored", lost_answers=1)
    yield case("answer cut in the middle", reset_answers=1)
    yield case("bad signature in the answer", wrong_answer_signature=True, only_documents=True)
    yield case("bad signature in every answer for a while", wrong_answer_signature=True)
    yield case("empty answer", silent=True, empty_answers=True)
    yield case("unknown word in the answer", answer_status="DS_PERHAPS", only_documents=True)
    yield case(f"{NOT_FOUND} as the answer", answer_status=NOT_FOUND, only_documents=True)
    yield case("answer about another document", answer_about=OTHER, only_documents=True)
    yield case("a number inside 'waiting'", silent=True, early_number=True)
    yield case("takes it in after our time-out", slow_seconds=SLOW - 1.5, only_documents=True)
    yield case("answers after our time-out", slow_answer_seconds=SLOW, only_documents=True)
    yield case("every notice comes twice", silent=True, notices_twice=True)
    yield Case(
        channel=SEOS,
        fault="MSG_Error of a check, the document stored all the same",
        recipient=body,
        misled=True,
        silent=True,
        note="the recipient lies; its number sets it right",
        begin=faults.peer(body, errors_after=1),
        end=faults.peer(body),
    )
    yield Case(
        channel=SEOS,
        fault="HTTP 500 after storing, and to the question too",
        recipient=body,
        misled=True,
        note="by facts 9 a fault means not taken",
        begin=faults.peer(body, http_500_after=2),
        end=faults.peer(body),
    )
    for status in (WAITING, REJECTED):
        yield Case(
            channel=SEOS,
            fault=f"backward notice {status} after the number",
            recipient=body,
            silent=True,
            after=_backward(body, status),
        )


def _backward(body: Body, status: str) -> After:
    async def after(stand: Stand, letter: Letter) -> None:
        await stand.country.peers[body.folder].claim(letter.guid, status)
        await stand.clock.sleep(1.0)  # a contradiction is asked about

    return after
