"""The settings file: every mistake is told with its line, every value with its origin."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from depesha.adapters.catalog import NETWORKS
from depesha.config import Address, LimitsSection, Settings, load, render_example, secret
from depesha.config.loading import _models_in
from depesha.config.toml import read
from depesha.errors import ConfigurationError
from depesha.schemas import policy

ROOT = Path(__file__).parents[2]
GUID = "11111111-2222-4333-8444-555555555555"
BASE = f"""\
[participant]
name = "Община Пример"
identifier = "000000001"
guid = "{{{GUID.upper()}}}"

[keys]
certificate = "keys/a.crt"
key = "/etc/depesha/a.key"
trusted = [
  "ca/one.pem",   # a comment, and ] in it
  "ca/two.pem",
]
"""
Load = Callable[[str], Settings]


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    for name in [n for n in os.environ if n.upper().startswith("DEPESHA_")]:
        monkeypatch.delenv(name)

    def make(text: str) -> Settings:
        file = tmp_path / "depesha.toml"
        file.write_text(BASE + text, encoding="utf-8")
        return load(file)

    return make


def refused(loaded: Load, text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        loaded(text)
    return str(caught.value)


def test_the_least_file_loads_and_paths_start_at_its_folder(loaded: Load, tmp_path: Path) -> None:
    settings = loaded("")
    assert settings.participant.guid == GUID
    assert settings.keys.certificate == tmp_path / "keys/a.crt"
    assert settings.keys.key == Path("/etc/depesha/a.key")
    assert settings.keys.trusted == (tmp_path / "ca/one.pem", tmp_path / "ca/two.pem")
    assert settings.store.folder == tmp_path / "store"
    assert settings.listen.partners == Address("0.0.0.0:8440")
    assert settings.path("wsdl/x.xml") == tmp_path / "wsdl/x.xml"


def test_settings_cannot_be_changed(loaded: Load) -> None:
    settings = loaded("")
    with pytest.raises(ValidationError):
        settings.log.level = "debug"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[log]\nlevle = "info"\n', "depesha.toml:14: unknown key log.levle; did you mean level?"),
        ("[lisen]\n", "depesha.toml:13: unknown key lisen; did you mean listen?"),
        ('[log]\nlevel = "loud"\n', "depesha.toml:14: log.level: should be 'debug', 'info'"),
        ("\n\n[threads]\nsize = 0\n", "depesha.toml:16: threads.size: should be greater"),
        ('[limits]\nmessage_bytes = "1 megabyte"\n', "depesha.toml:14: limits.message_bytes: a si"),
        ('[listen]\nregistry = "8441"\n', "depesha.toml:14: listen.registry: an address is wri"),
        ('[listen]\nregistry = "a:70000"\n', "depesha.toml:14: listen.registry: an address"),
        ('[listen]\nkey = "a"\n', "depesha.toml:13: listen: certificate and key are set together"),
        ('[scanner]\naddresses = ["localhost"]\n', "depesha.toml:14: scanner.addresses.0: "),
        (
            (
                '[[registry.webhooks]]\nurl = "https://a.example"\nsecret_env = "A"\n'
                '[[registry.webhooks]]\nurl = "https://b.example"\nsecret_env = "B"\n'
                'event = ["x"]\n'
            ),
            "depesha.toml:19: unknown key registry.webhooks.1.event; did you mean events?",
        ),
        ('[[registry.webhooks]]\nurl = "https://a.example"\n', "depesha.toml:13: registry.webhoo"),
        ("[log]\nlevel = \n", "depesha.toml:14: this is not TOML: invalid value"),
        ("[log]\nx = '''\nopen", "depesha.toml:15: this is not TOML: "),
    ],
)
def test_a_mistake_is_told_with_its_line(loaded: Load, text: str, told: str) -> None:
    assert told in refused(loaded, text)


def test_several_mistakes_are_told_on_one_line(loaded: Load) -> None:
    told = refused(loaded, "[log]\na = 1\nb = 2\n[seal]\nc = 3\nd = 4\ne = 5\nf = 6\n")
    assert "\n" not in told
    assert told.endswith("; and 1 more")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    file = tmp_path / "depesha.toml"
    file.write_text('[participant]\nname = "A"\n')
    with pytest.raises(ConfigurationError) as caught:
        load(file)
    assert "depesha.toml:1: participant.identifier is missing" in str(caught.value)
    assert "depesha.toml: keys is missing" in str(caught.value)


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "none.toml")
    assert "none.toml: cannot be read" in str(caught.value)
    assert "init" in caught.value.remedy


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "depesha.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        load(file)


def test_a_secret_written_into_the_file_is_refused_and_not_repeated(loaded: Load) -> None:
    with pytest.raises(ConfigurationError) as caught:
        loaded('[[registry.webhooks]]\nurl = "https://a.example"\nsecret = "hunter2hunter2"\n')
    told = str(caught.value)
    assert "did you mean secret_" in told
    assert "hunter2" not in told


def test_the_environment_wins_and_is_named(loaded: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPESHA_LOG__LEVEL", "debug")
    monkeypatch.setenv("DEPESHA_LIMITS__MESSAGE_BYTES", "2 MiB")
    monkeypatch.setenv("DEPESHA_LISTEN__PARTNERS", "127.0.0.1:9440")
    monkeypatch.setenv("DEPESHA_SCANNER__ADDRESSES", '["tcp:scan.example:3310"]')
    settings = loaded('[log]\nlevel = "error"\nformat = "text"\n')
    assert (settings.log.level, settings.log.format) == ("debug", "text")
    assert settings.limits.message_bytes == 2 * 2**20
    assert settings.listen.partners.port == 9440
    origins = {one.key: one.origin for one in settings.sources()}
    assert origins["log.level"] == "DEPESHA_LOG__LEVEL"
    assert origins["log.format"] == "line 15"
    assert origins["scanner.addresses"] == "DEPESHA_SCANNER__ADDRESSES"
    assert origins["threads.size"] == "default"
    assert origins["keys.trusted"] == "line 9"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("DEPESHA_LOG__LEVEL", "loud", "DEPESHA_LOG__LEVEL: log.level: should be"),
        ("DEPESHA_LOG__LEVLE", "info", "DEPESHA_LOG__LEVLE: unknown key log.levle; did you mean"),
        ("DEPESHA_LOGG__LEVEL", "info", "DEPESHA_LOGG__LEVEL: no section [logg]; did you mean log"),
        ("DEPESHA_LOG", "{", "one of DEPESHA_LOG is not the JSON"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(
    loaded: Load, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    assert told in refused(loaded, "")


def test_a_token_in_the_environment_is_no_setting(
    loaded: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPESHA_TOKEN", "abc")
    assert loaded("").log.level == "info"


def test_networks_are_kept_as_written_and_their_mistakes_have_lines(loaded: Load) -> None:
    settings = loaded('[networks.seos]\nregister = "https://a.example"\n\nretries = "x"\n')
    assert settings.networks["seos"] == {"register": "https://a.example", "retries": "x"}
    assert settings.locate(("networks", "seos", "retries")) == 16
    assert settings.locate(("networks", "seos", "nothing")) == 13

    class Seos(BaseModel):
        model_config = ConfigDict(extra="forbid")
        registry: str = ""
        retries: int = 0

    with pytest.raises(ValidationError) as caught:
        Seos(**settings.networks["seos"])
    told = str(settings.reject(caught.value, Seos, ("networks", "seos")))
    assert "depesha.toml:16: networks.seos.retries: should be a valid integer" in told
    assert "depesha.toml:14: unknown key networks.seos.register; did you mean registry?" in told


def test_sources_never_show_what_may_be_a_secret(loaded: Load) -> None:
    settings = loaded('[networks.mail]\npassword = "hunter2"\npassword_env = "MAIL"\n')
    values = {one.key: one.value for one in settings.sources()}
    assert values["networks.mail.password"] == "[not shown]"
    assert values["networks.mail.password_env"] == "MAIL"


def test_sources_tell_whether_a_secret_is_there_and_where_values_stand(
    loaded: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL", "hunter2")
    settings = loaded(
        '[networks.mail]\npassword_env = "MAIL"\nother_env = "NONE"\nurl = "ldap://me:pw@host/x"\n'
        'partners = [{name = "a", pin = "1234"}]\n'
    )
    found = {one.key.removeprefix("networks.mail."): one for one in settings.sources()}
    assert (found["password_env"].secret, found["other_env"].secret) == (True, False)
    assert found["url"].value == "ldap://[not shown]@host/x"
    assert (found["partners.0.pin"].value, found["partners.0.pin"].secret) == ("[not shown]", True)
    assert found["partners.0.name"].line == found["url"].line + 1
    assert (found["store.folder"].line, found["store.folder"].secret) == (0, None)
    assert "hunter2" not in str(settings.sources())
    assert "1234" not in str(settings.sources())


class Mail(BaseModel):
    retries: int = 0
    host: str = "mail.example"


def test_sources_tell_the_defaults_of_networks_whose_models_are_known(loaded: Load) -> None:
    settings = loaded("[networks.mail]\nretries = 7\n")
    found = {one.key: one for one in settings.sources({"mail": Mail})}
    assert found["networks.mail.retries"].origin.startswith("line ")
    assert found["networks.mail.host"].origin == "default"


def test_limits_and_defaults_are_those_of_the_policy() -> None:
    wanted = {f.name: f.default for f in dataclasses.fields(policy.Limits)}
    assert LimitsSection().model_dump() == wanted


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [("7", 7), ("1 kB", 1_000), ("3KiB", 3_072), ("100 MiB", 104_857_600), ("2 GB", 2 * 10**9)],
)
def test_sizes_may_be_written_with_units(loaded: Load, text: str, bytes_: int) -> None:
    assert loaded(f'[limits]\nmessage_bytes = "{text}"\n').limits.message_bytes == bytes_


def test_an_address_may_be_of_the_sixth_version(loaded: Load) -> None:
    address = loaded('[listen]\npartners = "[::1]:8440"\n').listen.partners
    assert (address.host, address.port) == ("::1", 8440)
    assert address == "[::1]:8440"


# --- secrets ---------------------------------------------------------------------------------


def test_a_secret_comes_from_where_it_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", "from-env")
    (tmp_path / "hook").write_text("from-file\nsecond line\n")
    assert secret(env="HOOK") == "from-env"
    assert secret(file=tmp_path / "hook") == "from-file"
    assert secret() is None


def test_a_missing_secret_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(ConfigurationError, match="NO_SUCH"):
        secret(env="NO_SUCH")
    with pytest.raises(ConfigurationError, match="is empty"):
        secret(file=tmp_path / "empty")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        secret(file=tmp_path / "none")


# --- lines -----------------------------------------------------------------------------------


def test_every_form_of_key_has_its_line() -> None:
    text = (
        "a = 1\n[b]\n'c d' = [\n 1,\n {x = 2},\n]\n[b.e]\nf.g = '''\n[b.h]\nz = 1\n'''\n"
        "h = {i = 1}\n[[k]]\nm = 1\n[[k]]\nm = 2\n[[k.n]]\no = 1\n[p . 'q']\nr = 1\n"
    )
    document = read(text, "x.toml")
    for path, line in {
        ("a",): 1,
        ("b",): 2,
        ("b", "c d"): 3,
        ("b", "c d", "1", "x"): 3,
        ("b", "e"): 7,
        ("b", "e", "f", "g"): 8,
        ("b", "e", "h", "i"): 12,
        ("k",): 13,
        ("k", "0", "m"): 14,
        ("k", "1", "m"): 16,
        ("k", "1", "n", "0", "o"): 18,
        ("p", "q", "r"): 20,
        ("nothing",): 0,
    }.items():
        assert document.locate(path) == line, path


# --- the example file -------------------------------------------------------------------------


def example() -> str:
    return (ROOT / "docs" / "depesha.example.toml").read_text(encoding="utf-8")


def uncommented(text: str) -> str:
    """The example with every default switched on; of two alternatives the first stays."""
    lines = []
    for line in text.splitlines():
        bare = line.removeprefix("# ")
        key = bare.split("=")[0].strip()
        switch = bare != line and (
            bare.startswith("[") or (" = " in bare and key.replace("_", "").isalpha())
        )
        if key != "secret_file":
            lines.append(bare if switch else line)
    return "\n".join(lines)


def test_the_example_loads(tmp_path: Path) -> None:
    file = tmp_path / "depesha.toml"
    file.write_text(example(), encoding="utf-8")
    assert load(file).participant.name == "Община Пример"


def test_the_example_is_what_init_writes() -> None:
    assert example() == render_example(), "run `make example`"


def test_the_example_names_every_key_and_shows_the_defaults(tmp_path: Path) -> None:
    full, least = tmp_path / "full.toml", tmp_path / "least.toml"
    full.write_text(uncommented(example()), encoding="utf-8")
    least.write_text(example(), encoding="utf-8")
    shown, plain = load(full), load(least)
    named = {one.key for one in shown.sources() if one.origin != "default"}
    wanted = {f"{section}.{key}" for section, key in _all_keys()}
    differ = {"listen.certificate", "listen.key", "formats.allowed"}
    differ |= {"outbound.kinds", "outbound.folder", "store.postgres_file"}
    values = {one.key: one.value for one in plain.sources()}
    assert wanted <= named
    for one in shown.sources():
        if one.key in wanted - differ:
            assert one.value == values[one.key], one.key


def test_the_example_shows_every_key_of_every_network(tmp_path: Path) -> None:
    full = tmp_path / "full.toml"
    full.write_text(uncommented(example()), encoding="utf-8")
    shown = load(full).networks
    assert set(shown) == set(NETWORKS)
    for name, model in NETWORKS.items():
        read_ = model.model_validate(shown[name])
        assert _named(shown[name], read_) == [], name
        assert read_ == model.model_validate(_needed(shown[name], model)), name


def _needed(given: dict[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """Only what has no default: everything else must be what the example shows."""
    least: dict[str, Any] = {}
    for key, field in model.model_fields.items():
        inner = next(iter(_models_in(field.annotation)), None)
        if key in {"partners", "boxes"}:
            least[key] = given[key]
        elif inner is not None:
            least[key] = _needed(given[key], inner)
        elif field.is_required():
            least[key] = given[key]
    return least


def _named(given: dict[str, Any], model: BaseModel) -> list[str]:
    """Keys of the model that the table does not name."""
    missing = [key for key in type(model).model_fields if key not in given]
    for key, inner in model:
        if isinstance(inner, BaseModel) and key in given:
            missing += _named(given[key], inner)
    return missing


_NO_LEAVES = {"webhooks", "addresses"}
"""Lists of tables, and tables that are empty by default: they have no value of their own."""


def _all_keys() -> list[tuple[str, str]]:
    keys = []
    for section, field in Settings.model_fields.items():
        for model in _models_in(field.annotation):
            keys += [(section, key) for key in _keys_of(model)]
    return keys


def _keys_of(model: type[BaseModel]) -> list[str]:
    keys = []
    for key, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            keys += [f"{key}.{deeper}" for deeper in _keys_of(inner)]
        elif key not in _NO_LEAVES:
            keys.append(key)
    return keys
