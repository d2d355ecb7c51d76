"""Writes the lock files from pyproject.toml, and checks without any network that they are in step.

    python scripts/lock.py            refresh requirements/*.txt, keeping versions that still fit
    python scripts/lock.py --upgrade  refresh, taking the newest versions
    python scripts/lock.py --check    exit 1 where a file was not made from this pyproject.toml

Files hold exact versions with hashes for Python 3.11 to 3.13 and name no package index.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "requirements"
FILES: dict[str, tuple[str, ...]] = {
    "run": (),
    "build": (),
    "dev": ("--group", "dev"),
}
MARK = "# made from: sha256:"
WHEELS_ONLY = ("--only-binary", "lxml", "--only-binary", "xmlsec")


def fingerprint() -> str:
    """Digest of everything in pyproject.toml that decides what is installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    told = {
        "python": project["project"]["requires-python"],
        "run": project["project"]["dependencies"],
        "groups": project["dependency-groups"],
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def compile_all(options: list[str]) -> None:
    """Let uv resolve each file."""
    for name, choice in FILES.items():
        target = FOLDER / f"{name}.txt"
        source = ["--group", "build"] if name == "build" else ["pyproject.toml", *choice]
        command = [
            *(sys.executable, "-m", "uv", "pip", "compile", *source, *options),
            *("--universal", "--generate-hashes", "--no-emit-index-url", "--quiet"),
            *("--python-version", "3.11", "--no-header", "-o", str(target), *WHEELS_ONLY),
        ]
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        body = target.read_text(encoding="utf-8")
        head = f"# Locked with hashes; refresh with `make lock`.\n{MARK}{fingerprint()}\n"
        target.write_text(head + body, encoding="utf-8")


def faults() -> list[str]:
    """Say in which way the files are out of step."""
    found = []
    for name in FILES:
        path = FOLDER / f"{name}.txt"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        if f"{MARK}{fingerprint()}\n" not in text:
            found.append(f"{path.name} was not made from this pyproject.toml: run `make lock`")
        if re.search(r"https?://|--(extra-)?index", text):
            found.append(f"{path.name} names a package index")
        bare = re.findall(r"^([A-Za-z0-9_.-]+)==[^\n\\]*$", text, re.MULTILINE)
        if bare:
            found.append(f"{path.name} holds packages without hashes: {', '.join(bare)}")
    return found


def main() -> int:
    """Refresh or check."""
    if "--check" not in sys.argv:
        compile_all(sys.argv[1:])
    told = faults()
    for line in told:
        print(f"lock: {line}", file=sys.stderr)
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
