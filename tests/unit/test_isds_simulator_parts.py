"""Small truths of the simulated ISDS: pieces, times, texts, switches, scopes, sizes, seals."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asn1crypto import cms, tsp

from depesha.adapters.memory.system import START, HandClock
from depesha.simulators.isds_checks import judge_file
from depesha.simulators.isds_papers import body
from depesha.simulators.isds_people import People, of_scope
from depesha.simulators.isds_pieces import (
    SLICE,
    FilePiece,
    Pen,
    chunks,
    length,
    moment,
    regular,
    skeleton,
    wrapped,
)
from depesha.simulators.isds_quirks import Fault, FaultKind, IsdsOddity, IsdsQuirks
from depesha.simulators.isds_seal import Sealer, SealForm
from depesha.simulators.isds_store import FileStore
from depesha.simulators.isds_values import BoxKind, BoxState, Draft, Message, StoredFile
from depesha.simulators.isds_words import RefusalError, cleaned
from tests.support.isds import seal_keys


@pytest.mark.parametrize("size", [0, 1, 2, 3, SLICE - 1, SLICE, SLICE + 1, 3 * SLICE + 5])
def test_a_file_is_encoded_on_one_line_whatever_its_size(tmp_path: Path, size: int) -> None:
    content = bytes(i % 251 for i in range(size))
    path = tmp_path / "f"
    path.write_bytes(content)
    for raw in (False, True):
        pieces = (b"<a>", FilePiece(path=path, size=size, raw=raw), b"</a>")
        whole = b"".join(chunks(pieces))
        middle = content if raw else base64.b64encode(content)
        assert whole == b"<a>" + middle + b"</a>"
        assert length(pieces) == len(whole)
        assert skeleton(pieces) == b"<a></a>"


def test_a_stream_is_cut_anew_into_equal_pieces() -> None:
    parts = [b"x" * 999, b"y" * 1, b"z" * 2500, b""]
    assert [len(p) for p in regular(iter(parts), 1000)] == [1000, 1000, 1000, 500]
    assert b"".join(regular(iter(parts), 1000)) == b"".join(parts)


def test_times_bear_pragues_offset_of_the_season() -> None:
    assert (
        moment(datetime(2026, 6, 26, 20, 39, 20, 905_000, UTC)) == "2026-06-26T22:39:20.905+02:00"
    )
    assert moment(datetime(2026, 1, 2, 3, 4, 5, 0, UTC)) == "2026-01-02T04:04:05.000+01:00"
    assert moment(datetime(2026, 1, 2, 3, 4, 5, 0, UTC), zulu=True) == "2026-01-02T03:04:05.000Z"


def test_hashes_are_broken_at_76_characters_and_ended() -> None:
    lines = wrapped(bytes(100)).split("\n")
    assert [len(line) for line in lines] == [76, 60, 0]


def test_a_pen_escapes_and_says_nil() -> None:
    pen = Pen()
    pen.add("p:a", 'x < "y" & z', key='"&')
    pen.add("p:b", None)
    pen.add("p:c", value=True)
    (text,) = pen.done()
    assert text == (
        b'<p:a key=\'"&amp;\'>x &lt; "y" &amp; z</p:a><p:b xsi:nil="true"></p:b><p:c>true</p:c>'
    )


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a<b>c", "a_b_c"),
        ("a\tb\r\nc\u00a0d\u2003e\u202ff", "a b  c d e f"),
        ("1\u20132\u2014\u2015", "1-2--"),
        ("\u201ea\u201c", '"a"'),
        ("a\u00adb\u200bc\u202ed\u2066e\u0085f", "abcdef"),
        ("žluťoučký kůň", "žluťoučký kůň"),
    ],
)
def test_texts_are_cleaned_as_the_server_does(given: str, kept: str) -> None:
    assert cleaned(given) == kept


def test_faults_are_spent_by_kind_operation_and_count() -> None:
    lost = Fault(kind=FaultKind.LOST, operation="A", times=2, skip=1)
    anywhere = Fault(kind=FaultKind.ERROR)
    oddity = IsdsOddity(IsdsQuirks(faults=(lost, anywhere)))
    met = [oddity.spend("A", FaultKind.LOST) for _ in range(4)]
    assert met == [None, lost, lost, None]
    assert oddity.spend("B", FaultKind.LOST) is None
    assert [oddity.spend("B", FaultKind.ERROR) for _ in "ab"] == [anywhere, None]
    oddity.quirks = oddity.quirks
    assert oddity.spend("B", FaultKind.ERROR) == anywhere


def test_scopes_are_families_basic_types_and_single_types() -> None:
    people = People(clock=HandClock())
    boxes = [people.add(kind.name, kind) for kind in BoxKind if kind is not BoxKind.SYSTEM]
    found = {
        scope: [box.kind.name for box in boxes if of_scope(box, scope)]
        for scope in ("PO", "PO_BASE", "PO_REQ", "OVM_MAIN", "FO", "PFO_BASE")
    }
    assert found["PO"] == ["PO", "PO_ZAK", "PO_REQ"]
    assert found["PO_BASE"] == ["PO"]
    assert found["PO_REQ"] == ["PO_REQ"]
    assert found["OVM_MAIN"] == ["OVM"]
    assert found["FO"] == ["FO"]
    assert found["PFO_BASE"] == ["PFO"]
    assert len([box for box in boxes if of_scope(box, "ALL")]) == len(boxes) == 22
    assert len({box.box_id for box in boxes}) == 22
    assert {len(box.box_id) for box in boxes} == {7}
    assert next(kind.name for kind in BoxKind if kind.is_ovm) == "OVM"
    assert sum(kind.is_ovm for kind in BoxKind) == 7
    assert BoxState.CLOSED_BY_LAW.shown == 2


def message(*files: StoredFile) -> Message:
    return Message(
        message_id="1",
        sender="qaaaaab",
        sender_name="A",
        sender_address="B",
        sender_type=10,
        recipient="qaaaaac",
        recipient_name="C",
        recipient_address="D",
        ambiguous=False,
        draft=Draft(recipient="qaaaaac", annotation="E & F"),
        kind="",
        files=files,
        big=False,
        submitted_at=START,
    )


@pytest.mark.parametrize(("size", "kib"), [(199_284, 260), (78, 0), (768, 1), (769, 2)])
def test_sizes_are_rounded_as_in_the_samples(size: int, kib: int) -> None:
    one = StoredFile(path=Path(), size=size, name="a.txt", mime="text/plain", meta="main")
    assert message(one).size == kib


def test_the_body_is_the_same_bytes_each_time_and_differs_without_files(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    one = message(StoredFile(path=path, size=3, name="a.txt", mime="", meta="main"))
    whole = b"".join(chunks(body(one)))
    assert whole == b"".join(chunks(body(one)))
    assert whole.startswith(b'<p:dmDm xmlns:p="http://isds.czechpoint.cz/v20"><p:dmID>1<')
    assert b"E &amp; F" in whole
    assert b"dmFiles" not in b"".join(chunks(body(one, files=False)))


def test_only_the_recipient_sees_state_7() -> None:
    one = message()
    one.status, one.marked = 6, True
    assert (one.seen_by(one.sender), one.seen_by(one.recipient)) == (6, 7)
    one.erased = True
    assert (one.seen_by(one.sender), one.seen_by(one.recipient)) == (9, 9)


def test_a_shared_file_goes_with_its_last_use(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    path = store.put(b"x")
    store.keep(path)
    store.keep(path)
    store.drop(path)
    store.discard(path)
    assert path.exists()
    store.drop(path)
    assert not path.exists()


def archive(names: list[str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name in names:
            file.writestr(name, b"x")
    return made.getvalue()


@pytest.mark.parametrize(
    ("names", "refused"),
    [
        (["a.txt", "b/c.pdf"], False),
        (["a/b/c/d/e.txt"], False),
        (["a/b/c/d/e/f.txt"], True),
        (["a.exe"], True),
        (["a.zip"], True),
        ([f"{n}.txt" for n in range(1001)], True),
    ],
)
def test_containers_are_looked_into(tmp_path: Path, names: list[str], *, refused: bool) -> None:
    path = tmp_path / "z"
    path.write_bytes(archive(names))
    if not refused:
        assert judge_file("a.zip", "application/zip", path) is False
        return
    with pytest.raises(RefusalError) as caught:
        judge_file("a.zip", "application/zip", path)
    assert (caught.value.code, caught.value.words[-7:]) == ("1214", ": a.zip")


def test_a_seal_has_what_the_wild_ones_have(tmp_path: Path) -> None:
    sealer = Sealer(at=START, keys=seal_keys())
    content = b"<a>" + b"x" * 2500 + b"</a>"
    path = tmp_path / "a.zfo"
    told = sealer.seal((content,), path, START, SealForm())
    raw = path.read_bytes()
    assert told == hashlib.sha256(raw).hexdigest()
    assert raw.startswith(b"0\x80")
    assert raw.count(b"\x04\x82\x03\xe8") == 2  # two full pieces of 1000 bytes
    signed = cms.ContentInfo.load(raw)["content"]
    assert signed["encap_content_info"]["content"].native == content
    (signer,) = signed["signer_infos"]
    kinds = {attribute["type"].native for attribute in signer["signed_attrs"]}
    assert kinds == {"content_type", "signing_time", "message_digest", "signing_certificate_v2"}
    (attribute,) = signer["unsigned_attrs"]
    token = attribute["values"][0]["content"]["encap_content_info"]["content"].parsed
    assert isinstance(token, tsp.TSTInfo)
    imprint = hashlib.sha256(signer["signature"].native).digest()
    assert token["message_imprint"]["hashed_message"].native == imprint
    assert token["gen_time"].native == START


def test_the_seal_can_be_revoked() -> None:
    sealer = Sealer(at=START, keys=seal_keys())
    before = sealer.crl(START)
    sealer.revoke_seal(START)
    assert len(sealer.crl(START)) > len(before)
