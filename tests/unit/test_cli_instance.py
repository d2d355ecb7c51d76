"""A new instance: whole or not at all, private, loadable, with tokens that work."""

from __future__ import annotations

import json
import shutil
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from depesha.adapters.keys import load_key_pair, load_or_create_seal_key
from depesha.adapters.registry.tokens import Scope, TokenStore
from depesha.adapters.system import SystemClock, SystemIds
from depesha.cli import OURS, USAGE, run
from depesha.config import load
from depesha.schemas.journal import SealKey
from tests.support.registry_stub import registry_stub


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    folder = tmp_path_factory.mktemp("init") / "gateway"
    words = ["init", str(folder), "--name", 'Община "Пример"', "--identifier", "000000001"]
    command = [sys.executable, "-m", "depesha", *words, "--host", "gateway.example", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    yield folder, str(json.loads(done.stdout)["token"])
    shutil.rmtree(folder)


def test_the_settings_load_and_name_us(made: tuple[Path, str]) -> None:
    settings = load(made[0] / "depesha.toml")
    assert settings.participant.name == 'Община "Пример"'
    assert settings.participant.identifier == "000000001"


def test_key_and_certificate_belong_together(made: tuple[Path, str]) -> None:
    keys = load(made[0] / "depesha.toml").keys
    pair = load_key_pair(keys.key, keys.certificate)
    assert pair.warnings == ()
    assert 80 < pair.days_left(SystemClock().now()) <= 90
    certificate = x509.load_pem_x509_certificate(keys.certificate.read_bytes())
    assert certificate.subject.rfc4514_string() == "CN=gateway.example,ST=B:000000001,C=BG"
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["gateway.example"]
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(keys.certificate, keys.key)


def test_nobody_else_may_read_anything(made: tuple[Path, str]) -> None:
    assert stat.S_IMODE(made[0].stat().st_mode) == 0o700
    for path in made[0].rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) in {0o700, 0o600}, path


def test_the_printed_token_is_an_admin_and_lies_nowhere(made: tuple[Path, str]) -> None:
    folder, secret = made
    store = TokenStore(folder / "keys/tokens.json", SystemClock(), SystemIds())
    store.reload()
    token = store.authenticate(secret)
    assert token is not None
    assert token.scopes == {Scope.ADMIN}
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert not any(secret in path.read_text(errors="replace") for path in files)


def test_the_commands_own_token_works(made: tuple[Path, str]) -> None:
    own = (made[0] / "keys/cli.token").read_text().strip()
    store = TokenStore(made[0] / "keys/tokens.json", SystemClock(), SystemIds())
    store.reload()
    token = store.authenticate(own)
    assert token is not None
    assert token.name == "cli"


def test_the_public_seal_key_is_the_seal_keys(made: tuple[Path, str]) -> None:
    key = SealKey(load_or_create_seal_key(made[0] / "keys/seal.pem"))
    assert (made[0] / "keys/seal.pub").read_text().strip() == key.public


def test_nothing_is_ever_overwritten(
    made: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in made[0].rglob("*")}
    assert run(["init", str(made[0])]) == OURS
    assert "is not empty" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in made[0].rglob("*")} == before


def test_a_file_in_the_way_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x").write_text("mine")
    assert run(["init", str(tmp_path)]) == OURS
    assert "is not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_what_cannot_be_made_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert run(["init", str(tmp_path / "file" / "gateway")]) != 0
    assert capsys.readouterr().err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_request_for_the_ca_instead(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", str(tmp_path / "g"), "--csr", "--identifier", "000000002"]) == 0
    told = capsys.readouterr().out
    assert "gateway.csr" in told
    request = x509.load_pem_x509_csr((tmp_path / "g/keys/gateway.csr").read_bytes())
    assert request.is_signature_valid
    assert not (tmp_path / "g/keys/gateway.crt").exists()


# --- tokens ----------------------------------------------------------------------------------


def test_tokens_are_made_listed_and_revoked(
    made: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    config = ["-c", str(made[0] / "depesha.toml")]
    assert run(["token", "create", "desk", "--scope", "inbox:read", *config, "--days", "30"]) == 0
    secret = capsys.readouterr().out.strip()
    assert secret.startswith("dep_")
    assert run(["token", "list", *config]) == 0
    listed = capsys.readouterr().out
    assert "desk" in listed
    assert secret not in listed
    assert run(["token", "revoke", "desk", *config, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["revoked_at"] is not None
    assert run(["token", "revoke", "nobody", *config]) == OURS


def test_an_unknown_scope_is_wrong_usage(
    made: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    config = ["-c", str(made[0] / "depesha.toml")]
    assert run(["token", "create", "x", "--scope", "inbox:write", *config]) == USAGE
    assert "inbox:read" in capsys.readouterr().err


# --- the way from the settings to the API -----------------------------------------------------


def test_address_and_token_come_from_the_instance(
    made: tuple[Path, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEPESHA_TOKEN", raising=False)
    with registry_stub() as stub:
        stub.answers["GET /api/v1/inbox"] = (200, {"items": [], "next": ""})
        monkeypatch.setenv("DEPESHA_LISTEN__REGISTRY", stub.url.removeprefix("http://"))
        assert run(["inbox", "-c", str(made[0] / "depesha.toml")]) == 0
    own = (made[0] / "keys/cli.token").read_text().strip()
    assert stub.asked[0][1] == f"Bearer {own}"
    assert capsys.readouterr().out == "Nothing waits.\n"


def test_a_listener_with_tls_is_known_by_its_own_certificate(
    made: tuple[Path, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = load(made[0] / "depesha.toml").keys
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys.certificate, keys.key)
    with registry_stub() as stub:
        stub.socket = context.wrap_socket(stub.socket, server_side=True)
        stub.answers["GET /api/v1/inbox"] = (200, {"items": [], "next": ""})
        monkeypatch.setenv("DEPESHA_LISTEN__REGISTRY", stub.url.removeprefix("http://"))
        monkeypatch.setenv("DEPESHA_LISTEN__REGISTRY_TLS", "true")
        assert run(["inbox", "-c", str(made[0] / "depesha.toml"), "--token", "x"]) == 0
    assert capsys.readouterr().out == "Nothing waits.\n"


def test_without_any_token_it_says_what_to_do(
    made: tuple[Path, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DEPESHA_TOKEN", raising=False)
    monkeypatch.setenv("DEPESHA_REGISTRY__OWN_TOKEN", str(tmp_path / "none"))
    assert run(["inbox", "-c", str(made[0] / "depesha.toml")]) == OURS
    assert "--token or DEPESHA_TOKEN" in capsys.readouterr().err
