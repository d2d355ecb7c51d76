"""No bytes and no name make the inspector raise, and its names are always fit for a disk."""

from __future__ import annotations

import io

from hypothesis import given, settings
from hypothesis import strategies as st

from depesha.adapters.contents import Inspector
from depesha.adapters.names import safe_name
from depesha.schemas import mediatypes as mt
from depesha.schemas.policy import Limits
from tests.support import contents as make

INSPECTOR = Inspector(limits=Limits(archive_unpacked_bytes=4 * 1024 * 1024))
SAMPLES = [
    make.docx(macros=True),
    make.odt(),
    make.asice(),
    make.zip_of({"a.zip": make.zip_of({"b.txt": b"words"}), "c.doc": make.ole("WordDocument")}),
    make.tar_gz({"a.txt": b"words " * 50}),
    make.ole("WordDocument", "VBA"),
    make.signed_data(),
    make.signed_pdf(),
    b"<?xml version='1.0'?><a xmlns:ds='http://www.w3.org/2000/09/xmldsig#'><ds:Signature/></a>",
    b"{\\rtf1{\\object{\\*\\objdata 0105}}}",
]
EDITS = st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=4)), max_size=6)


def mutated(sample: bytes, edits: list[tuple[int, bytes]], cut: int) -> bytes:
    changed = bytearray(sample)
    for place, patch in edits:
        at = place % max(1, len(changed))
        changed[at : at + len(patch)] = patch
    return bytes(changed[: len(changed) - cut % 40])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SAMPLES), EDITS, st.integers(0, 39))
def test_broken_files_are_told_not_raised(
    sample: bytes, edits: list[tuple[int, bytes]], cut: int
) -> None:
    content = mutated(sample, edits, cut)
    facts = INSPECTOR.inspect(make.attachment("a.bin", content), io.BytesIO(content))
    assert facts.detected in mt.KNOWN


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_have_a_type_of_the_list(content: bytes) -> None:
    facts = INSPECTOR.inspect(make.attachment("a.bin", content), io.BytesIO(content))
    assert facts.detected in mt.KNOWN


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300))
def test_any_name_becomes_a_safe_one(name: str) -> None:
    safe = safe_name(name, 1, mt.PDF)
    assert safe
    assert len(safe.encode()) <= 240
    assert not set(safe) & set('<>:"/\\|?*\x00\n\r\t')
    assert safe.isprintable()
    assert safe[0] != "."
    assert safe[-1] not in ". "
    assert safe_name(safe, 1, mt.PDF) == safe
