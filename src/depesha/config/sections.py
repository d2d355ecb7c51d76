"""Every section of the settings file: its keys, their meaning, units and defaults. Values only.

All models are frozen and refuse unknown keys, nested ones too: a misspelt key must never be
swallowed. Defaults repeat those of `schemas.policy`, which may not be imported from here; a test
keeps the two equal.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PositiveInt,
    model_validator,
)
from pydantic_core import core_schema

BASE: ContextVar[Path] = ContextVar("depesha_settings_folder")
"""Folder of the file being loaded: relative paths start there."""

_UNITS = {"": 1, "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}
_UNITS |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_SIZE = re.compile(r"([0-9]+)\s*([A-Za-z]*)")
_GUID = re.compile(r"\{?([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\}?")
_ADDRESS = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([^:\[\]\s]+)):([0-9]{1,5})")
_MAX_PORT = 65535
MEBIBYTE = 2**20


class Address(str):
    """`host:port` where a listener binds; port 0 lets the system choose."""

    __slots__ = ("host", "port")
    host: str
    port: int

    def __new__(cls, text: str) -> Self:
        """Parse; raise `ValueError` for anything else than host and port."""
        match = _ADDRESS.fullmatch(text.strip())
        if match is None or int(match[3]) > _MAX_PORT:
            raise ValueError('an address is written "host:port", with IPv6 hosts in brackets')
        made = super().__new__(cls, text.strip())
        made.host, made.port = match[1] or match[2], int(match[3])
        return made

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it. Another name than `localhost` is never believed."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower() == "localhost"

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: type[Any], _handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """A text that is parsed."""
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())


def _size(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value.strip())
    if match is None or match[2] not in _UNITS:
        raise ValueError('a size is a number of bytes or a text such as "100 MiB"')
    return int(match[1]) * _UNITS[match[2]]


def _guid(value: str) -> str:
    if not value.strip():
        return ""
    match = _GUID.fullmatch(value.strip())
    if match is None:
        raise ValueError("a GUID has 32 hex digits in groups of 8-4-4-4-12")
    return match[1].lower()


def _zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError('a time zone is named as in "Europe/Sofia"')
    return value


def _rooted(value: Path) -> Path:
    return BASE.get(Path()) / value


Size = Annotated[int, BeforeValidator(_size), Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(gt=0)]
Rooted = Annotated[Path, AfterValidator(_rooted)]


class Section(BaseModel):
    """Base of all sections."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True
    )


class ParticipantSection(Section):
    """Who this gateway is in the networks' registers."""

    name: Annotated[str, Field(min_length=1)]
    identifier: Annotated[str, Field(min_length=1, pattern=r"^[0-9A-Za-z]+$")]
    """EIK."""
    guid: Annotated[str, AfterValidator(_guid)] = ""
    """In the register of SEOS; empty where SEOS is not spoken."""
    phone: str = ""
    email: str = ""


class Keys(Section):
    """The key that signs and stands for us, its certificate, and whom we trust."""

    certificate: Rooted
    key: Rooted
    key_password_env: str = ""
    """Name of the environment variable that holds the key's password."""
    trusted: tuple[Rooted, ...] = ()
    """PEM files of the CAs that may issue partners' certificates."""


class Listen(Section):
    """Three listeners, so that a firewall can part them."""

    partners: Address = Address("0.0.0.0:8440")
    registry: Address = Address("127.0.0.1:8441")
    operators: Address = Address("127.0.0.1:8442")
    client_certificates: Literal["required", "optional"] = "required"
    """Whether partners must show a certificate in TLS (facts 2.4)."""
    registry_tls: bool = False
    operators_tls: bool = False
    operators_plain: bool = False
    """True: the console is served without TLS beyond this machine, where something else keeps
    strangers away from it; passwords then travel in clear to whoever stands in between."""
    idle_seconds: Seconds = 75.0
    """Longest wait for a whole request head, and between two requests of one connection."""
    partners_connections: PositiveInt = 256
    """Connections of partners at once, some 0.3 MB each; further callers wait in the kernel's
    queue for their turn. More than the networks' `concurrency`, or places for calls stay empty."""
    certificate: Rooted | None = None
    """Server certificate where it is not the one that signs."""
    key: Rooted | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> Listen:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key are set together or not at all")
        return self

    @property
    def operators_bare(self) -> bool:
        """Whether others than this machine could reach the operators' listener without TLS."""
        return not (self.operators.loopback or self.operators_tls or self.operators_plain)


class Store(Section):
    """Where everything durable lives: in a folder, or in PostgreSQL and a folder of files.

    Several gateways may share a PostgreSQL database; then they share the folder, too.
    """

    folder: Rooted = Path("store")
    postgres_env: str = ""
    """Environment variable with the address of the database, as
    `postgresql://user:password@host/name?sslmode=verify-full`; the address is a secret."""
    postgres_file: Rooted | None = None
    """File whose first line is that address; read where no variable is named."""
    gateway: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")] = "gateway"
    """Name of this gateway among those that share the database; each has its own."""
    death_seconds: Annotated[float, Field(ge=15)] = 30.0
    """A gateway that was not heard for so long loses the tasks it has in hand."""
    careless: bool = False
    """True: also a PostgreSQL that may lose what it stored, as with fsync off. For trials alone."""


class LimitsSection(Section):
    """`schemas.policy.Limits`, key by key; sizes in bytes, times in seconds."""

    message_bytes: Size = 160 * MEBIBYTE
    attachment_bytes: Size = 100 * MEBIBYTE
    attachments: Count = 100
    name_characters: Count = 255
    archive_depth: Count = 3
    archive_members: Count = 2_000
    archive_unpacked_bytes: Size = 1024 * MEBIBYTE
    archive_ratio: Annotated[int, Field(ge=1)] = 200
    scanner_file_bytes: Size = 100 * MEBIBYTE
    scan_seconds: Seconds = 60.0
    clock_difference_seconds: Annotated[int, Field(ge=1)] = 24 * 3600
    directory_stale_seconds: Annotated[int, Field(ge=1)] = 24 * 3600


class Formats(Section):
    """Which attached files may pass."""

    allowed: tuple[str, ...] | None = None
    """Media types; None takes the built-in list."""
    macros_allowed: bool = False
    archives_allowed: bool = True
    unknown_held: bool = True
    """False: a file of unknown type is refused instead of held."""


class Scanner(Section):
    """The malware scanners: `unix:/path` or `tcp:host:port`, asked in this order."""

    addresses: Annotated[
        tuple[Annotated[str, Field(pattern=r"^(unix:/.+|tcp:.+:[0-9]{1,5})$")], ...],
        Field(min_length=1),
    ] = ("unix:/run/clamav/clamd.ctl",)
    seconds: Seconds = 60.0
    """Longest wait for one file's verdict."""


class Webhook(Section):
    """One address of the registry that wants to be told."""

    url: Annotated[str, Field(pattern=r"^https?://.+")]
    name: str = ""
    """Stands in tasks and metrics; empty: `webhook-1` and so on, by its place in the file."""
    secret_env: str = ""
    secret_file: Rooted | None = None
    events: tuple[str, ...] = ()
    """Names of events; empty: all."""
    plain_http: bool = False
    """True allows `http:`, for a listener on the same machine."""

    @model_validator(mode="after")
    def _one_reference(self) -> Webhook:
        if bool(self.secret_env) == bool(self.secret_file):
            raise ValueError("exactly one of secret_env and secret_file is needed")
        return self


class RegistrySection(Section):
    """The document registry behind this gateway."""

    kind: Literal["external", "builtin"] = "external"
    template: str = "{index}-{serial}/{date}"
    """How the built-in registry writes a number (NUM-07)."""
    index: str = "ВХ"
    """Registration index of incoming documents, for the template."""
    zone: Annotated[str, AfterValidator(_zone)] = "Europe/Sofia"
    """Time zone in which the built-in registry's days and years turn."""
    tokens: Rooted = Path("keys/tokens.json")
    """Hashes of the tokens that may ask the API."""
    own_token: Rooted = Path("keys/cli.token")
    """The token with which the commands on this machine ask; readable by its owner only."""
    webhooks: tuple[Webhook, ...] = ()


class QuarantineSection(Section):
    """Refused bytes, kept encrypted."""

    days: Annotated[int, Field(ge=0)] = 30
    max_bytes: Size = 1024 * MEBIBYTE


class RetentionSection(Section):
    """How many years the content of ended documents is kept, from 1 January after the end.

    0: for ever. Evidence is always kept, and nothing is destroyed before two people approved it.
    """

    received_years: Annotated[int, Field(ge=0, le=200)] = 0
    refused_years: Annotated[int, Field(ge=0, le=200)] = 0
    """Refused at the door or by the registry; their bytes go earlier, see [quarantine]."""
    sent_years: Annotated[int, Field(ge=0, le=200)] = 0
    returned_years: Annotated[int, Field(ge=0, le=200)] = 0
    """Documents of ours that went back to their author."""
    numbered_ends: bool = False
    """True: a document whose number was told has ended, though the registry closed no case."""


class Seal(Section):
    """How often the evidence is sealed, whichever comes first, and with which key."""

    key: Rooted = Path("keys/seal.pem")
    """Ed25519, PEM; its public half is what auditors need."""
    every_seconds: Seconds = 60.0
    every_rows: Annotated[int, Field(ge=1)] = 1_000


_QUARTER_HOUR = 15 * 60
NOTICE_WAITS: tuple[float, ...] = (
    *(10.0, 60.0, 300.0),
    *(float(_QUARTER_HOUR * 2**n) for n in range(10)),
)
"""Three quick tries, then the network's own table of ten doubling waits (facts 9)."""


class Retry(Section):
    """When something not taken is tried again."""

    notice: Annotated[tuple[Seconds, ...], Field(min_length=1)] = NOTICE_WAITS
    """Seconds to wait before each further try; after the last one a person is asked."""
    jitter: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    """Share of a wait that chance may add."""


class Log(Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "text"] = "json"


class Threads(Section):
    """Threads that verify, sign, hash and write."""

    size: Annotated[int, Field(ge=1, le=256)] = 5
    """More than two cores need, for each message waits twice for the disk; many more only get in
    each other's way (measured: 16 gave 0.65 of the bare way where 5 gave 0.69 to 0.80).
    """


Networks = dict[str, dict[str, Any]]
"""Tables of the networks as written; `adapters/catalog.py` knows what each may hold."""
