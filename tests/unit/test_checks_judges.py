"""Each row of the table, alone: what it refuses, holds and lets pass with a word."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from depesha.gateway.checks import (
    annexes,
    duplicate,
    filesignatures,
    formats,
    limits,
    malware,
    names,
    participant,
    recipient,
    signature,
    structure,
)
from depesha.gateway.checks.chain import TABLE
from depesha.schemas import mediatypes as mt
from depesha.schemas.facts import (
    ArchiveFacts,
    Arrival,
    Case,
    ContentFacts,
    FileSignature,
    Known,
    ScanResult,
    SignatureFacts,
)
from depesha.schemas.ids import SerialNumber
from depesha.schemas.participant import DirectoryState, ParticipantStatus
from depesha.schemas.policy import Limits
from depesha.schemas.verdict import (
    Caution,
    Held,
    Hold,
    Passed,
    Reason,
    Rejected,
    Rejection,
    Repeated,
    Verdict,
    finding,
)
from tests.support import contents as make

POLICY = make.POLICY


def refused(verdict: Verdict) -> Rejection:
    assert isinstance(verdict, Rejected)
    assert isinstance(verdict.finding.reason, Rejection)
    return verdict.finding.reason


def held(verdict: Verdict) -> tuple[Hold, bool]:
    assert isinstance(verdict, Held)
    assert isinstance(verdict.finding.reason, Hold)
    return verdict.finding.reason, verdict.retry


def warned(verdict: Verdict) -> list[Reason]:
    assert isinstance(verdict, Passed)
    return [warning.reason for warning in verdict.warnings]


def with_arrival(**changes: object) -> Case:
    return make.case(replace(make.arrival(), **changes))  # type: ignore[arg-type] # fields by name


def with_file(
    name: str = "pismo.pdf",
    detected: str = mt.PDF,
    media_type: str = "text/unknown",
    **facts: object,
) -> Case:
    file = make.attachment(name, media_type=media_type)
    content = ContentFacts(attachment=file, detected=detected, safe_name=name)
    changed = replace(content, **facts)  # type: ignore[arg-type] # fields by name
    return make.case(replace(make.arrival(file), contents=(changed,)))


def archive(**facts: object) -> ArchiveFacts:
    honest = ArchiveFacts(members=1, depth=1, unpacked=10, largest=10, packed=10)
    return replace(honest, **facts)  # type: ignore[arg-type] # fields by name


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_good_case_passes_every_row(row: object) -> None:
    by_name = {each.name: each for each in TABLE}
    name = getattr(row, "name", "")
    assert isinstance(by_name[name].judge(make.case(), POLICY), Passed)


@pytest.mark.parametrize(
    "row",
    [row for row in TABLE if row.name not in {"structure", "signature", "names"}],
    ids=lambda row: row.name,
)
def test_without_an_envelope_no_row_passes_by_silence(row: object) -> None:
    """Law 1. The structure row refuses such an arrival before any of these is asked."""
    judge = {each.name: each for each in TABLE}[getattr(row, "name", "")].judge
    empty = Arrival(
        network="seos", received_at=make.NOW, original=make.digest_of(b""), original_size=0
    )
    if judge is filesignatures.judge:
        assert judge(Case(arrival=empty, now=make.NOW), POLICY) == Passed()
        return
    with pytest.raises(ValueError, match=r"envelope|inspected"):
        judge(Case(arrival=empty, now=make.NOW), POLICY)


class TestStructure:
    def test_what_could_not_be_read_is_refused_for_its_reason(self) -> None:
        case = with_arrival(envelope=None, unreadable=finding(Rejection.NOT_XML))
        assert refused(structure.judge(case, POLICY)) is Rejection.NOT_XML

    def test_no_envelope_without_a_word_is_refused_too(self) -> None:
        assert refused(structure.judge(with_arrival(envelope=None), POLICY)) is (
            Rejection.NOT_THE_SCHEMA
        )

    def test_deviations_are_cautions_and_refused_only_by_setting(self) -> None:
        """REF-07: a soft defect is never a refusal."""
        case = with_arrival(deviations=("Header/Version",))
        assert warned(structure.judge(case, POLICY)) == [Caution.SCHEMA_DEVIATION]
        strict = replace(POLICY, strict_schema=True)
        assert refused(structure.judge(case, strict)) is Rejection.NOT_THE_SCHEMA

    def test_a_clock_far_off_is_a_caution(self) -> None:
        case = with_arrival(received_at=make.NOW + timedelta(days=3))
        assert warned(structure.judge(case, POLICY)) == [Caution.CLOCK_DIFFERS]


class TestParticipant:
    def test_an_unknown_sender_is_refused(self) -> None:
        case = replace(make.case(), sender=None)
        assert refused(participant.judge(case, POLICY)) is Rejection.SENDER_UNKNOWN

    def test_an_identifier_that_is_not_the_guids_own_is_refused(self) -> None:
        other = replace(make.participant(), identifier="999999999")
        case = replace(make.case(), sender=other)
        assert refused(participant.judge(case, POLICY)) is Rejection.SENDER_UNKNOWN

    @pytest.mark.parametrize(
        "status", [ParticipantStatus.INACTIVE, ParticipantStatus.TEMPORARILY_INACTIVE]
    )
    def test_an_inactive_sender_is_refused(self, status: ParticipantStatus) -> None:
        case = replace(make.case(), sender=make.participant(status))
        assert refused(participant.judge(case, POLICY)) is Rejection.SENDER_INACTIVE

    def test_without_a_register_nothing_is_said(self) -> None:
        state = DirectoryState(loaded_at=None, participants=0)
        case = replace(make.case(), sender=None, directory=state)
        assert held(participant.judge(case, POLICY)) == (Hold.DIRECTORY_UNAVAILABLE, True)

    def test_a_stale_register_is_believed_with_a_word(self) -> None:
        case = replace(make.case(), directory=make.directory_state(hours=25))
        assert warned(participant.judge(case, POLICY)) == [Caution.DIRECTORY_STALE]


class TestSignature:
    def test_a_missing_signature_is_refused(self) -> None:
        assert refused(signature.judge(with_arrival(signature=None), POLICY)) is (
            Rejection.SIGNATURE_MISSING
        )

    @pytest.mark.parametrize(
        "reason",
        [
            Rejection.SIGNATURE_INVALID,
            Rejection.SIGNATURE_STRUCTURE,
            Rejection.CERTIFICATE_EXPIRED,
            Rejection.CERTIFICATE_REVOKED,
        ],
    )
    def test_the_verifiers_refusal_stands(self, reason: Rejection) -> None:
        case = with_arrival(signature=SignatureFacts(finding=finding(reason)))
        assert refused(signature.judge(case, POLICY)) is reason

    def test_unknown_revocation_waits(self) -> None:
        facts = replace(make.good_signature(), finding=finding(Hold.REVOCATION_UNKNOWN))
        verdict = signature.judge(with_arrival(signature=facts), POLICY)
        assert held(verdict) == (Hold.REVOCATION_UNKNOWN, True)

    def test_a_serial_the_register_does_not_have_is_refused_though_verified(self) -> None:
        sender = replace(make.participant(), serial=SerialNumber("1"))
        case = replace(make.case(), sender=sender)
        assert refused(signature.judge(case, POLICY)) is Rejection.CERTIFICATE_OTHER
        earlier = replace(sender, earlier_serials=(make.SERIAL,))
        assert warned(signature.judge(replace(case, sender=earlier), POLICY)) == []

    def test_weak_algorithms_and_another_tls_certificate_are_cautions(self) -> None:
        case = with_arrival(
            signature=replace(make.good_signature(), weak=True), transport_serial=SerialNumber("9")
        )
        assert warned(signature.judge(case, POLICY)) == [
            Caution.WEAK_ALGORITHM,
            Caution.TLS_CERTIFICATE_DIFFERS,
        ]

    def test_a_verifier_that_says_nothing_clear_is_an_error(self) -> None:
        facts = SignatureFacts(finding=None)
        with pytest.raises(ValueError, match="certificate"):
            signature.judge(with_arrival(signature=facts), POLICY)
        facts = SignatureFacts(finding=finding(Caution.WEAK_ALGORITHM))
        with pytest.raises(ValueError, match="neither"):
            signature.judge(with_arrival(signature=facts), POLICY)


class TestRecipient:
    @pytest.mark.parametrize(
        "party",
        [
            replace(make.RECIPIENT, identifier="000000009"),
            replace(make.RECIPIENT, guid=make.SENDER_GUID),
        ],
    )
    def test_another_body_is_refused(self, party: object) -> None:
        message = replace(make.envelope(make.attachment()), recipient=party)  # type: ignore[arg-type] # a Party
        case = with_arrival(envelope=message)
        assert refused(recipient.judge(case, POLICY)) is Rejection.RECIPIENT_NOT_OURS

    def test_a_network_without_guids_goes_by_the_identifier(self) -> None:
        party = replace(make.RECIPIENT, guid=None)
        message = replace(make.envelope(make.attachment()), recipient=party)
        assert recipient.judge(with_arrival(envelope=message), POLICY) == Passed()


class TestLimits:
    """CHK-04."""

    @pytest.mark.parametrize(
        ("bounds", "reason"),
        [
            (Limits(message_bytes=999), Rejection.MESSAGE_TOO_LARGE),
            (Limits(attachments=0), Rejection.TOO_MANY_ATTACHMENTS),
            (Limits(attachment_bytes=3), Rejection.ATTACHMENT_TOO_LARGE),
            (Limits(name_characters=5), Rejection.FILE_NAME_UNUSABLE),
        ],
    )
    def test_past_a_limit_is_refused(self, bounds: Limits, reason: Rejection) -> None:
        policy = replace(POLICY, limits=bounds)
        assert refused(limits.judge(make.case(), policy)) is reason

    def test_bytes_that_were_not_kept_are_past_a_limit(self) -> None:
        case = with_file(kept=False, detected="")
        assert refused(limits.judge(case, POLICY)) is Rejection.ATTACHMENT_TOO_LARGE


def known(
    by: str, original: bytes = b"other", document: str = "x", *, numbered: bool = True
) -> Known:
    return Known(
        message_id="0" * 32,
        by=by,
        original=make.digest_of(original),
        document=document,
        numbered=numbered,
    )


class TestDuplicate:
    """DUP-01, DUP-06, law 4."""

    @pytest.mark.parametrize(
        ("earlier", "by"),
        [
            (known("transport", original=b"original"), "transport"),
            (known("transport", document=make.DOCUMENT_GUID), "transport"),
            (known("document"), "document"),
            (known("content"), "content"),
        ],
    )
    def test_a_repeat_is_answered_as_before(self, earlier: Known, by: str) -> None:
        verdict = duplicate.judge(replace(make.case(), known=(earlier,)), POLICY)
        assert verdict == Repeated(message_id="0" * 32, by=by)

    def test_a_reused_transport_id_is_refused_before_all_else(self) -> None:
        case = replace(make.case(), known=(known("document"), known("transport")))
        assert refused(duplicate.judge(case, POLICY)) is Rejection.TRANSPORT_ID_REUSED

    def test_the_same_files_without_a_number_wait_for_a_person(self) -> None:
        case = replace(make.case(), known=(known("content", numbered=False),))
        assert held(duplicate.judge(case, POLICY)) == (Hold.REPEAT_SUSPECTED, False)
        unnumbered = make.arrival(message=make.envelope(make.attachment(), number=""))
        case = replace(make.case(unnumbered), known=(known("content"),))
        assert held(duplicate.judge(case, POLICY)) == (Hold.REPEAT_SUSPECTED, False)

    def test_an_unheard_of_identity_is_an_error_and_so_holds(self) -> None:
        with pytest.raises(KeyError):
            duplicate.judge(replace(make.case(), known=(known("rumour"),)), POLICY)


class TestNames:
    def test_nothing_to_call_a_file_by_is_refused(self) -> None:
        case = with_file(name="...")
        assert refused(names.judge(case, POLICY)) is Rejection.FILE_NAME_UNUSABLE

    @pytest.mark.parametrize(
        ("case", "caution"),
        [
            (with_file(safe_name="pismo_.pdf"), Caution.FILE_NAME_CLEANED),
            (with_file(media_type="application/msword"), Caution.MEDIA_TYPE_WRONG),
            (with_file(name="pismo.doc"), Caution.NAME_EXTENSION_WRONG),
        ],
    )
    def test_what_does_not_fit_is_a_caution(self, case: Case, caution: Caution) -> None:
        """RCV-21: noted, never refused."""
        assert warned(names.judge(case, POLICY)) == [caution]

    @pytest.mark.parametrize(
        ("declared", "detected", "name"),
        [
            ("text/unknown", mt.PDF, "a.pdf"),
            ("application/octet-stream", mt.PDF, "a.pdf"),
            ("", mt.PDF, "a.pdf"),
            ("Application/PDF; name=x", mt.PDF, "a.pdf"),
            ("text/xml", mt.XML, "a.xml"),
            ("text/csv", mt.TEXT, "a.csv"),
            ("application/x-zip-compressed", mt.ZIP, "a.zip"),
        ],
    )
    def test_what_says_nothing_or_the_same_is_no_caution(
        self, declared: str, detected: str, name: str
    ) -> None:
        case = with_file(name=name, detected=detected, media_type=declared)
        assert warned(names.judge(case, POLICY)) == []


class TestFormats:
    @pytest.mark.parametrize(
        ("case", "reason"),
        [
            (with_file(detected=mt.EXE), Rejection.FORMAT_FORBIDDEN),
            (with_file(detected="video/mp4"), Rejection.FORMAT_FORBIDDEN),
            (with_file(detected=mt.DOCM, macros=True), Rejection.MACRO_FOUND),
            (with_file(detected=mt.ZIP, archive=archive(unsafe="ratio")), Rejection.ARCHIVE_UNSAFE),
            (with_file(detected=mt.DOCX, archive=archive(unsafe="lies")), Rejection.ARCHIVE_UNSAFE),
            (
                with_file(detected=mt.ZIP, archive=archive(kinds=(mt.EXE,))),
                Rejection.FORMAT_FORBIDDEN,
            ),
            (with_file(detected=mt.ZIP, archive=archive(kinds=(mt.DOCM,))), Rejection.MACRO_FOUND),
        ],
    )
    def test_forbidden_kinds_are_refused(self, case: Case, reason: Rejection) -> None:
        """CHK-08, CHK-09, AVM-03, AVM-07."""
        assert refused(formats.judge(case, POLICY)) is reason

    @pytest.mark.parametrize(
        ("case", "reason"),
        [
            (with_file(detected=mt.UNKNOWN), Hold.FORMAT_UNKNOWN),
            (with_file(detected=mt.ZIP, archive=archive(encrypted=True)), Hold.ARCHIVE_ENCRYPTED),
            (with_file(detected=mt.ZIP, archive=archive(unreadable=True)), Hold.ARCHIVE_UNREADABLE),
            (with_file(detected=mt.SEVEN_ZIP), Hold.ARCHIVE_UNREADABLE),
            (with_file(detected=mt.ZIP, archive=archive(largest=2**40)), Hold.SCAN_INCOMPLETE),
            (with_file(detected=mt.DOCX, archive=archive(largest=2**40)), Hold.SCAN_INCOMPLETE),
        ],
    )
    def test_what_cannot_be_judged_waits_for_a_person(self, case: Case, reason: Hold) -> None:
        assert held(formats.judge(case, POLICY)) == (reason, False)

    def test_policy_may_refuse_unknown_kinds_and_archives_and_allow_macros(self) -> None:
        strict = replace(POLICY, unknown_formats_held=False, archives_allowed=False)
        for detected in (mt.UNKNOWN, mt.ZIP, mt.RAR):
            case = with_file(detected=detected)
            assert refused(formats.judge(case, strict)) is Rejection.FORMAT_FORBIDDEN
        lenient = replace(POLICY, macros_allowed=True)
        assert formats.judge(with_file(detected=mt.DOCM, macros=True), lenient) == Passed()

    def test_a_document_under_a_password_is_a_caution(self) -> None:
        case = with_file(encrypted=True)
        assert warned(formats.judge(case, POLICY)) == [Caution.FILE_ENCRYPTED]

    def test_an_attachment_nobody_inspected_is_an_error(self) -> None:
        for contents in ((), (make.facts_of(make.attachment(index=2)),)):
            with pytest.raises(ValueError, match="inspected"):
                formats.judge(with_arrival(contents=contents), POLICY)
        with pytest.raises(ValueError, match="type"):
            formats.judge(with_file(detected=""), POLICY)

    def test_a_refusal_for_one_file_wins_over_a_hold_for_another(self) -> None:
        files = (make.attachment("a.bin"), make.attachment("b.exe", index=2))
        contents = (make.facts_of(files[0], mt.UNKNOWN), make.facts_of(files[1], mt.EXE))
        case = make.case(replace(make.arrival(*files), contents=contents))
        assert refused(formats.judge(case, POLICY)) is Rejection.FORMAT_FORBIDDEN


class TestAnnexes:
    """CHK-02, RCV-05: noted, never refused."""

    @pytest.mark.parametrize(
        ("comment", "missing"),
        [
            ("Приложения: 3 бр.", 1),
            ("Додатки: 2", 1),
            ("Přílohy: 2", 1),
            ("Приложение: spravka.pdf, pismo.pdf", 1),
            ("spravka.pdf; tablica.xlsx.", 2),
            ("Приложения: 1", 0),
            ("Приложения: 01.03.2026 г.", 0),
            ("виж PISMO.PDF и www.primer.example", 0),
            ("N/A", 0),
        ],
    )
    def test_listed_but_missing_annexes_are_noted(self, comment: str, missing: int) -> None:
        message = make.envelope(make.attachment(), comment=comment)
        verdict = annexes.judge(make.case(make.arrival(message=message)), POLICY)
        assert warned(verdict) == [Caution.ANNEX_MISSING] * missing

    def test_an_empty_attachment_is_a_missing_one(self) -> None:
        case = make.case(make.arrival(make.attachment("pismo.pdf", b"")))
        assert warned(annexes.judge(case, POLICY)) == [Caution.ANNEX_MISSING]

    def test_no_attachment_is_noted(self) -> None:
        message = make.envelope()
        case = make.case(make.arrival(message=message))
        assert warned(annexes.judge(case, POLICY)) == [Caution.NO_ATTACHMENT]


class TestFileSignatures:
    """CHK-03: reported, not judged."""

    def test_each_signature_is_reported(self) -> None:
        case = with_file(signatures=(FileSignature(form="PAdES", signer="CN=x"),) * 2)
        assert warned(filesignatures.judge(case, POLICY)) == [Caution.SIGNATURE_IN_FILE] * 2

    def test_none_at_all_is_said(self) -> None:
        verdict = filesignatures.judge(make.case(), POLICY)
        assert warned(verdict) == [Caution.NO_SIGNATURE_IN_FILES]


def scanned(**facts: object) -> Case:
    result = replace(ScanResult(index=1), **facts)  # type: ignore[arg-type] # fields by name
    return replace(make.case(), scans=(result,))


class TestMalware:
    """CHK-05, AVM-01, AVM-04."""

    def test_what_was_found_is_refused_by_name(self) -> None:
        verdict = malware.judge(scanned(malware="Example.Test"), POLICY)
        assert refused(verdict) is Rejection.MALWARE_FOUND
        assert isinstance(verdict, Rejected)
        assert ("malware", "Example.Test") in verdict.finding.facts

    @pytest.mark.parametrize(
        ("why", "reason", "retry"),
        [
            ("unavailable", Hold.SCANNER_UNAVAILABLE, True),
            ("cut off", Hold.SCAN_INCOMPLETE, True),
            ("time", Hold.SCAN_INCOMPLETE, True),
            ("limits", Hold.SCAN_INCOMPLETE, False),
            ("a word never heard", Hold.SCAN_INCOMPLETE, True),
        ],
    )
    def test_no_verdict_is_held(self, why: str, reason: Hold, retry: bool) -> None:  # noqa: FBT001 - a table of cases
        assert held(malware.judge(scanned(incomplete=why), POLICY)) == (reason, retry)

    def test_a_missing_result_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="scan result"):
            malware.judge(replace(make.case(), scans=()), POLICY)

    def test_a_file_past_the_scanners_reach_is_held_though_called_clean(self) -> None:
        policy = replace(POLICY, limits=Limits(scanner_file_bytes=3))
        assert held(malware.judge(make.case(), policy)) == (Hold.SCAN_INCOMPLETE, False)
