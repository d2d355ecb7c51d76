"""Sealed papers: what is read out of them, and which part is named where one is broken."""

from __future__ import annotations

import hashlib
import subprocess
from base64 import b64encode
from datetime import timedelta
from pathlib import Path

import pytest

from depesha.adapters.isds import zfo
from depesha.adapters.isds.checking import Checked, Expected, ZfoChecker, ZfoRules
from depesha.adapters.isds.parts import Part
from depesha.adapters.isds.zfo import ZfoLimits
from depesha.errors import TooLargeError, WireError
from depesha.schemas import xml
from depesha.schemas.verdict import Rejection
from depesha.schemas.wire.isds import Paper, paper_schema
from depesha.schemas.xmloffsets import TOKEN, walk
from depesha.simulators.isds_seal import SealForm
from tests.support import isds_papers as papers


def check(
    folder: Path,
    content: bytes | None = None,
    *,
    form: SealForm | None = None,
    expected: Expected | None = None,
    rules: ZfoRules | None = None,
) -> Checked:
    path = papers.seal(folder, content, form)
    return papers.checker(rules).check(path, folder, papers.AT, expected)


@pytest.mark.parametrize("form", [SealForm(), SealForm(pkcs1=True), SealForm(der=True)])
def test_a_good_paper_is_genuine_and_read(tmp_path: Path, form: SealForm) -> None:
    checked = check(tmp_path, form=form)
    assert checked.genuine
    assert checked.algorithm == ("rsa-sha256" if form.pkcs1 else "rsa-pss-sha256")
    assert checked.stamp is not None
    assert checked.message_stamp is not None
    content = checked.content
    assert content is not None
    words = content.words
    assert (words.dm_id, words.sender_box, words.recipient_box) == (
        "20260001",
        papers.THEIR_BOX,
        papers.OWN_BOX,
    )
    assert words.subject == "Odpověď na žádost & přílohy"
    assert (words.personal_delivery, words.fiction_allowed) == (True, True)
    assert (words.sender_unit_number, words.recipient_unit_number) == (7, None)
    assert content.delivered_at is not None
    assert content.delivered_at.isoformat() == "2026-09-14T08:31:00.905000+00:00"
    [file] = content.files
    assert (file.name, file.meta_type) == ("odpoved.pdf", "main")
    assert file.stored.path.read_bytes() == papers.PDF
    assert file.stored.digest == hashlib.sha256(papers.PDF).hexdigest()
    assert checked.signature_facts().finding is None


@pytest.mark.parametrize("form", [SealForm(), SealForm(pkcs1=True), SealForm(der=True)])
def test_openssl_takes_the_same_paper(tmp_path: Path, form: SealForm) -> None:
    path = papers.seal(tmp_path, form=form)
    trusted = tmp_path / "ca.pem"
    trusted.write_bytes(papers.sealer().trusted_pem)
    command = ["openssl", "cms", "-verify", "-inform", "DER", "-in", str(path), "-binary"]
    command += ["-CAfile", str(trusted), "-purpose", "any", "-attime"]
    command += [str(int(papers.AT.timestamp())), "-out", str(tmp_path / "out.xml")]
    subprocess.run(command, check=True, capture_output=True)
    zfo.unseal(path, tmp_path)
    assert (tmp_path / "out.xml").read_bytes() == (tmp_path / zfo.CONTENT).read_bytes()


@pytest.mark.parametrize("kind", Paper)
def test_papers_of_every_kind_are_told_apart_and_valid(tmp_path: Path, kind: Paper) -> None:
    inner = papers.body(files=None if kind is Paper.DELIVERY else papers.encoded("a.txt", b"a"))
    content = papers.paper(inner, kind=kind)
    assert paper_schema(kind).deviations(xml.parse(content)) == ()
    checked = check(tmp_path, content, expected=Expected(kind=kind, dm_id="20260001"))
    assert checked.flaws == ()
    assert checked.content is not None
    assert checked.content.kind is kind
    if kind is Paper.DELIVERY:
        assert checked.content.hash_computed is None
        assert [e.text[:4] for e in checked.content.events] == ["EV5:", "EV13"]


def test_another_authority_is_not_trusted(tmp_path: Path) -> None:
    stranger = papers.judge(papers.stranger_pem())
    path = papers.seal(tmp_path)
    seals = ZfoChecker(seals=stranger, stamps=papers.judge())
    checked = seals.check(path, tmp_path, papers.AT)
    assert checked.broken == (Part.CHAIN,)
    finding = checked.signature_facts().finding
    assert finding is not None
    assert finding.reason is Rejection.CERTIFICATE_UNTRUSTED
    stamps = ZfoChecker(seals=papers.judge(), stamps=stranger)
    checked = stamps.check(path, tmp_path, papers.AT)
    assert checked.broken == (Part.STAMP, Part.MESSAGE_STAMP)
    assert checked.stamp is None


def test_the_moment_of_the_stamp_counts_not_the_moment_of_looking(tmp_path: Path) -> None:
    much_later = papers.AT + timedelta(days=40 * 365)
    path = papers.seal(tmp_path)
    assert papers.checker().check(path, tmp_path, much_later).genuine
    path = papers.seal(tmp_path, form=SealForm(stampless=True))
    checked = papers.checker().check(path, tmp_path, much_later)
    assert checked.broken == (Part.CHAIN,)


def test_another_hash_another_stamp_another_message(tmp_path: Path) -> None:
    wrong = hashlib.sha256(b"x").digest()
    checked = check(tmp_path, papers.paper(digest=wrong))
    assert checked.broken == (Part.HASH, Part.MESSAGE_STAMP)
    stamp = papers.sealer().stamp(wrong, papers.AT)
    assert check(tmp_path, papers.paper(stamp=stamp)).broken == (Part.MESSAGE_STAMP,)
    for expected in (
        Expected(kind=Paper.SENT),
        Expected(dm_id="1"),
        Expected(recipient_box="zzzzzzz"),
        Expected(sender_box="zzzzzzz"),
    ):
        assert check(tmp_path, expected=expected).broken == (Part.PAPER,)


def test_a_stamp_that_is_missing_is_the_operators_choice(tmp_path: Path) -> None:
    assert check(tmp_path, form=SealForm(stampless=True)).flaws == ()
    strict = ZfoRules(stamp_required=True, message_stamp_required=True)
    checked = check(tmp_path, form=SealForm(stampless=True), rules=strict)
    assert checked.broken == (Part.STAMP,)
    assert check(tmp_path, papers.paper(stamp=b""), rules=strict).broken == (Part.MESSAGE_STAMP,)


def test_a_decoy_body_inside_an_attachment_is_not_looked_at(tmp_path: Path) -> None:
    decoy = papers.body(dm_id="666", recipient="zzzzzzz")
    inside = (
        b'<p:dmFile dmFileDescr="a.xml" dmFileMetaType="main" dmMimeType="xml"><p:dmXMLContent>'
        b"<wrap>" + decoy + b"</wrap></p:dmXMLContent></p:dmFile>"
    )
    checked = check(tmp_path, papers.paper(papers.body(files=inside)))
    assert checked.flaws == ()
    assert checked.content is not None
    assert checked.content.words.dm_id == "20260001"
    [file] = checked.content.files
    assert file.is_xml
    assert file.stored.path.read_bytes() == b"<wrap>" + decoy + b"</wrap>"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda c: b"<!DOCTYPE x>" + c,
        lambda c: b'<!DOCTYPE x [<!ENTITY e "1">]>' + c,
        lambda c: c.replace(b"<q:dmHash ", b"<q:dmHash >AA==</q:dmHash><q:dmHash "),
        lambda c: c.replace(b"v20/message", b"v20/other"),
        lambda c: c.replace(b"</p:dmEncodedContent>", b"=A==</p:dmEncodedContent>"),
        lambda c: c.replace(b"20260001", b""),
        lambda c: c[:-1],
        lambda c: c[:0] + b"plain words",
        lambda c: c.replace(b"</q:dmReturnedMessage>", papers.body() + b"</q:dmReturnedMessage>"),
    ],
)
def test_a_signed_paper_that_is_none_is_named_so(tmp_path: Path, spoil: object) -> None:
    assert callable(spoil)
    checked = check(tmp_path, spoil(papers.paper()))
    assert checked.broken == (Part.PAPER,)
    assert checked.content is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda z: z + b"\0",
        lambda z: z[:-1],
        lambda z: z[:0],
        lambda z: b"PK\x03\x04" + z,
        lambda z: z[:2] * 5000,
        lambda z: z.replace(b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", b"\x06\x01\x2a", 1),
    ],
)
def test_what_is_no_signed_file_is_named_so(tmp_path: Path, spoil: object) -> None:
    assert callable(spoil)
    path = papers.seal(tmp_path)
    path.write_bytes(spoil(path.read_bytes()))
    checked = papers.checker().check(path, tmp_path, papers.AT)
    assert checked.broken in {(Part.CONTAINER,), (Part.CONTENT,)}


def test_line_ends_in_base64_do_not_count(tmp_path: Path) -> None:
    content = papers.PDF * 3
    broken = b64encode(content)
    lines = b"\n".join(broken[i : i + 76] for i in range(0, len(broken), 76)) + b"\n"
    one = papers.encoded("a.pdf", content).replace(broken, lines)
    checked = check(tmp_path, papers.paper(papers.body(files=one)))
    assert checked.flaws == ()
    assert checked.content is not None
    assert checked.content.files[0].stored.path.read_bytes() == content


def test_limits_hold(tmp_path: Path) -> None:
    path = papers.seal(tmp_path)
    with pytest.raises(TooLargeError):
        zfo.unseal(path, tmp_path, ZfoLimits(content_bytes=100))
    zfo.unseal(path, tmp_path)
    with pytest.raises(WireError, match="too many"):
        zfo.read_content(tmp_path, ZfoLimits(files=0))


def test_a_tag_without_end_does_not_cost_time(tmp_path: Path) -> None:
    path = tmp_path / "long.xml"
    path.write_bytes(b"<a><!--" + b"x" * (4 * TOKEN))

    class Nothing:
        def start(self, name: str, attributes: object, at: int) -> None: ...
        def end(self, name: str, at: int) -> None: ...
        def text(self, data: str) -> None: ...

    with pytest.raises(WireError, match="too long"):
        walk(path, Nothing())
