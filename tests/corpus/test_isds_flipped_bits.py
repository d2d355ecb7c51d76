"""One flipped bit anywhere in a sealed paper is found, and the right part is named.

Signature, signed attributes, stamp and content, at 200 places each and more, with both kinds of
RSA signature.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from depesha.adapters.isds.checking import Checked
from depesha.adapters.isds.parts import Part
from depesha.simulators.isds_seal import SealForm
from tests.support import isds_papers as papers

FORMS = {
    "pss": SealForm(),
    "pkcs1": SealForm(pkcs1=True),
    "der": SealForm(der=True),
}
BITS = 220


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> SealForm:
    return FORMS[request.param]


class Case:
    """One good paper and its parts."""

    def __init__(self, folder: Path, form: SealForm) -> None:
        self._folder = folder
        self._number = 0
        content = papers.paper()
        self.bytes = papers.seal(folder, content, form).read_bytes()
        self.places = papers.places(self.bytes, content)

    def check(self, changed: bytes) -> Checked:
        self._number += 1
        folder = self._folder / str(self._number)
        folder.mkdir()
        path = folder / "a.zfo"
        path.write_bytes(changed)
        return papers.checker().check(path, folder, papers.AT)

    def named_wrongly(self, places: Sequence[int], part: Part) -> list[tuple[int, object]]:
        """Flip bits spread over these bytes, one at a time; return what was not named `part`."""
        wrong: list[tuple[int, object]] = []
        for at, bit in spread(places):
            changed = bytearray(self.bytes)
            changed[at] ^= 1 << bit
            checked = self.check(bytes(changed))
            if checked.broken[:1] != (part,):
                wrong.append((at, checked.flaws))
        return wrong


def spread(places: Sequence[int]) -> list[tuple[int, int]]:
    """Pick `BITS` bits evenly, the first and the last among them: byte and bit."""
    last = len(places) * 8 - 1
    chosen = sorted({i * last // (BITS - 1) for i in range(BITS)})
    assert len(chosen) >= 200
    return [(places[bit // 8], bit % 8) for bit in chosen]


@pytest.fixture
def case(tmp_path: Path, form: SealForm) -> Case:
    made = Case(tmp_path, form)
    assert made.check(made.bytes).genuine
    return made


def test_signature(case: Case) -> None:
    assert case.named_wrongly(case.places.signature, Part.SIGNATURE) == []


def test_signed_attributes(case: Case) -> None:
    assert case.named_wrongly(case.places.attributes, Part.SIGNED_ATTRIBUTES) == []


def test_content(case: Case) -> None:
    assert case.named_wrongly(case.places.content, Part.CONTENT) == []


def test_stamp(case: Case) -> None:
    assert case.named_wrongly(case.places.stamp, Part.STAMP) == []
