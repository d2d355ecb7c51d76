"""Whatever is stored is read back the same."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from depesha.errors import StorageError
from depesha.schemas import codec
from depesha.schemas.envelope import (
    Attachment,
    Correspondent,
    DocumentReference,
    Envelope,
    Party,
    RegistrationNumber,
    Service,
)
from depesha.schemas.facts import (
    ArchiveFacts,
    Arrival,
    CertificateFacts,
    ContentFacts,
    FileSignature,
    SignatureFacts,
)
from depesha.schemas.ids import Digest, Guid, SerialNumber
from depesha.schemas.verdict import (
    Caution,
    CheckRecord,
    Finding,
    Held,
    Hold,
    Passed,
    Rejected,
    Rejection,
    Repeated,
)

OFTEN = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)

texts = st.text(st.characters(codec="utf-8"), max_size=20)
zones = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
moments = st.datetimes(timezones=zones | st.just(UTC))
counts = st.integers(0, 2**40)
digests = st.binary(min_size=32, max_size=32).map(lambda b: Digest(b.hex()))
guids = st.uuids().map(lambda u: Guid(str(u)))
serials = st.integers(0, 2**159).map(lambda n: SerialNumber(f"{n:X}"))
findings = st.builds(
    Finding,
    reason=st.sampled_from([*Rejection, *Hold, *Caution]),
    facts=st.lists(st.tuples(texts, texts), max_size=3).map(tuple),
)
parties = st.builds(Party, identifier=texts, name=texts, guid=st.none() | guids)
numbers = st.builds(RegistrationNumber, number=texts, date=st.dates())
references = st.builds(DocumentReference, guid=guids, number=st.none() | numbers)
attachments = st.builds(
    Attachment,
    index=counts,
    name=texts,
    media_type=texts,
    size=counts,
    digest=digests,
    comment=texts,
)
envelopes = st.builds(
    Envelope,
    network=texts,
    transport_id=guids,
    created_at=moments,
    sender=parties,
    recipient=parties,
    document=references,
    parent=st.none() | references,
    kind=texts,
    subject=texts,
    deadline=st.none() | st.dates(),
    correspondents=st.lists(
        st.builds(Correspondent, name=texts, city=texts, applicant=st.booleans()), max_size=2
    ).map(tuple),
    service=st.none() | st.builds(Service, name=texts, kind=texts, code=texts),
    attachments=st.lists(attachments, max_size=2).map(tuple),
    extra=texts,
)
certificates = st.builds(
    CertificateFacts,
    serial=serials,
    subject=texts,
    issuer=texts,
    not_before=moments,
    not_after=moments,
    fingerprint=digests,
)
contents = st.builds(
    ContentFacts,
    attachment=attachments,
    detected=texts,
    safe_name=texts,
    macros=st.booleans(),
    archive=st.none()
    | st.builds(
        ArchiveFacts,
        members=counts,
        depth=counts,
        unpacked=counts,
        largest=counts,
        packed=counts,
        kinds=st.lists(texts, max_size=2).map(tuple),
    ),
    signatures=st.lists(st.builds(FileSignature, form=texts, signer=texts), max_size=2).map(tuple),
)
arrivals = st.builds(
    Arrival,
    network=texts,
    received_at=moments,
    original=digests,
    original_size=counts,
    unreadable=st.none() | findings,
    envelope=st.none() | envelopes,
    deviations=st.lists(texts, max_size=2).map(tuple),
    signature=st.none()
    | st.builds(
        SignatureFacts,
        finding=st.none() | findings,
        algorithm=texts,
        weak=st.booleans(),
        certificate=st.none() | certificates,
    ),
    contents=st.lists(contents, max_size=2).map(tuple),
    content_digest=st.none() | digests,
    transport_serial=st.none() | serials,
)
verdicts = (
    st.builds(Passed, warnings=st.lists(findings, max_size=2).map(tuple))
    | st.builds(Held, finding=findings, retry=st.booleans())
    | st.builds(Rejected, finding=findings)
    | st.builds(Repeated, message_id=texts, by=texts)
)
records = st.builds(CheckRecord, check=texts, verdict=verdicts, seconds=st.floats(0, 1e6))


@OFTEN
@given(arrivals)
def test_arrivals_come_back_the_same(arrival: Arrival) -> None:
    assert codec.load_arrival(codec.arrival_bytes(arrival)) == arrival


@OFTEN
@given(st.lists(records, max_size=4).map(tuple))
def test_verdicts_come_back_the_same(checks: tuple[CheckRecord, ...]) -> None:
    back = codec.load_checks(codec.checks_bytes(checks))
    assert back == checks
    assert [type(b.verdict) for b in back] == [type(c.verdict) for c in checks]


@given(st.dictionaries(texts, texts, max_size=4))
def test_payloads_come_back_the_same(payload: dict[str, str]) -> None:
    assert codec.load_payload(codec.payload_bytes(payload)) == payload


@given(st.binary(max_size=60))
def test_noise_is_an_error_of_ours(noise: bytes) -> None:
    with pytest.raises(StorageError):
        codec.load_arrival(noise)


def test_every_reason_is_told_apart() -> None:
    reasons = [*Rejection, *Hold, *Caution]
    assert len({str(reason) for reason in reasons}) == len(reasons)
