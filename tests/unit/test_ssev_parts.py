"""The small parts behind SSEV's ports: fixed bytes, outcomes, originals, state files."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from depesha.adapters.filestreams import StoredFile
from depesha.adapters.memory.blobs import MemoryBlobs
from depesha.adapters.memory.system import HandClock
from depesha.adapters.ssev import mapping, outcomes
from depesha.adapters.ssev.ledger import (
    InHand,
    Ledger,
    enter,
    forget_old,
    listed_since,
    opened_since,
    rest_after,
    rewound,
)
from depesha.adapters.ssev.originals import (
    KeptFile,
    KeptMessage,
    KeptSender,
    read_original,
    write_file,
    write_original,
)
from depesha.adapters.ssev.payload import load_payload, payload_bytes, payload_of
from depesha.adapters.ssev.problems import Problem, SsevError
from depesha.adapters.ssev.replying import SsevReply, load_letter
from depesha.adapters.ssev.settings import SsevSettings
from depesha.adapters.ssev.values import OpenedMessage, Row
from depesha.adapters.statefile import StateFile
from depesha.errors import (
    Blame,
    BrokenOffError,
    DepeshaError,
    StorageError,
    UnreachableError,
    WireError,
)
from depesha.schemas.answer import (
    Answer,
    DocumentStatus,
    EmptyAnswer,
    ErrorAnswer,
    StatusAnswer,
    UnreadableAnswer,
)
from depesha.schemas.dispatch import Dispatch, envelope_of
from depesha.schemas.envelope import DocumentReference, Envelope, Party
from depesha.schemas.evidence import sha256
from depesha.schemas.ids import Guid
from depesha.schemas.outcome import Deferred, Refused, Unclear
from depesha.schemas.verdict import Rejection, finding
from tests.support.outbound import DOCUMENT, NOW, attachment, dispatch

GUID = Guid("33333333-3333-4333-8333-333333333333")


def words(letter: Dispatch, at: datetime = NOW, transport: Guid = GUID) -> Envelope:
    return envelope_of(letter, network="ssev", transport_id=transport, created_at=at)


def opened(subject: str, text: str) -> OpenedMessage:
    return OpenedMessage(
        message_id=17,
        sent_at=NOW,
        received_at=NOW,
        subject=subject,
        text=text,
        sender_name="Община Пример",
        sender_profile_id=1,
    )


# --- the letter -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["", "Моля, вижте.\nВтори ред.", "----- A -----", "\x00\x0b\ud800\ufffe край", "а" * 9000],
)
def test_the_covering_words_travel(text: str) -> None:
    letter = mapping.document_letter(words(dispatch(text=text)))
    sender, own = Party(identifier="1", name="А"), Party(identifier="2", name="Б")
    got = mapping.envelope_of(
        opened(letter.subject, letter.text), [], environment="t", sender=sender, recipient=own
    )
    assert got.document_comment == text
    assert got.document == dispatch().document
    assert mapping.plain(letter.text) == letter.text  # nothing in it that XML cannot carry


def test_words_too_long_for_the_block_are_taken_from_the_letter() -> None:
    letter = mapping.document_letter(words(dispatch(text="дълго " * 5000)))
    sender, own = Party(identifier="1", name="А"), Party(identifier="2", name="Б")
    got = mapping.envelope_of(
        opened(letter.subject, letter.text), [], environment="t", sender=sender, recipient=own
    )
    assert got.document == dispatch().document
    assert ("дълго " * 5000).strip() in got.document_comment


def test_a_letter_about_a_document_is_never_found_by_the_documents_own_mark() -> None:
    answer = StatusAnswer(
        status=DocumentStatus.CLOSED,
        document=DocumentReference(guid=DOCUMENT),
        expected_close=date(2026, 4, 1),
    )
    letter = mapping.status_letter(answer)
    assert mapping.marker(DOCUMENT) not in letter.subject
    assert mapping.status_marker(DOCUMENT) in letter.subject
    assert mapping.marked(letter.subject) is None
    word = mapping.status_word(opened(letter.subject, letter.text))
    assert word is not None
    assert word.expected_close == date(2026, 4, 1)


def test_the_same_document_is_the_same_bytes_whenever_it_is_prepared() -> None:
    first = payload_bytes(payload_of(words(dispatch())))
    later = payload_bytes(
        payload_of(words(dispatch(), NOW + timedelta(hours=3), Guid(GUID.replace("3", "4"))))
    )
    assert first == later
    assert load_payload(first) == payload_of(words(dispatch()))
    with pytest.raises(StorageError):
        load_payload(b"{}")


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("писмо.pdf", "писмо.pdf"),
        ("писмо", "писмо.pdf"),
        (".pdf", "pdf.pdf"),
        ("", "file.pdf"),
        ("a/b\\c\x01.pdf", "a_b_c\ufffd.pdf"),
        ("д" * 300 + ".pdf", "д" * 251 + ".pdf"),
    ],
)
def test_files_get_names_that_the_network_takes(given: str, sent: str) -> None:
    payload = payload_of(words(dispatch(files=(attachment(name=given),))))
    assert payload.files[0].name == sent
    assert payload.files[0].number == "ИЗХ-1"


def test_a_file_that_is_gone_is_a_fault_of_ours(tmp_path: Path) -> None:
    payload = payload_of(words(dispatch()))
    with pytest.raises(StorageError):
        payload.outgoing(MemoryBlobs(tmp_path, HandClock()))


# --- outcomes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "kind", "blame"),
    [
        (BrokenOffError("x"), Unclear, None),
        (UnreachableError("x"), Deferred, Blame.NETWORK),
        (StorageError("x"), Deferred, Blame.OURS),
        (SsevError("x", Problem.NOT_REACHABLE), Refused, None),
        (SsevError("x", Problem.NOT_PERMITTED), Refused, None),
        (SsevError("x", Problem.OUR_DEFECT), Refused, None),
        (SsevError("x", Problem.TOO_LARGE), Refused, None),
        (SsevError("x", Problem.MALICIOUS), Refused, None),
        (SsevError("x", Problem.NO_SPACE), Deferred, Blame.OURS),
        (SsevError("x", Problem.CREDENTIALS), Deferred, Blame.OURS),
        (SsevError("x", Problem.SERVER), Deferred, Blame.THEIRS),
        (SsevError("x", Problem.UNREADABLE), Deferred, Blame.THEIRS),
    ],
)
def test_what_a_failure_makes_of_a_try(
    error: DepeshaError, kind: type, blame: Blame | None
) -> None:
    outcome = outcomes.after_send(error)
    assert isinstance(outcome, kind)
    if isinstance(outcome, Deferred):
        assert outcome.blame is blame
    if isinstance(outcome, Refused):
        assert outcome.document is (outcome.code == "MALICIOUS")


# --- originals --------------------------------------------------------------------------------


def original(folder: Path, *contents: bytes) -> tuple[Path, KeptMessage]:
    stored = []
    for number, content in enumerate(contents, 1):
        path = folder / f"in-{number}"
        path.write_bytes(content)
        stored.append(StoredFile(path=path, size=len(content), digest=sha256(content)))
    message = KeptMessage(
        environment="t",
        message_id=17,
        sent_at=NOW,
        received_at=None,
        subject="Тема",
        text="Текст",
        sender=KeptSender(identifier="1", name="А"),
        forwarded=False,
        files=tuple(
            KeptFile(blob_id=n, name="a.pdf", media_type="x/y", size=s.size, digest=s.digest)
            for n, s in enumerate(stored, 1)
        ),
    )
    path = folder / "original"
    write_original(path, message, stored, ())
    return path, message


def test_an_original_gives_back_what_went_in(tmp_path: Path) -> None:
    path, message = original(tmp_path, b"one", b"two" * 100_000)
    assert read_original(path) == message
    into = io.BytesIO()
    write_file(path, 2, into)
    assert into.getvalue() == b"two" * 100_000
    with pytest.raises(WireError):
        write_file(path, 3, into)
    first = path.read_bytes()
    again, _ = original(tmp_path, b"one", b"two" * 100_000)
    assert again.read_bytes() == first


@pytest.mark.parametrize("damage", [b"", b"{}", b"\x00" * 2048, b"PK\x03\x04" + b"x" * 600])
def test_what_is_no_original_is_said_so(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(damage)
    with pytest.raises(WireError):
        read_original(path)


# --- replies ----------------------------------------------------------------------------------


REFERENCE = DocumentReference(guid=DOCUMENT)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (StatusAnswer(status=DocumentStatus.WAITING, document=REFERENCE), ""),
        (StatusAnswer(status=DocumentStatus.ALREADY_RECEIVED, document=REFERENCE), ""),
        (StatusAnswer(status=DocumentStatus.REGISTERED, document=REFERENCE), "REGISTERED"),
        (
            StatusAnswer(
                status=DocumentStatus.REJECTED,
                document=REFERENCE,
                rejection=finding(Rejection.MALWARE_FOUND),
            ),
            "REJECTED",
        ),
        (ErrorAnswer(finding=finding(Rejection.MALWARE_FOUND)), "REJECTED"),
        (UnreadableAnswer(finding=finding(Rejection.NOT_XML)), ""),
        (EmptyAnswer(), ""),
    ],
)
async def test_what_is_said_to_a_sender(answer: Answer, told: str) -> None:
    reply = SsevReply(words(dispatch()), lambda found: f"защото {found.reason}")
    data = await reply(answer)
    assert bool(data) is bool(told)
    if told:
        letter, document = load_letter(data.decode())
        word = mapping.status_word(opened(letter.subject, letter.text))
        assert word is not None
        assert (word.status, document) == (told, DOCUMENT)
        assert ("защото MALWARE_FOUND" in word.reason) is (told == "REJECTED")
    assert await SsevReply(None, str)(answer) == b""


# --- state ------------------------------------------------------------------------------------


def test_a_state_file_is_whole_or_absent(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    file: StateFile[dict[str, int]] = StateFile(path, TypeAdapter(dict[str, int]))
    assert file.read() is None
    file.write({"a": 1})
    (tmp_path / "state.json.new").write_bytes(b"half")
    assert file.read() == {"a": 1}
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(b'{"a": "x"}')
    with pytest.raises(StorageError):
        file.read()  # beginning anew would forget what was opened
    with pytest.raises(StorageError):
        StateFile(tmp_path / "no" / "folder", TypeAdapter(int)).write(1)


def row(key: int, *, at: datetime = NOW, is_open: bool = False) -> Row:
    return Row(message_id=key, sent_at=at, subject="x", received_at=at if is_open else None)


def test_what_of_an_inbox_is_ours_to_take() -> None:
    ledger = Ledger(started_at=NOW)
    early = NOW - timedelta(days=1)
    rows = (row(1), row(2, at=early), row(3, at=early, is_open=True), row(4, is_open=True))
    assert enter(ledger, rows, NOW, NOW)
    assert {key: each.by_person for key, each in ledger.in_hand.items()} == {
        1: False,
        2: False,
        4: True,
    }
    assert not enter(ledger, rows, NOW, NOW)
    assert enter(ledger, (row(2, at=early), row(1, is_open=True)), None, NOW)
    assert set(ledger.in_hand) == {2, 4}
    ledger.in_hand[2] = replace(ledger.in_hand[2], opening=True)
    assert not enter(ledger, (), None, NOW)  # opened by us: it is in hand until it is done
    assert 2 in ledger.in_hand


def test_what_a_lost_store_opened_after_its_back_up_is_read_again() -> None:
    """S25: noticed before the back-up, opened after it, and no person touched it."""
    ledger = Ledger(started_at=NOW - timedelta(days=1))
    enter(ledger, (row(1), row(2), row(3)), NOW, NOW)
    ledger.in_hand[2] = replace(ledger.in_hand[2], opening=True)
    form = TypeAdapter(Ledger)
    again = form.validate_json(rewound(form.dump_json(ledger), NOW))
    rows = (row(1, is_open=True), row(2, is_open=True), row(3))
    assert enter(again, rows, NOW - timedelta(hours=1), NOW)
    assert sorted(again.in_hand) == [1, 2, 3]
    assert again.done == {}
    assert [again.in_hand[key].by_person for key in (1, 2, 3)] == [True, False, False]


def test_a_lost_stores_openings_are_looked_for_as_far_back_as_the_back_up_needs() -> None:
    day = timedelta(days=1)
    ledger = Ledger(started_at=NOW - 60 * day, swept_at=NOW - 11 * day, done={8: NOW - 20 * day})
    enter(ledger, (row(1, at=NOW - 40 * day),), None, NOW)  # it was left closed
    form = TypeAdapter(Ledger)
    again = form.validate_json(rewound(form.dump_json(ledger), NOW - 10 * day))
    again = form.validate_json(rewound(form.dump_json(again), NOW - 9 * day))  # and once more
    horizon = opened_since(again, NOW - 7 * day)
    assert horizon == NOW - 11 * day - timedelta(hours=1)
    assert listed_since(again, horizon) == NOW - 40 * day
    forget_old(again, done_before=NOW, sent_before=NOW)
    assert again.done == {}, "no list is read back to it"
    ages = {1: 40, 2: 39, 3: 12, 4: 10, 5: 9}
    rows = tuple(row(key, at=NOW - age * day, is_open=True) for key, age in ages.items())
    assert enter(again, rows, horizon, NOW)
    assert sorted(again.in_hand) == [1, 4, 5]
    again.done[6] = NOW - 10 * day
    forget_old(again, done_before=NOW - 5 * day, sent_before=NOW)
    assert set(again.done) == {6}, "the list is still to be read"


def test_a_ledger_of_an_earlier_version_is_read() -> None:
    form = TypeAdapter(Ledger)
    old = b'{"started_at":"2026-03-02T10:00:00Z","swept_at":null,"in_hand":{},"done":{}}'
    ledger = form.validate_json(old)
    assert ledger.gap is None
    assert opened_since(ledger, NOW) == max(NOW, ledger.started_at)
    assert listed_since(ledger, NOW) == NOW


def test_a_ledger_goes_to_disk_and_back() -> None:
    form = TypeAdapter(Ledger)
    entry = InHand(sent_at=NOW, subject="x", sender_name="y", kept_at=NOW, answer="{}")
    ledger = Ledger(started_at=NOW, in_hand={7: entry}, done={1: NOW}, told={2: NOW})
    assert form.validate_json(form.dump_json(ledger)) == ledger
    forget_old(ledger, done_before=NOW + timedelta(1), sent_before=NOW + timedelta(1))
    assert (ledger.done, ledger.told, set(ledger.in_hand)) == ({}, {}, {7})


def test_rests_grow_and_end() -> None:
    rests = [rest_after(n, 300.0, 86_400.0).total_seconds() for n in (1, 2, 3, 9, 10, 5000)]
    assert rests == [300.0, 600.0, 1200.0, 76_800.0, 86_400.0, 86_400.0]


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"soap": {"url": "https://x.example", "signing_key": "a.pem"}},
        {"soap": {"url": "https://x.example"}, "senders": ["Person"]},
        {"soap": {"url": "https://x.example"}, "unknown": 1},
    ],
)
def test_settings_that_cannot_be_meant(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SsevSettings.model_validate(wrong)
    right = SsevSettings.model_validate({"soap": {"url": "https://x.example"}})
    assert json.loads(right.model_dump_json())["poll_seconds"] == 60.0
