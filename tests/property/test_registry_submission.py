"""The words of a submission: whatever comes is read or refused, and means what it says."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from depesha.adapters.registry.folder_files import plain_name
from depesha.adapters.registry.gate import validated
from depesha.adapters.registry.problems import Problem
from depesha.adapters.registry.submission import DispatchWords, ExplainWords, Submission
from tests.support.registry_outbound import WORDS

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)
_MEMBERS = st.sampled_from([*Submission.model_fields, "subjekt", "id"])
_PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=40)


def judged(model: type[BaseModel], data: bytes) -> BaseModel | Problem:
    try:
        return validated(model, data)
    except Problem as problem:
        return problem


def read(words: Any) -> Submission | None:
    made = judged(Submission, json.dumps(words).encode())
    if isinstance(made, Problem):
        assert made.kind.code == "MALFORMED" or (made.kind.code == "INVALID" and made.errors)
        return None
    assert isinstance(made, Submission)
    return made


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for model in (Submission, ExplainWords):
        made = judged(model, data)
        assert isinstance(made, model) or (
            isinstance(made, Problem) and made.kind.code in {"MALFORMED", "INVALID"}
        )


@given(st.dictionaries(_MEMBERS, _JSON, max_size=6))
def test_any_members_are_read_or_refused_with_a_pointer(changes: dict[str, Any]) -> None:
    made = read(WORDS | changes)
    assert made is None or set(changes) <= set(Submission.model_fields)


@given(st.text(max_size=30), st.text(max_size=30))
def test_texts_that_pass_hold_nothing_unseen(subject: str, name: str) -> None:
    words = WORDS | {"subject": subject, "files": [{"part": "f", "name": name}]}
    made = read(words)
    if made is None:
        return
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in made.subject)
    (file,) = made.files or ()
    assert file.name is not None
    assert not set(file.name) & set("/\\\r\n\0")
    assert file.name not in {".", ".."}


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "kind": _PRINTABLE,
            "attention_to": _PRINTABLE,
            "deadline": st.dates().map(str),
            "marks": st.lists(st.sampled_from(["PERSONAL_DATA", "RESTRICTED"]), max_size=2),
            "channels": st.lists(st.sampled_from(["seos", "ssev", "email"]), max_size=3),
            "document": st.fixed_dictionaries(
                {"number": _PRINTABLE, "date": st.dates().map(str), "guid": st.uuids().map(str)}
            ),
        },
    )
)
def test_good_words_come_out_as_they_went_in(changes: dict[str, Any]) -> None:
    made = read(WORDS | changes)
    assert made is not None
    said = json.loads(made.model_dump_json())
    for name, value in changes.items():
        assert said[name] == value


@given(st.text(max_size=20))
def test_a_plain_name_is_one_name_in_a_folder(text: str) -> None:
    if plain_name(text):
        assert not set(text) & set("/\\\0\r\n")
        assert not text.startswith(".")
        assert text.encode()


def test_what_is_missing_is_left_to_the_rules() -> None:
    made = read({"recipient": {"identifier": "1"}})
    assert made is not None
    assert (made.document.number, made.kind, made.subject, made.files) == ("", "", "", None)
    assert set(DispatchWords.model_fields) <= set(ExplainWords.model_fields)
