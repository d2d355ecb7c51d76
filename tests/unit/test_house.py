"""The repository keeps its word: documents, container and lock files are in step with the code."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from depesha.app.listeners import CLOSE_SECONDS, LINGER_SECONDS
from depesha.cli import depesha
from depesha.gateway.service import STOP_SECONDS

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DOCUMENTS = sorted(
    path
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    if ".venv" not in path.parts
)


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def names(requirements: list[Any]) -> set[str]:
    plain = [one for one in requirements if isinstance(one, str)]
    return {re.split(r"[\s<>=!~;\[]", one, maxsplit=1)[0].lower() for one in plain}


def declared() -> set[str]:
    groups = PROJECT["dependency-groups"].values()
    return names(PROJECT["project"]["dependencies"]).union(*(names(group) for group in groups))


# --- dependencies ------------------------------------------------------------------------------


def test_every_dependency_has_its_line_and_no_other() -> None:
    page = text_of("docs/dependencies.md").partition("## Beside Python")[0]
    lines = re.findall(r"^\| ([a-z0-9][a-z0-9-]*) \| (.+) \| (.+) \| (.+) \|$", page, re.MULTILINE)
    assert {line[0] for line in lines} == declared()
    assert len(lines) == len({line[0] for line in lines})


def test_every_dependency_that_runs_is_used() -> None:
    modules = {
        "argon2-cffi": "argon2",
        "pyhanko-certvalidator": "pyhanko_certvalidator",
        "prometheus-client": "prometheus_client",
        "pydantic-settings": "pydantic_settings",
        "python-magic": "magic",
    }
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    unused = [
        name
        for name in sorted(names(PROJECT["project"]["dependencies"]))
        if not re.search(rf"^\s*(import|from) {modules.get(name, name)}\b", code, re.MULTILINE)
    ]
    assert unused == []


def test_lock_files_are_in_step_and_name_no_index() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/lock.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_installed_is_what_is_locked() -> None:
    """lxml and xmlsec must share libxml2's line: pinned and installed versions are the same."""
    from importlib.metadata import version  # noqa: PLC0415 -- for this test alone

    locked = dict(
        re.findall(r"^([a-z0-9-]+)==(\S+)", text_of("requirements/run.txt"), re.MULTILINE)
    )
    assert {name: version(name) for name in ("lxml", "xmlsec")} == {
        name: locked[name] for name in ("lxml", "xmlsec")
    }


# --- documents ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_documents_name_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    missing = [link for link in links if not (path.parent / link).exists()]
    for name in re.findall(r"`([a-z_./-]+/[A-Za-z0-9_.-]*\.(?:py|md|toml|txt|yaml))`", text):
        places = (ROOT / name, ROOT / "src/depesha" / name, path.parent / name)
        if not any(place.exists() for place in places):
            missing.append(name)
    allowed = {"gateway/checks/<name>.py"}
    assert [name for name in missing if name not in allowed] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_make_targets_and_commands_that_documents_name_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", text_of("Makefile"), re.MULTILINE))
    wanted = set(re.findall(r"(?:`|^)make ([a-z]+)", text, re.MULTILINE))
    assert wanted <= targets
    commands = set(re.findall(r"(?:`|^|\$ )depesha ([a-z]+(?:-[a-z]+)*)", text, re.MULTILINE))
    assert commands <= set(depesha.commands)


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(path.name[:4]) for path in sorted((ROOT / "docs/adr").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_repository_speaks_of_itself_alone() -> None:
    folders = ("src", "tests", "bench", "scripts", "docs", "docker", "requirements", ".ci")
    files = [ROOT / "Makefile", ROOT / "pyproject.toml", *ROOT.glob("*.md")]
    files += [path for folder in folders for path in (ROOT / folder).rglob("*")]
    forbidden = re.compile(r"/work/(main|shared)|/root/|/home/[a-z]|/tmp/house")
    kinds = {".py", ".md", ".toml", ".txt", ".yaml", ".sql", ".po", ".xsd", ".wsdl", ""}
    hits = [
        str(path.relative_to(ROOT))
        for path in files
        if path.is_file()
        and path.suffix in kinds
        and path != Path(__file__)
        and forbidden.search(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert hits == []


# --- make, set-up, container ---------------------------------------------------------------------


def test_make_has_what_is_promised_and_sets_up_first() -> None:
    text = text_of("Makefile")
    for target in ("demo", "test", "lint", "bench", "crash", "attack", "fuzz"):
        assert re.search(rf"^{target}: setup", text, re.MULTILINE), target
    assert re.search(r"^clean:", text, re.MULTILINE)


@pytest.mark.parametrize("name", ["scripts/setup", ".ci/run"])
def test_scripts_are_strict_and_runnable(name: str) -> None:
    assert "set -euo pipefail" in text_of(name)
    assert (ROOT / name).stat().st_mode & stat.S_IXUSR
    assert subprocess.run(["bash", "-n", ROOT / name], check=False).returncode == 0


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(text_of("docker/compose.yaml"))
    return loaded


def test_the_compose_file_names_what_exists() -> None:
    services = compose()["services"]
    build = services["gateway"]["build"]
    assert (ROOT / "docker" / build["context"] / build["dockerfile"]).is_file()
    for service in services.values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (ROOT / "docker" / source).exists(), source
            else:
                assert source in compose()["volumes"], source


def test_the_container_may_stop_as_slowly_as_its_listeners() -> None:
    """Each of the three listeners may wait for its answers under way, one after the other."""
    grace = compose()["services"]["gateway"]["stop_grace_period"]
    assert grace.endswith("s")
    assert float(grace[:-1]) > STOP_SECONDS + 3 * (CLOSE_SECONDS + LINGER_SECONDS)


def test_the_container_has_no_rights_it_does_not_need() -> None:
    gateway = compose()["services"]["gateway"]
    assert gateway["read_only"] is True
    assert gateway["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in gateway["security_opt"]
    final = text_of("docker/Dockerfile").split("\nFROM ")[-1]
    assert re.search(r"^USER (?!root|0)", final, re.MULTILINE)
    assert "HEALTHCHECK" in final
    assert "/healthz" in final
    assert '"-P"' in final


def test_the_image_copies_only_what_exists_and_is_let_in() -> None:
    let_in = [line[1:] for line in text_of(".dockerignore").splitlines() if line.startswith("!")]
    for line in re.findall(r"^COPY (?!--from)(.+)$", text_of("docker/Dockerfile"), re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert source.split("/")[0] in let_in, source


def test_the_scanners_limits_are_not_below_the_gateways() -> None:
    from depesha.config import LimitsSection  # noqa: PLC0415 -- for this test alone

    limits, units = LimitsSection(), {"M": 2**20, "G": 2**30}
    found = dict(re.findall(r"^(\w+) (\d+[MG])$", text_of("docker/clamd.conf"), re.MULTILINE))
    sizes = {key: int(value[:-1]) * units[value[-1]] for key, value in found.items()}
    assert sizes["MaxFileSize"] >= limits.scanner_file_bytes
    assert sizes["StreamMaxLength"] >= limits.scanner_file_bytes
    assert sizes["MaxScanSize"] >= limits.scanner_file_bytes


def test_tests_hide_no_module_of_the_standard_library() -> None:
    hiding = [
        path.name for path in (ROOT / "tests").iterdir() if path.name in sys.stdlib_module_names
    ]
    assert hiding == []
    assert not (ROOT / "tests/queue").exists()
    assert os.fspath(ROOT / "src") not in os.environ.get("PYTHONPATH", "").split(os.pathsep)
