"""Signatures of mail: ours are good elsewhere, others' are judged by strict rules."""

from __future__ import annotations

import base64
import re
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from asn1crypto import cms as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs7,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from depesha.adapters.email.cms import FormError, MailRules, SmimeVerifier, holds, take_apart
from depesha.adapters.email.mime import Caps
from depesha.adapters.email.reading import MailReader
from depesha.adapters.email.smime import MailSigner, Opener
from depesha.adapters.revocation import RevocationLists
from depesha.adapters.trust import CertificateJudge, TrustPolicy
from depesha.errors import ConfigurationError, WireError
from depesha.schemas.verdict import Rejection
from depesha.simulators.authority import Authority, Identity
from depesha.simulators.mail_papers import issue_for_mail
from tests.support.mail import NOW, OURS, papers, read, rule, signed, signer, written

HEAD = f"From: {OURS}\r\nTo: a@b.example\r\nMIME-Version: 1.0\r\n".encode()


def openssl(*arguments: str | Path, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["openssl", *map(str, arguments)], input=given, capture_output=True, check=False
    )


def files_of(identity: Identity, folder: Path) -> tuple[Path, Path, Path, Path]:
    key, certificate = identity.write(folder, "us")
    root, chain = folder / "root.pem", folder / "chain.pem"
    root.write_bytes(papers().root.certificate_pem)
    chain.write_bytes(b"".join(c.public_bytes(Encoding.PEM) for c in identity.chain))
    return key, certificate, root, chain


def made_by(identity: Identity) -> MailSigner:
    return MailSigner(key_pem=identity.key_pem, certificates_pem=identity.chain_pem, address=OURS)


def test_openssl_accepts_what_we_sign_and_gives_the_same_bytes_back(tmp_path: Path) -> None:
    _, _, root, _ = files_of(papers().us, tmp_path)
    mail = tmp_path / "mail.eml"
    mail.write_bytes(signed())
    moment = str(int(NOW.timestamp()))
    out = tmp_path / "out"
    done = openssl(
        "cms", "-verify", "-in", mail, "-CAfile", root, "-purpose", "smimesign",
        "-attime", moment, "-out", out,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert out.read_bytes() == written().entity
    mail.write_bytes(signed().replace(b"JVBERi0x", b"JVBERi0y", 1))
    again = openssl("cms", "-verify", "-in", mail, "-CAfile", root, "-attime", moment)
    assert again.returncode != 0


@pytest.mark.parametrize("extra", [(), ("-nodetach",), ("-md", "sha512"), ("-keyid",),
                                   ("-keyopt", "rsa_padding_mode:pss")])  # fmt: skip
def test_we_accept_what_openssl_signs(tmp_path: Path, extra: tuple[str, ...]) -> None:
    key, certificate, _, chain = files_of(papers().us, tmp_path)
    content = b"Content-Type: text/plain; charset=utf-8\r\n\r\nhello\r\n"
    done = openssl(
        "cms", "-sign", "-crlfeol", "-signer", certificate, "-inkey", key, "-certfile", chain,
        "-from", OURS, "-to", "a@b.example", *extra, given=content,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    mail = read(done.stdout)
    assert rule(mail) == ""
    assert mail.text.strip() == "hello"


def test_openssl_opens_what_we_encrypt_and_we_what_it_does(tmp_path: Path) -> None:
    them = papers().them
    mail = signer().sign_and_encrypt(written(confidential=True), them.certificate)
    opened = read(mail)
    assert (opened.encrypted, rule(opened)) == (True, "")
    assert opened.machine is not None
    assert opened.machine.correspondents
    key, certificate = them.write(tmp_path, "them")
    done = openssl("cms", "-decrypt", "-recip", certificate, "-inkey", key, given=mail)
    assert done.stdout.startswith(b"Content-Type: multipart/signed")
    theirs = openssl("cms", "-encrypt", "-aes256", "-from", OURS, certificate,
                     given=b"Content-Type: text/plain\r\n\r\nsecret\r\n")  # fmt: skip
    got = read(theirs.stdout)
    assert (got.encrypted, got.signature, got.text.strip()) == (True, None, "secret")


def test_an_encrypted_mail_without_a_key_cannot_be_read() -> None:
    mail = signer().sign_and_encrypt(written(), papers().us.certificate)
    with pytest.raises(WireError):
        read(mail)


# --- who may sign -------------------------------------------------------------------------------


def test_a_certificate_must_be_for_mail_and_for_the_address() -> None:
    start = NOW - timedelta(days=1)
    key = papers().us.key
    wrong_use = issue_for_mail(
        papers().root, "x", OURS, at=start, key=key, uses=(ExtendedKeyUsageOID.SERVER_AUTH,)
    )
    with pytest.raises(ConfigurationError, match="mail-use"):
        made_by(wrong_use)
    other = issue_for_mail(papers().root, "x", "other@x.example", at=start, key=key)
    with pytest.raises(ConfigurationError, match="mail-address"):
        made_by(other)
    no_use_told = issue_for_mail(papers().root, "x", OURS.upper(), at=start, key=key, uses=())
    assert rule(read(made_by(no_use_told).sign(written()))) == ""
    forged = signed().replace(OURS.encode(), b"someone@obshtina-primer.example", 1)
    assert rule(read(forged)) == "mail-address"


def test_a_stranger_with_our_address_is_not_trusted() -> None:
    assert rule(read(made_by(papers().stranger).sign(written()))) == "chain"


def test_a_copy_without_its_chain_does_not_spoil_the_whole_one() -> None:
    us = papers().us
    bare = MailSigner(key_pem=us.key_pem, certificates_pem=us.certificate_pem, address=OURS)
    policy = TrustPolicy(
        authorities=(papers().root.certificate_pem,), register_serial=False, revocation=False
    )
    verifier = SmimeVerifier(CertificateJudge(policy))
    reader = MailReader(opener=Opener(verifier=verifier, decrypter=None, caps=Caps()), caps=Caps())
    assert rule(reader.read(bare.sign(written()), NOW)) == "chain"
    assert rule(reader.read(signed(), NOW)) == ""


def test_revocation_is_asked_for_every_link() -> None:
    root, between = papers().root, papers().between
    pems = [root.certificate_pem, between.certificate_pem]
    lists = RevocationLists(pems)
    policy = TrustPolicy(authorities=(root.certificate_pem,), register_serial=False)
    verifier = SmimeVerifier(CertificateJudge(policy, lists))
    reader = MailReader(opener=Opener(verifier=verifier, decrypter=None, caps=Caps()), caps=Caps())
    assert rule(reader.read(signed(), NOW)) == "no-list"
    day = timedelta(days=1)
    own = Authority(key=between.key, certificate=between.certificate)
    lists.put("root", root.crl(NOW - day, NOW + day))
    lists.put("between", own.crl(NOW - day, NOW + day))
    assert rule(reader.read(signed(), NOW)) == ""
    own.revoke(papers().us, at=NOW - day)
    lists.put("between", own.crl(NOW - day / 2, NOW + day))
    assert rule(reader.read(signed(), NOW)) == Rejection.CERTIFICATE_REVOKED


def test_an_expired_certificate_says_so() -> None:
    late = NOW + timedelta(days=4000)
    assert _reader().read(signed(), late).signature is not None
    facts = _reader().read(signed(), late).signature
    assert facts is not None
    assert facts.finding is not None
    assert facts.finding.reason is Rejection.CERTIFICATE_EXPIRED


def test_a_rule_turned_off_by_name_is_off() -> None:
    forged = signed().replace(OURS.encode(), b"someone@obshtina-primer.example", 1)
    assert rule(_reader(MailRules(address=False)).read(forged, NOW)) == ""


def _reader(rules: MailRules | None = None) -> MailReader:
    policy = TrustPolicy(
        authorities=(papers().root.certificate_pem,), register_serial=False, revocation=False
    )
    verifier = SmimeVerifier(CertificateJudge(policy), rules)
    return MailReader(opener=Opener(verifier=verifier, decrypter=None, caps=Caps()), caps=Caps())


# --- forged and broken ---------------------------------------------------------------------------


def test_an_elliptic_key_is_fine_too() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    template = papers().us.certificate
    builder = x509.CertificateBuilder().subject_name(template.subject).public_key(key.public_key())
    builder = builder.issuer_name(papers().root.certificate.subject).serial_number(77)
    builder = builder.not_valid_before(template.not_valid_before_utc)
    builder = builder.not_valid_after(template.not_valid_after_utc)
    for kind in (x509.KeyUsage, x509.SubjectAlternativeName, x509.BasicConstraints):
        found = template.extensions.get_extension_for_class(kind)
        builder = builder.add_extension(found.value, found.critical)
    certificate = builder.sign(papers().root.key, hashes.SHA256())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    made = MailSigner(
        key_pem=pem, certificates_pem=certificate.public_bytes(Encoding.PEM), address=OURS
    )
    mail = read(made.sign(written()))
    assert rule(mail) == ""
    assert mail.signature is not None
    assert mail.signature.algorithm == "ecdsa-sha256"


@pytest.mark.parametrize("cut", [b"JVBERi0x", b"Content-Language"])
def test_a_change_in_the_signed_part_is_seen_and_one_outside_is_not_read(cut: bytes) -> None:
    mail = read(signed().replace(cut, cut[:-1] + b"X", 1))
    wanted = "SIGNATURE_INVALID" if cut.startswith(b"JV") else ""
    assert rule(mail) == wanted


def test_a_signed_part_inside_a_larger_mail_is_not_the_whole() -> None:
    inner = signed().partition(b"MIME-Version: 1.0\r\n")[2]
    mail = (
        HEAD
        + b'Content-Type: multipart/mixed; boundary="out"\r\n\r\n--out\r\n'
        + inner
        + b"\r\n--out\r\nContent-Type: text/plain\r\n\r\nadded\r\n--out--\r\n"
    )
    assert rule(read(mail)) == "not-the-whole"


def test_a_third_part_or_a_missing_end_breaks_the_form() -> None:
    boundary = re.search(rb'multipart/signed;.*?boundary="([^"]+)"', signed(), re.DOTALL)
    assert boundary
    end = b"--" + boundary[1] + b"--\r\n"
    added = signed().replace(end, end[:-4] + b"\r\nContent-Type: text/plain\r\n\r\nx\r\n" + end)
    assert rule(read(added)) == "parts"
    assert rule(read(signed().replace(end, b""))) == "parts"


def test_two_from_fields_are_nobody() -> None:
    assert rule(read(b"From: someone@evil.example\r\n" + signed())) == "mail-address"


def test_forms_of_cms_that_are_not_taken() -> None:
    with pytest.raises(FormError, match="unreadable"):
        take_apart(b"no cms")
    us = papers().us
    builder = pkcs7.PKCS7SignatureBuilder().set_data(b"x")
    one = builder.add_signer(us.certificate, us.key, hashes.SHA256())
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary]
    two = one.add_signer(papers().them.certificate, papers().them.key, hashes.SHA256())
    with pytest.raises(FormError, match="not-one-signer"):
        take_apart(two.sign(Encoding.DER, options))
    bare = take_apart(one.sign(Encoding.DER, [*options, pkcs7.PKCS7Options.NoAttributes]))
    with pytest.raises(FormError, match="attributes"):
        holds(bare, b"x")
    none = [*options, pkcs7.PKCS7Options.NoCerts]
    with pytest.raises(FormError, match="no-certificate"):
        take_apart(one.sign(Encoding.DER, none))


def _judge() -> CertificateJudge:
    policy = TrustPolicy(
        authorities=(papers().root.certificate_pem,), register_serial=False, revocation=False
    )
    return CertificateJudge(policy)


def test_sha1_is_refused(tmp_path: Path) -> None:
    key, certificate, _, chain = files_of(papers().us, tmp_path)
    done = openssl("cms", "-sign", "-md", "sha1", "-signer", certificate, "-inkey", key,
                   "-certfile", chain, "-from", OURS, "-crlfeol",
        given=b"Content-Type: text/plain\r\n\r\nx\r\n")  # fmt: skip
    facts = read(done.stdout).signature
    assert facts is not None
    assert facts.finding is not None
    assert facts.finding.reason is Rejection.SIGNATURE_ALGORITHM


def test_content_that_reads_as_attributes_is_refused() -> None:
    """RFC 5652, 11: the attributes of a good signature, shown as a content signed without any."""
    boundary = re.search(rb"smime\.p7s\"\r\n\r\n(.*?)\r\n\r\n--", signed(), re.DOTALL)
    assert boundary
    info = asn1.ContentInfo.load(base64.b64decode(boundary[1]))
    signer_info = info["content"]["signer_infos"][0]
    content = b"\x31" + signer_info["signed_attrs"].dump()[1:]
    signer_info["signed_attrs"] = None
    forged = take_apart(info.dump(force=True))
    facts = SmimeVerifier(_judge()).verify(forged, content, OURS, NOW)
    assert facts.finding is not None
    assert facts.finding.reason is Rejection.SIGNATURE_STRUCTURE


def test_files_that_differ_from_the_envelope_take_its_word_away() -> None:
    plain = written().headers + written().entity
    assert read(plain).machine is not None
    assert read(plain).signature is None
    mail = read(plain.replace(b"JVBERi0x", b"JVBERi0y", 1))
    assert (mail.machine, mail.machine_problem) == (None, "files")
