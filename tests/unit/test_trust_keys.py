"""Keys from files: they belong together, their passwords come from the environment."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from depesha.adapters.keys import load_key_pair, load_or_create_seal_key
from depesha.adapters.signing import XmlSigner
from depesha.errors import ConfigurationError
from depesha.simulators.authority import Authority, make_key
from tests.support.signatures import NOW, network, verify
from tests.support.signatures import message as unsigned


def test_loads_what_belongs_together(tmp_path: Path) -> None:
    victim = network().victim
    pair = load_key_pair(*victim.write(tmp_path, "own"))
    assert pair.serial == victim.serial
    assert (pair.bits, pair.warnings) == (2048, ())
    assert pair.days_left(NOW) == 1085
    assert pair.days_left(pair.not_after) == 0
    assert b"PRIVATE" not in repr(pair).encode()
    assert verify(XmlSigner(pair).sign(unsigned(), "rsa-sha256")).finding is None


def test_warns_of_an_open_key(tmp_path: Path) -> None:
    key, certificate = network().victim.write(tmp_path, "own")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.chmod(0o644)
    (warning,) = load_key_pair(key, certificate).warnings
    assert "0644" in warning


def test_refuses_a_certificate_of_another_key(tmp_path: Path) -> None:
    key, _ = network().victim.write(tmp_path, "own")
    _, other = network().neighbour.write(tmp_path, "other")
    with pytest.raises(ConfigurationError, match="does not belong"):
        load_key_pair(key, other)


def test_password_from_the_environment(tmp_path: Path) -> None:
    key, certificate = network().victim.write(tmp_path, "own")
    key.write_bytes(
        network().victim.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"right"),
        )
    )
    right = {"KEY_PASSWORD": "right"}
    made = load_key_pair(key, certificate, password_variable="KEY_PASSWORD", environment=right)
    assert made.serial == network().victim.serial
    for environment, variable in (
        ({"KEY_PASSWORD": "wrong"}, "KEY_PASSWORD"),
        ({}, "NONE"),
        ({}, ""),
    ):
        with pytest.raises(ConfigurationError) as caught:
            load_key_pair(key, certificate, password_variable=variable, environment=environment)
        assert "wrong" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"noise"])
def test_refuses_what_is_no_key_or_no_certificate(content: bytes, tmp_path: Path) -> None:
    key, certificate = network().victim.write(tmp_path, "own")
    bad = tmp_path / "bad.pem"
    bad.write_bytes(content)
    for pair in ((bad, certificate), (key, bad), (tmp_path / "none", certificate), (key, tmp_path)):
        with pytest.raises(ConfigurationError):
            load_key_pair(*pair)


def test_refuses_short_and_foreign_keys(tmp_path: Path) -> None:
    weak = network().authority.issue("w.example", eik="1", at=NOW, key=make_key(1024))
    with pytest.raises(ConfigurationError, match="2048"):
        load_key_pair(*weak.write(tmp_path, "weak"))
    load_or_create_seal_key(tmp_path / "seal.pem")
    with pytest.raises(ConfigurationError, match="RSA"):
        load_key_pair(tmp_path / "seal.pem", tmp_path / "weak.cert.pem")


def test_the_seal_key_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "seal.pem"
    made = load_or_create_seal_key(path)
    assert load_or_create_seal_key(path) == made
    assert ed25519.Ed25519PrivateKey.from_private_bytes(made).private_bytes_raw() == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["seal.pem"]
    path.write_bytes(b"noise")
    with pytest.raises(ConfigurationError):
        load_or_create_seal_key(path)


def test_an_authority_comes_back_from_disk(tmp_path: Path) -> None:
    made = Authority.create("На диска", at=NOW, key=network().victim.key)
    revoked = made.issue("x.example", eik="1", at=NOW, key=network().victim.key)
    made.revoke(revoked, at=NOW)
    made.write(tmp_path, at=NOW)
    read = Authority.read(tmp_path)
    assert read.certificate == made.certificate
    assert read.revoked == {revoked.certificate.serial_number: NOW}
    with pytest.raises(ConfigurationError):
        Authority.read(tmp_path / "none")
