"""The settings of one gateway of a country, its ports, and small files. No process here."""

from __future__ import annotations

import itertools
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from depesha.schemas.envelope import Party
from depesha.simulators.tls import KeyFiles

_FIRST_PORT: Final = 20_000
_PORTS: Final = 12_000
_STEPS: Final = itertools.count(os.getpid() * 37)


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Return ports that are free now and that the kernel gives to nobody by itself.

    They lie below its own range (32768 on Linux), for they are used only a moment later; this
    process never gets the same one twice.
    """
    found: list[int] = []
    for step in _STEPS:
        port = _FIRST_PORT + step % _PORTS
        with socket.socket() as one:
            try:
                one.bind((host, port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            break
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything one gateway's settings file needs."""

    folder: Path
    party: Party
    keys: KeyFiles
    scanner: str
    register_url: str
    revocation_list: Path
    partners_port: int
    registry_port: int
    operators_port: int
    host: str = "127.0.0.1"
    register_refresh_seconds: float = 2.0
    announced_url: str = ""
    """Where the participants' register sends peers, if not straight to us."""
    seos: bool = True
    """Whether it speaks SEOS at all."""
    networks: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Sections of further networks."""
    settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Further keys by section, laid over what is written anyway."""

    def sections(self) -> dict[str, dict[str, object]]:
        """The settings, section by section."""
        trusted = str(self.keys.trusted)
        sections: dict[str, dict[str, object]] = {
            "participant": {
                "name": self.party.name,
                "identifier": self.party.identifier,
                "guid": self.guid,
            },
            "keys": {
                "certificate": str(self.keys.certificate),
                "key": str(self.keys.key),
                "trusted": [trusted],
            },
            "listen": {
                "partners": f"{self.host}:{self.partners_port}",
                "registry": f"{self.host}:{self.registry_port}",
                "operators": f"{self.host}:{self.operators_port}",
            },
            "store": {"folder": "store"},
            "scanner": {"addresses": [self.scanner]},
            "registry": {"kind": "external"},
        }
        seos = self._seos(trusted) if self.seos else {}
        for further in (seos, self.networks, self.settings):
            for name, keys in further.items():
                sections.setdefault(name, {}).update(keys)
        return sections

    @property
    def guid(self) -> str:
        """The participant's GUID as demo.json and the settings have it; empty without one."""
        return "{" + self.party.guid + "}" if self.party.guid else ""

    def _seos(self, trusted: str) -> dict[str, dict[str, object]]:
        return {
            "networks.seos": {
                "register_url": self.register_url,
                "register_refresh_seconds": self.register_refresh_seconds,
                "register_authorities": [trusted],
                "peer_authorities": [trusted],
            },
            "networks.seos.trust": {
                "authorities": [trusted],
                "revocation_lists": [str(self.revocation_list)],
            },
        }


def toml(sections: Mapping[str, Mapping[str, object]]) -> str:
    """Write sections of plain values, lists and tables within them as TOML."""
    lines = []
    for name, keys in sections.items():
        lines.append(f"[{name}]")
        lines += [f"{key} = {_value(value)}" for key, value in keys.items()]
        lines.append("")
    return "\n".join(lines)


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_value(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)  # JSON's texts and numbers are TOML's too


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read; blocking."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_bytes(content)
