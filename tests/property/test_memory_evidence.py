"""The evidence chain, the Merkle tree, and the state table keep their promises on any input."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from depesha.errors import EvidenceError, WrongStateError
from depesha.schemas.evidence import (
    GENESIS,
    EvidenceRecord,
    canonical,
    check_chain,
    check_inclusion,
    inclusion_path,
    merkle_root,
)
from depesha.schemas.ids import Digest, MessageId
from depesha.schemas.journal import (
    SealKey,
    check_seal,
    check_signature,
    evidence_body,
    make_seal,
    next_record,
)
from depesha.schemas.lifecycle import FIRST_STATES, INBOUND, InboundEvent, InboundState, advance
from depesha.schemas.message import EvidenceKind, NewEvidence
from depesha.schemas.proof import ChainReader

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KEY = SealKey(bytes(range(32)))

hashes = st.binary(min_size=32, max_size=32).map(lambda b: Digest(b.hex()))
texts = st.text(st.characters(codec="utf-8"), max_size=12)
evidence = st.builds(
    NewEvidence,
    kind=st.sampled_from(EvidenceKind),
    at=st.datetimes(timezones=st.just(UTC)),
    message_id=st.none() | st.integers(0, 9).map(lambda n: MessageId(f"{n:032x}")),
    actor=texts,
    facts=st.dictionaries(texts, texts | st.integers() | st.lists(texts, max_size=2), max_size=3),
    wire=st.binary(max_size=9),
)


def chain_of(items: list[NewEvidence]) -> list[tuple[EvidenceRecord, bytes]]:
    rows: list[tuple[EvidenceRecord, bytes]] = []
    for number, item in enumerate(items, 1):
        previous = rows[-1][0].hash if rows else GENESIS
        rows.append((next_record(number, previous, item), item.wire))
    return rows


chains = st.lists(evidence, min_size=1, max_size=6).map(chain_of)


def read_to_the_end(rows: list[tuple[EvidenceRecord, bytes]]) -> int:
    """Bytes that are gone may be told to be destroyed by a later row: only the end tells."""
    reader = ChainReader({KEY.public})
    reader.rows(rows)
    reader.end()
    return reader.sequence


@given(chains)
def test_an_honest_chain_verifies(rows: list[tuple[EvidenceRecord, bytes]]) -> None:
    last = check_chain([record for record, _wire in rows], GENESIS)
    assert last == rows[-1][0].hash
    assert read_to_the_end(rows) == len(rows)


def one_byte_off(text: str, data: st.DataObject) -> str:
    """Another text of the same length that differs in one character."""
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="utf-8"))
    assume(other != text[place])
    return text[:place] + other + text[place + 1 :]


@given(chains, st.data())
def test_any_changed_byte_breaks_the_chain(
    rows: list[tuple[EvidenceRecord, bytes]], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    record, wire = rows[index]
    name = data.draw(
        st.sampled_from(["body", "message_id", "previous", "hash", "sequence", "wire"])
    )
    if name == "sequence":
        record = replace(record, sequence=record.sequence + data.draw(st.integers(1, 9)))
    elif name == "wire":
        wire = data.draw(st.binary(max_size=9).filter(lambda other: other != wire))
    else:
        value = getattr(record, name)
        assume(value)
        changed: dict[str, Any] = {name: one_byte_off(value, data)}
        record = replace(record, **changed)
    forged = [*rows[:index], (record, wire), *rows[index + 1 :]]
    with pytest.raises(EvidenceError):
        read_to_the_end(forged)


@given(chains.filter(lambda rows: len(rows) > 1), st.data())
def test_a_missing_or_moved_row_breaks_the_chain(
    rows: list[tuple[EvidenceRecord, bytes]], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(rows) - 2))
    swapped = [*rows[:index], rows[index + 1], rows[index], *rows[index + 2 :]]
    for forged in ([*rows[:index], *rows[index + 1 :]], swapped):
        with pytest.raises(EvidenceError):
            ChainReader({KEY.public}).rows(forged)


def test_the_tree_is_that_of_rfc_9162() -> None:
    def sha(data: bytes) -> bytes:
        return hashlib.sha256(data).digest()

    one, two, three = (sha(b"\0" + bytes([n]) * 32) for n in (1, 2, 3))
    root = sha(b"\1" + sha(b"\1" + one + two) + three)
    assert merkle_root([Digest((bytes([n]) * 32).hex()) for n in (1, 2, 3)]) == root.hex()


@settings(max_examples=60, deadline=None)
@given(st.lists(hashes, min_size=1, max_size=40, unique=True))
def test_every_inclusion_path_leads_to_the_root(rows: list[Digest]) -> None:
    root = merkle_root(rows)
    for index, row in enumerate(rows):
        check_inclusion(row, index, len(rows), inclusion_path(rows, index), root)


@given(st.lists(hashes, min_size=1, max_size=40, unique=True), st.data())
def test_no_wrong_inclusion_path_leads_there(rows: list[Digest], data: st.DataObject) -> None:
    root, count = merkle_root(rows), len(rows)
    index = data.draw(st.integers(0, count - 1))
    path = inclusion_path(rows, index)
    row = rows[index]
    other_row = data.draw(hashes)
    other_index = data.draw(st.integers(-1, count + 1))
    assume(other_row != row)
    wrong = [(other_row, index, path), (row, index, [*path, other_row])]
    if other_index != index:
        wrong.append((row, other_index, path))
    if path:
        place = data.draw(st.integers(0, len(path) - 1))
        wrong.append((row, index, path[:-1]))
        if path[place] != other_row:
            wrong.append((row, index, [*path[:place], other_row, *path[place + 1 :]]))
    for leaf, at, way in wrong:
        with pytest.raises(EvidenceError):
            check_inclusion(leaf, at, count, way, root)


@given(st.lists(hashes, min_size=1, max_size=9, unique=True), st.data())
def test_a_seal_fits_its_rows_and_no_others(rows: list[Digest], data: st.DataObject) -> None:
    before = make_seal(KEY, None, 1, data.draw(st.lists(hashes, min_size=1, max_size=3)), AT)
    seal = make_seal(KEY, before, before.last + 1, rows, AT)
    check_seal(seal, before, rows)
    others = data.draw(st.lists(hashes, min_size=1, max_size=9).filter(lambda o: o != rows))
    with pytest.raises(EvidenceError):
        check_seal(seal, before, others)
    with pytest.raises(EvidenceError):
        check_seal(seal, None, rows)


@given(st.data())
def test_a_changed_seal_is_not_signed(data: st.DataObject) -> None:
    seal = make_seal(KEY, None, 1, [GENESIS], AT)
    check_signature(seal)
    name = data.draw(st.sampled_from(["root", "chain", "previous", "at", "signature", "key"]))
    changed: dict[str, Any] = {name: one_byte_off(getattr(seal, name), data)}
    forged = replace(seal, **changed)
    assume(getattr(forged, name).lower() != getattr(seal, name))
    with pytest.raises(EvidenceError):
        check_signature(forged)
    for number in ("number", "first", "last"):
        with pytest.raises(EvidenceError):
            check_signature(replace(seal, **{number: getattr(seal, number) + 1}))


@given(evidence, st.data())
def test_the_body_has_one_form(item: NewEvidence, data: st.DataObject) -> None:
    facts = dict(data.draw(st.permutations(list(item.facts.items()))))
    assert evidence_body(replace(item, facts=facts)) == evidence_body(item)
    assert canonical(dict(facts)) == canonical(dict(item.facts))


@given(st.sampled_from(sorted(FIRST_STATES)), st.lists(st.sampled_from(InboundEvent), max_size=12))
def test_no_events_lead_out_of_the_table(state: InboundState, events: list[InboundEvent]) -> None:
    for event in events:
        if (state, event) in INBOUND:
            state = advance(state, event)
            assert state in InboundState
        else:
            with pytest.raises(WrongStateError):
                advance(state, event)


def test_every_state_can_be_reached_and_every_event_happens() -> None:
    reached = set(FIRST_STATES)
    for _ in InboundState:
        reached |= {new for (old, _event), new in INBOUND.items() if old in reached}
    assert reached == set(InboundState)
    assert {event for _state, event in INBOUND} == set(InboundEvent)
