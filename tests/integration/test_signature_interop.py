"""Others agree: Debian's `xmlsec1`, signxml and openssl, in both directions."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.signer import XMLSigner
from signxml.verifier import SignatureConfiguration, VerifyResult, XMLVerifier

from depesha.adapters.signing import METHODS
from depesha.schemas.xml import parse, serialise
from tests.support.signatures import NOW, fresh_authority, message, network, signed, verify

DIGESTS = {
    "rsa-sha1": DigestAlgorithm.SHA1,
    "rsa-sha256": DigestAlgorithm.SHA256,
    "rsa-sha384": DigestAlgorithm.SHA384,
    "rsa-sha512": DigestAlgorithm.SHA512,
}


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)


@pytest.mark.parametrize("algorithm", METHODS)
def test_xmlsec1_verifies_ours(algorithm: str, tmp_path: Path) -> None:
    ca = network().authority.write(tmp_path, at=NOW)
    path = tmp_path / "signed.xml"
    moment = NOW.strftime("%Y-%m-%d %H:%M:%S")
    words = ("xmlsec1", "--verify", "--trusted-pem", ca, "--verification-gmt-time", moment, path)
    path.write_bytes(signed(algorithm, 100_000))
    done = run(*words)
    assert done.returncode == 0, done.stderr
    path.write_bytes(signed(algorithm).replace("Писмо".encode(), "Писма".encode()))
    assert run(*words).returncode != 0


@pytest.mark.parametrize("algorithm", METHODS)
def test_signxml_verifies_ours(algorithm: str) -> None:
    expected = SignatureConfiguration(
        signature_methods=frozenset({SignatureMethod[algorithm.upper().replace("-", "_")]}),
        digest_algorithms=frozenset({DIGESTS[algorithm]}),
        require_x509=True,
    )
    second = XMLVerifier()
    # lxml puts xmlns="" into a canonical SignedInfo that stands in the default namespace (facts
    # 5.5); this is signxml's own switch against it.
    second.excise_empty_xmlns_declarations = True
    result = second.verify(
        signed(algorithm),
        x509_cert=network().victim.certificate_pem.decode(),
        expect_config=expected,
    )
    assert isinstance(result, VerifyResult)
    assert result.signed_xml is not None
    assert serialise(result.signed_xml) == message()


@pytest.mark.parametrize("canonical", list(CanonicalizationMethod)[:6])
@pytest.mark.parametrize("algorithm", ["rsa-sha256", "rsa-sha384", "rsa-sha512"])
def test_ours_verifies_signxml(algorithm: str, canonical: CanonicalizationMethod) -> None:
    if "WithComments" in canonical.value:
        return
    maker = XMLSigner(
        signature_algorithm=SignatureMethod[algorithm.upper().replace("-", "_")],
        digest_algorithm=DIGESTS[algorithm],
        c14n_algorithm=canonical,
    )
    victim = network().victim
    root = maker.sign(parse(message()).root, key=victim.key, cert=[victim.certificate])
    facts = verify(serialise(root))
    assert facts.finding is None
    assert facts.algorithm == algorithm


def test_openssl_accepts_the_authority_strictly(tmp_path: Path) -> None:
    authority = fresh_authority()
    ca = authority.write(tmp_path, at=NOW)
    _, leaf = network().victim.write(tmp_path, "leaf")
    moment = str(int(NOW.timestamp()))
    strict = ("openssl", "verify", "-x509_strict", "-attime", moment, "-CAfile", ca)
    assert run(*strict, leaf).returncode == 0
    authority.revoke(network().victim, at=NOW - timedelta(days=1))
    authority.write(tmp_path, at=NOW)
    crl = ("-crl_check", "-CRLfile", tmp_path / "ca.crl.pem", leaf)
    assert "revoked" in run(*strict, *crl).stderr
