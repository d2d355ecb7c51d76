"""S7: a document with a defect never leaves; CHK-06 to -08, SIG-01, SND-02, REG-09, S24."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from depesha.gateway.submission import SubmissionPolicy, defects
from depesha.schemas import mediatypes
from depesha.schemas.dispatch import Defect, Dispatch, Mark, envelope_of
from depesha.schemas.envelope import DocumentReference, Party, RegistrationNumber
from depesha.schemas.facts import ContentFacts
from depesha.schemas.ids import Guid
from tests.support.outbound import DOCUMENT, attachment, content, dispatch

POLICY = SubmissionPolicy(own_identifiers=frozenset({"000000001"}))
TODAY = date(2026, 3, 2)
FILE = attachment()
NOTHING = Party(identifier="000000001", name="Община Пример")
TOMORROW = DocumentReference(
    guid=DOCUMENT, number=RegistrationNumber(number="1", date=date(2026, 3, 3))
)


def found(
    document: Dispatch,
    contents: tuple[ContentFacts, ...] = (content(FILE),),
    policy: SubmissionPolicy = POLICY,
    *,
    known: bool = True,
) -> list[object]:
    return [d.reason for d in defects(document, contents, policy, TODAY, recipient_known=known)]


def test_s7_a_whole_document_may_go() -> None:
    assert found(dispatch()) == []


@pytest.mark.parametrize(
    ("changes", "defect"),
    [
        ({"document": DocumentReference(guid=DOCUMENT)}, Defect.NUMBER_MISSING),
        (
            {
                "document": DocumentReference(
                    guid=DOCUMENT, number=RegistrationNumber(number=" ", date=TODAY)
                )
            },
            Defect.NUMBER_MISSING,
        ),
        ({"document": TOMORROW}, Defect.NUMBER_IN_FUTURE),
        ({"kind": " "}, Defect.KIND_MISSING),
        ({"subject": "\t"}, Defect.CONTENT_MISSING),
        ({"marks": (Mark.RESTRICTED,)}, Defect.MARK_RESTRICTED),
        ({"sender": Party(identifier="000000009", name="Друга")}, Defect.SENDER_NOT_OURS),
        ({"recipient": NOTHING}, Defect.RECIPIENT_IS_SENDER),
        ({"files": ()}, Defect.ATTACHMENT_MISSING),
        ({"files": (replace(FILE, size=0),)}, Defect.FILE_EMPTY),
        ({"files": (replace(FILE, name=""),)}, Defect.FILE_NAME_MISSING),
    ],
)
def test_s7_each_defect_is_found(changes: dict[str, object], defect: Defect) -> None:
    assert found(dispatch(**changes)) == [defect]


def test_s7_files_outside_the_permitted_kinds_are_blocked_by_content() -> None:
    """CHK-08: by what the bytes are, whatever the name says."""
    for kind in (mediatypes.PDF, mediatypes.DOC, mediatypes.DOCX, mediatypes.XLSX, mediatypes.RTF):
        assert found(dispatch(), (content(FILE, detected=kind),)) == []
    zipped = (content(FILE, detected=mediatypes.ZIP),)
    assert found(dispatch(), zipped) == [Defect.FILE_KIND_FORBIDDEN]
    wider = replace(POLICY, kinds=POLICY.kinds | {mediatypes.ZIP})
    assert found(dispatch(), zipped, wider) == []
    assert found(dispatch(), (content(FILE, macros=True),)) == [Defect.FILE_MACRO]
    assert found(dispatch(), (content(FILE, detected=mediatypes.DOCM),)) == [Defect.FILE_MACRO]


def test_a_file_nobody_has_looked_at_is_a_defect() -> None:
    """Law 1: fails closed, with no facts, with facts of other bytes, and with empty ones."""
    assert Defect.FILE_UNKNOWN in found(dispatch(), ())
    assert Defect.FILE_UNKNOWN in found(dispatch(), (content(attachment(2)),))
    assert found(dispatch(), (content(FILE, detected=""),)) == [Defect.FILE_UNKNOWN]
    assert found(dispatch(), (content(FILE, kept=False),)) == [Defect.FILE_UNKNOWN]


def test_s7_no_signature_needs_the_reason_for_a_scan() -> None:
    """SIG-01 and SND-02."""
    unsigned = (content(FILE, signed=False),)
    assert found(dispatch(), unsigned) == [Defect.SIGNATURE_MISSING]
    assert found(dispatch(scan_instead="  "), unsigned) == [Defect.SIGNATURE_MISSING]
    assert found(dispatch(scan_instead="Картата за подпис е повредена"), unsigned) == []
    assert found(dispatch(), unsigned, replace(POLICY, signature_needed=False)) == []


def test_a_signature_file_beside_the_document_counts_but_is_no_document() -> None:
    """SIG-06: detached signatures."""
    beside = attachment(2, name="писмо.pdf.p7s")
    detached = content(beside, detected=mediatypes.CMS_DETACHED)
    both = (content(FILE, signed=False), detached)
    assert found(dispatch(files=(FILE, beside)), both) == []
    assert found(dispatch(files=(beside,)), (detached,)) == [Defect.ATTACHMENT_MISSING]


def test_the_recipient_comes_from_a_register() -> None:
    """PRT-03."""
    assert found(dispatch(), known=False) == [Defect.RECIPIENT_UNKNOWN]


def test_all_defects_are_found_at_once() -> None:
    bad = dispatch(subject="", kind="", document=DocumentReference(guid=DOCUMENT), files=())
    assert found(bad, (), known=False) == [
        Defect.NUMBER_MISSING,
        Defect.KIND_MISSING,
        Defect.CONTENT_MISSING,
        Defect.RECIPIENT_UNKNOWN,
        Defect.ATTACHMENT_MISSING,
    ]


def test_every_try_carries_the_same_document() -> None:
    """Law 4, FBK-05: identity, number and files are the same on every channel."""
    made = [
        envelope_of(
            dispatch(),
            network=network,
            transport_id=Guid(f"22222222-2222-4222-8222-{n:012d}"),
            created_at=datetime(2026, 3, 2, n, tzinfo=UTC),
        )
        for n, network in enumerate(("seos", "ssev"))
    ]
    assert made[0].document == made[1].document
    assert made[0].attachments == made[1].attachments == dispatch().files
    assert made[0].transport_id != made[1].transport_id
