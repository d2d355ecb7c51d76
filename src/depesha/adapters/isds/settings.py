"""What an operator may set about ISDS. Plain values: nothing is opened or believed here.

`app.py` turns the key files into TLS contexts and the password's file into a log-in.
"""

from __future__ import annotations

from datetime import time
from enum import StrEnum
from typing import Annotated

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

_Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9.\-]{1,200}(:[0-9]{1,5})?$")]
_Box = Annotated[str, Field(pattern=r"^[a-z0-9]{7}$")]


class LoginKind(StrEnum):
    """How the gateway shows who it is (facts 1.2); kinds with a code by telephone are left out."""

    PASSWORD = "PASSWORD"  # noqa: S105 -- a name, no secret
    """User name and password; the password runs out."""
    CERTIFICATE = "CERTIFICATE"
    """System certificate registered for the box: what the operator of ISDS recommends."""
    CERTIFICATE_PASSWORD = "CERTIFICATE_PASSWORD"  # noqa: S105 -- a name, no secret
    """A user's certificate together with name and password."""
    HOSTED = "HOSTED"
    """One certificate for many boxes; the box's own id is the user name, the password empty."""

    @property
    def prefix(self) -> str:
        """Part of the path before `/DS/`, with its slash; empty for a password alone."""
        return {
            LoginKind.PASSWORD: "",
            LoginKind.CERTIFICATE: "/cert",
            LoginKind.CERTIFICATE_PASSWORD: "/certds",
            LoginKind.HOSTED: "/hspis",
        }[self]

    @property
    def has_certificate(self) -> bool:
        """True where TLS shows a client certificate."""
        return self is not LoginKind.PASSWORD

    @property
    def has_password(self) -> bool:
        """True where a user name and a password are sent."""
        return self in {LoginKind.PASSWORD, LoginKind.CERTIFICATE_PASSWORD}


class IsdsBoxSettings(BaseModel):
    """One data box and the log-in to it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    box_id: _Box
    """Seven characters."""
    login: LoginKind = LoginKind.CERTIFICATE
    user: str = Field(default="", repr=False)
    """User name, for the kinds that have a password."""
    password_file: str = ""
    """File that holds the password and nothing else; read again after it was changed."""
    client_certificate: str = ""
    """PEM file, for the kinds that have a certificate."""
    client_key: str = ""

    @model_validator(mode="after")
    def _whole(self) -> IsdsBoxSettings:
        if self.login.has_password != bool(self.user and self.password_file):
            raise ValueError("user and password_file belong to log-ins with a password")
        if self.login.has_certificate != bool(self.client_certificate and self.client_key):
            raise ValueError("client_certificate and client_key belong to log-ins with them")
        return self


class WorkingTime(BaseModel):
    """When received messages are listed: listing is what counts as logging in (facts 3)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zone: str = "Europe/Prague"
    weekdays: tuple[Annotated[int, Field(ge=0, le=6)], ...] = (0, 1, 2, 3, 4)
    """Monday is 0."""
    start: time = time(6)
    end: time = time(20)

    @model_validator(mode="after")
    def _ordered(self) -> WorkingTime:
        if self.end <= self.start:
            raise ValueError("working time ends after it starts, on the same day")
        return self


class IsdsSettings(BaseModel):
    """Settings of the ISDS channel; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    environment: str = "production"
    """Names the installation: message numbers are unique within one only."""
    boxes: tuple[IsdsBoxSettings, ...] = Field(min_length=1)
    host: _Host = "ws1.datovka.gov.cz"
    """Host of the ordinary services, log-in by password (facts 1.1, 1.2)."""
    big_host: _Host = "ws2.datovka.gov.cz"
    """Host of big messages and of archiving; throttled, so never used for small ones."""
    certificate_host: _Host = "ws1c.datovka.gov.cz"
    """As `host`, for log-ins with a certificate."""
    big_certificate_host: _Host = "ws2c.datovka.gov.cz"
    """As `big_host`, for log-ins with a certificate."""
    authorities: tuple[str, ...] = ()
    """PEM files of CAs for the service's TLS certificates; empty: the system's."""
    seal_authorities: tuple[str, ...] = Field(min_length=1)
    """PEM files of CAs that a paper's seal must lead to (facts 9.1)."""
    stamp_authorities: tuple[str, ...] = Field(min_length=1)
    """PEM files of CAs that time stamps must lead to."""
    user_agent: Annotated[str, Field(pattern=r"^[\x20-\x7e]{1,128}$")] = "Depesha"

    connect_seconds: PositiveFloat = 15.0
    answer_seconds: PositiveFloat = 120.0
    """An ordinary call, whole."""
    upload_seconds: Annotated[float, Field(gt=240)] = 300.0
    """Silence after an upload: the scanner there may take 240 s (facts 8.1)."""
    transfer_seconds: PositiveFloat = 1800.0
    """A whole big message, in or out."""
    connections: Annotated[int, Field(ge=1, le=8)] = 2
    """At once, of one log-in: more are refused, not served sooner (facts 11)."""

    poll_minutes: Annotated[float, Field(ge=1)] = 5.0
    """Between two lists of one box; the official interval is not known (facts 11)."""
    poll_jitter: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Share of the interval added by chance."""
    working_time: WorkingTime | None = None
    """None: at any hour. Outside of it nothing is listed, so nothing is delivered by log-in."""
    overlap_hours: PositiveFloat = 24.0
    """Looked back further than the last message seen."""
    page_size: Annotated[int, Field(ge=1, le=1000)] = 500
    """Rows of one list; 1,000 is what ISDS gives by itself."""
    state_days: Annotated[float, Field(gt=0, le=15)] = 7.0
    """Changes of sent messages are asked for this far back; ISDS keeps 15 days."""

    answer_bytes: PositiveInt = 16 * 1024 * 1024
    """Of an answer kept in memory: lists and small words. Papers go to disk."""
    paper_bytes: PositiveInt = 256 * 1024 * 1024
    """Largest paper: a big message of 100 MB makes 130 and more (facts 8.1)."""
    message_bytes: PositiveInt = 20_000_000
    """Attachments of an ordinary message together; whether 20 MB means more is not known."""
    big_message_bytes: PositiveInt = 100_000_000
    lookup_hours: PositiveFloat = 2.0
    """An unclear message is looked for this far back before it was sent."""
