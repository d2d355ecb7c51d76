"""The channel with real keys: signed in, judged, answered with a signature others believe."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.serialization import Encoding

from depesha.adapters.memory.system import InlineThreads
from depesha.adapters.seos import soap
from depesha.adapters.seos.calling import Caller, CallLimits
from depesha.adapters.seos.client import SeosClient
from depesha.adapters.signing import XmlSigner
from depesha.adapters.trust import CertificateJudge, TrustPolicy
from depesha.adapters.verifying import XmlVerifier
from depesha.errors import BrokenOffError
from depesha.schemas.answer import DocumentStatus, StatusAnswer
from depesha.schemas.envelope import DocumentReference
from depesha.schemas.evidence import sha256
from depesha.schemas.facts import Arrival
from depesha.schemas.verdict import Rejection
from depesha.simulators.authority import Authority, Identity
from tests.support.seos import DOCUMENT, NOW, A, Bench, document, envelope, participant

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create("Example eDoc CA", at=NOW - DAY)


@pytest.fixture(scope="module")
def identity(authority: Authority) -> Identity:
    return authority.issue("primer.example", eik=A.identifier, at=NOW - DAY)


@pytest.fixture
def bench(tmp_path: Path, authority: Authority, identity: Identity) -> Bench:
    made = Bench(tmp_path)
    policy = TrustPolicy(
        authorities=(authority.certificate.public_bytes(Encoding.PEM),), revocation=False
    )
    made.reader._verifier = XmlVerifier(CertificateJudge(policy))
    made.replies._signer = XmlSigner(identity)
    made.directory._copy[A.guid or DOCUMENT] = participant(serial=identity.serial)
    return made


def hear(bench: Bench, wire: bytes, *, spooled: bool) -> Arrival:
    body: bytes | Path = soap.wrap_request(wire)
    if spooled:
        path = bench.blobs.spool()
        path.write_bytes(soap.wrap_request(wire))
        body = path
    heard = bench.reader.incoming(body, NOW)
    assert isinstance(heard, Arrival)
    return heard


@pytest.mark.parametrize("spooled", [False, True])
@pytest.mark.parametrize("size", [100, 9_000_000])
@pytest.mark.parametrize("algorithm", ["rsa-sha1", "rsa-sha256"])
def test_a_signed_document_is_believed_and_read_whole(
    bench: Bench, identity: Identity, algorithm: str, size: int, *, spooled: bool
) -> None:
    content = bytes(range(250)) * (size // 250)
    wire = XmlSigner(identity).sign(document((content, b"x")), algorithm)
    heard = hear(bench, wire, spooled=spooled)
    assert heard.signature is not None
    assert heard.signature.finding is None
    assert heard.deviations == ()
    assert heard.envelope == envelope((content, b"x"))
    assert heard.contents[0].attachment.digest == sha256(content)


@pytest.mark.parametrize("spooled", [False, True])
def test_one_changed_letter_is_found(bench: Bench, identity: Identity, *, spooled: bool) -> None:
    content = b"A" * 9_000_000
    wire = XmlSigner(identity).sign(document((content,)), "rsa-sha1")
    changed = wire.replace(b"QUFBQUFB</AttBody>", b"QUFBQUFC</AttBody>")
    assert changed != wire
    heard = hear(bench, changed, spooled=spooled)
    assert heard.signature is not None
    assert heard.signature.finding is not None
    assert heard.signature.finding.reason is Rejection.SIGNATURE_INVALID


def verify_with_xmlsec1(told: Path, root: Path) -> str:
    """Return what the independent program complains of; empty where it believes."""
    program = shutil.which("xmlsec1")
    assert program is not None, "xmlsec1 is part of the test machine"
    when = NOW.strftime("%Y-%m-%d %H:%M:%S")
    ran = subprocess.run(
        [program, "--verify", "--verification-time", when, "--trusted-pem", str(root), str(told)],
        capture_output=True,
        check=False,
        timeout=20,
    )
    return "" if ran.returncode == 0 else ran.stderr.decode()


async def test_our_answer_is_believed_by_another_program(
    bench: Bench, identity: Identity, authority: Authority, tmp_path: Path
) -> None:
    wire = XmlSigner(identity).sign(document(), "rsa-sha1")
    heard = hear(bench, wire, spooled=False)
    answer = StatusAnswer(status=DocumentStatus.WAITING, document=DocumentReference(guid=DOCUMENT))
    body = soap.wrap_answer(await bench.replies.reply_to(heard)(answer))
    told, root = tmp_path / "answer.xml", tmp_path / "ca.pem"
    told.write_bytes(soap.unwrap_answer(body))
    root.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    assert await asyncio.to_thread(verify_with_xmlsec1, told, root) == ""
    told.write_bytes(told.read_bytes().replace(b"DS_WAIT_REGISTRATION", b"DS_REGISTERED"))
    assert await asyncio.to_thread(verify_with_xmlsec1, told, root) != ""


async def test_both_sides_show_their_certificates(
    bench: Bench, identity: Identity, authority: Authority, tmp_path: Path
) -> None:
    key, certificate = identity.write(tmp_path, "a")
    root = tmp_path / "ca.pem"
    root.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for context in (theirs, ours):
        context.load_cert_chain(certificate, key)
        context.load_verify_locations(root)
    theirs.verify_mode = ssl.CERT_REQUIRED
    runner = web.AppRunner(bench.app(), access_log=None, lingering_time=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=theirs).start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}/"
    stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    stranger.load_verify_locations(root)
    try:
        for context, refused in ((ours, None), (stranger, BrokenOffError)):
            client = SeosClient(
                caller=Caller(tls=context, limits=CallLimits()), threads=InlineThreads()
            )
            try:
                wire = XmlSigner(identity).sign(document(), "rsa-sha1")
                if refused is None:
                    assert await client.submit(url, wire)
                    continue
                with pytest.raises(refused):
                    await client.submit(url, wire)
            finally:
                await client.close()
    finally:
        await runner.cleanup()
    assert [h.transport_serial for h in bench.intake.heard] == [identity.serial]
