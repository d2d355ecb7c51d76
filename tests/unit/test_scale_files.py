"""The files for two gateways behind a balancer name what exists, and give no right too many."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import yaml

from depesha.app.listeners import CLOSE_SECONDS, LINGER_SECONDS
from depesha.config import load
from depesha.config.template import render_default
from depesha.gateway.service import STOP_SECONDS

ROOT = Path(__file__).parents[2]
GATEWAYS = ("one", "two")


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker/compose.scale.yaml").read_text("utf-8"))
    return loaded


def balancer() -> str:
    return (ROOT / "docker/scale/haproxy.cfg").read_text("utf-8")


def test_every_volume_secret_and_service_it_names_exists() -> None:
    whole = compose()
    for service in whole["services"].values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (ROOT / "docker" / source).exists(), source
            else:
                assert source in whole["volumes"], source
        assert set(service.get("secrets", ())) <= set(whole["secrets"])
        assert set(service.get("depends_on", ())) <= set(whole["services"])


def test_the_gateways_differ_by_their_names_alone() -> None:
    one, two = (dict(compose()["services"][name]) for name in GATEWAYS)
    names = [each.pop("environment") for each in (one, two)]
    assert one == two
    assert [each.pop("DEPESHA_STORE__GATEWAY") for each in names] == list(GATEWAYS)
    assert names[0] == names[1]


def test_its_settings_are_settings_the_gateway_takes(tmp_path: Path, monkeypatch: Any) -> None:
    file = tmp_path / "depesha.toml"
    file.write_text(
        render_default(name="Агенция Образец", identifier="000000002", guid=""), "utf-8"
    )
    for name in [name for name in os.environ if name.startswith("DEPESHA_")]:
        monkeypatch.delenv(name)
    for name, value in compose()["services"]["two"]["environment"].items():
        monkeypatch.setenv(name, value)
    settings = load(file)
    assert settings.store.gateway == "two"
    assert str(settings.store.postgres_file) == "/run/secrets/postgres_url"
    assert settings.registry.kind == "external"


def test_no_service_has_more_rights_than_it_needs() -> None:
    services = compose()["services"]
    for name in (*GATEWAYS, "balancer"):
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
    for service in services.values():
        assert "no-new-privileges:true" in service["security_opt"]
        for key, value in service.get("environment", {}).items():
            assert "PASSWORD" not in key or value.startswith("/run/secrets/"), key
    published = {name for name, service in services.items() if service.get("ports")}
    assert published == {"balancer"}
    inner = [port for port in services["balancer"]["ports"] if not port.startswith("127.0.0.1:")]
    assert inner == ["8440:8440"]
    assert "/docker/secrets/" in (ROOT / ".gitignore").read_text("utf-8").splitlines()


def test_they_may_stop_as_slowly_as_their_listeners() -> None:
    grace = compose()["services"]["one"]["stop_grace_period"]
    assert float(grace[:-1]) > STOP_SECONDS + 3 * (CLOSE_SECONDS + LINGER_SECONDS)


def test_the_balancer_knows_every_gateway_at_every_listener_and_asks_readyz() -> None:
    text = balancer()
    found = set(re.findall(r"^\s+server (\w+) (\w+):(\d+)", text, re.MULTILINE))
    assert found == {(name, name, port) for name in GATEWAYS for port in ("8440", "8441", "8442")}
    assert "httpchk GET /readyz" in text
    assert "check port 8442" in text
    assert "mode tcp" in text
    assert "mode http" not in text
    balanced = {port.split(":")[-1] for port in compose()["services"]["balancer"]["ports"]}
    assert balanced == set(re.findall(r"^\s+bind :(\d+)", text, re.MULTILINE))
