"""Whatever bytes come, the reader answers with a value and raises nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from depesha.adapters.seos import soap
from depesha.adapters.seos.dates import read_moment, write_moment
from depesha.adapters.seos.mapping import SOFIA
from depesha.adapters.seos.writing import write_error, write_request, write_status
from depesha.schemas.answer import DocumentStatus, ErrorNotice, Inquiry, StatusNotice
from depesha.schemas.envelope import DocumentReference
from depesha.schemas.facts import Arrival
from tests.support.seos import DOCUMENT, NOW, Bench, document, full_envelope, heading

SEEDS = (
    document(),
    document((b"hello", b"other")),
    write_request(heading(), full_envelope((b"x",)), (b"x",)),
    write_status(heading(), DocumentReference(guid=DOCUMENT), DocumentStatus.REGISTERED),
    write_error(heading(), DOCUMENT, "Неуспешен"),
)
PIECES = st.sampled_from(
    (
        *(b"<", b">", b"</", b"/>", b"&", b"&amp;", b"&#0;", b"\x00", b"\xff", b'"', b"{", b"="),
        *(b"<Message>", b"<Body/>", b"<![CDATA[", b"<!DOCTYPE a>", b"<?x?>", b"<!--", b"xmlns=''"),
    )
)
KINDS = (Arrival, Inquiry, StatusNotice, ErrorNotice)
FEW = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory() as folder:
        yield Bench(Path(folder))


def judge(bench: Bench, body: bytes) -> None:
    heard = bench.reader.incoming(body, NOW)
    assert isinstance(heard, KINDS)
    if isinstance(heard, Arrival):
        assert (heard.unreadable is None) is (heard.envelope is not None)
    assert bench.blobs.path(heard.original) is not None
    assert bench.observer.named("trouble") == []


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    wire = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(wire)))
        length = draw(st.integers(0, 40))
        wire[at : at + length] = draw(st.one_of(st.binary(max_size=8), PIECES))
    return bytes(wire)


@FEW
@given(body=st.one_of(st.binary(max_size=400), mutated()))
def test_any_bytes_as_a_body(bench: Bench, body: bytes) -> None:
    judge(bench, body)


@FEW
@given(wire=st.one_of(st.binary(max_size=400), mutated()))
def test_any_bytes_inside_a_call(bench: Bench, wire: bytes) -> None:
    judge(bench, soap.wrap_request(wire))


@FEW
@given(wire=mutated())
def test_memory_and_file_agree(bench: Bench, wire: bytes) -> None:
    body = soap.wrap_request(wire)
    path = bench.blobs.spool()
    path.write_bytes(body)
    assert bench.reader.incoming(body, NOW) == bench.reader.incoming(path, NOW)
    path.unlink(missing_ok=True)


@FEW
@given(
    moment=st.datetimes(
        min_value=datetime(1970, 1, 2),  # noqa: DTZ001 -- hypothesis adds the zone itself
        max_value=datetime(2100, 1, 1),  # noqa: DTZ001 -- the same
        timezones=st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m))),
    )
)
def test_moments_survive_the_wire(moment: datetime) -> None:
    assert read_moment(write_moment(moment, SOFIA)) == moment
