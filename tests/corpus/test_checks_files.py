"""The corpus of files through the real inspector and the real rows (see `files/README.md`)."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from depesha.adapters.contents import Inspector
from depesha.gateway.checks import formats, names
from depesha.schemas.policy import Limits
from depesha.schemas.verdict import Held, Reason, Rejected, Repeated
from tests.corpus.files.cases import CASES, FileCase
from tests.support import contents as make

INSPECTOR = Inspector(limits=Limits())


def outcome(file: FileCase) -> Reason | None:
    attached = make.attachment(file.name, file.content)
    facts = INSPECTOR.inspect(attached, io.BytesIO(file.content))
    case = make.case(replace(make.arrival(attached), contents=(facts,)))
    for judge in (names.judge, formats.judge):
        verdict = judge(case, make.POLICY)
        if isinstance(verdict, (Rejected, Held)):
            return verdict.finding.reason
        assert not isinstance(verdict, Repeated)
    return None


@pytest.mark.parametrize("file", CASES, ids=lambda file: f"{file.family}-{file.name}")
def test_each_file_becomes_what_it_must(file: FileCase) -> None:
    """CHK-08, CHK-09, AVM-03, AVM-07."""
    assert outcome(file) == file.expected
