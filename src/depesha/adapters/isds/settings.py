"""What an operator may set about ISDS. Plain values: nothing is opened or believed here.

`app.py` turns the key files into TLS contexts and the password's file into a log-in.
"""

from __future__ import annotations

from datetime import datetime, time
from enum import StrEnum
from typing import Annotated, Final

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

PRODUCTION: Final = "production"
LEAST_POLL_MINUTES: Final = 1.0
"""In production, where others' boxes are served by the same machines."""
TICK_SECONDS: Final = 15.0
"""How often it is looked whether it is time to poll, at most."""

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


class Acknowledgement(StrEnum):
    """Whether a partner is told the state of what it sent us; ISDS has no field for it (facts 12).

    Unasked-for confirmations are not customary there, so nothing is told unless it is set.
    """

    NONE = "none"
    REPLY = "reply"
    """By a message of its own, with the partner's reference number and file mark."""


class IsdsPartnerSettings(BaseModel):
    """A body that documents go to and come from, named as on all networks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    identifier: Annotated[str, Field(min_length=1, max_length=50)]
    """Its business identifier: the registry addresses it by this."""
    name: str = ""
    box_id: _Box
    acknowledgement: Acknowledgement = Acknowledgement.NONE


class IsdsSettings(BaseModel):
    """Settings of the ISDS channel; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    environment: str = PRODUCTION
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
    revocation_lists: tuple[str, ...] = ()
    """Files or addresses of revocation lists; empty: revocation is not asked about."""
    old_seals_until: str = ""
    """Seals with SHA-1 are taken where their time stamp is older than this moment, written with
    its offset (`2012-01-01T00:00:00+01:00`); empty: never."""
    stamp_required: bool = False
    """True refuses papers whose seal has no time stamp (code 0005)."""
    message_stamp_required: bool = False
    """True refuses papers without the stamp of the submission (`dmQTimestamp`)."""
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

    partners: tuple[IsdsPartnerSettings, ...] = ()
    """Bodies with a box of theirs; others are named by their box id, or looked for by IČO."""
    search: bool = True
    """Recipients that are an IČO are looked for in the directory of ISDS."""
    paid_messages: bool = False
    """True: boxes that take paid messages alone are written to (facts 6.3)."""
    personal_delivery: bool = False
    """True: ours go into the recipient's own hands."""
    fiction_allowed: bool = True
    """Ours may count as delivered after ten days; only authorities may set it false."""
    as_authority: bool = True
    """`dmOVM`: false for a box that is also an authority's and does not write as one."""
    reach_seconds: PositiveFloat = 300.0
    """So long an answer about a recipient is told again."""
    lookup_seconds: PositiveFloat = 20.0
    """Longest wait for one; then nobody can tell."""

    receive: bool = True
    """False: received messages are left to people; the list is never asked for."""
    personal_messages: bool = False
    """True: received messages into own hands are fetched too; otherwise people read them."""
    first_days: PositiveFloat = 90.0
    """The first list reaches back this far; what others marked as downloaded is left alone."""
    messages_per_poll: PositiveInt = 250
    """Fetched at most in one poll: the rest comes with the next ones (facts 11)."""
    list_pages: PositiveInt = 4
    """Lists asked for at most in one poll."""
    park_first_seconds: PositiveFloat = 300.0
    """Rest of a message that could not be fetched; doubles."""
    park_most_seconds: PositiveFloat = 86_400.0
    park_days: PositiveFloat = 100.0
    """What waits for a person is forgotten after this; ISDS erases content after 90 days."""

    poll_minutes: PositiveFloat = 5.0
    """Between two lists of one box; the official interval is not known (facts 11). Less than one
    minute is taken for simulators alone: ISDS watches accounts that list too often, slows them
    down and in the end restricts them."""
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
    lookup_pages: PositiveInt = 20
    """Of the list of sent messages, read at most in one look-up."""
    absence_seconds: PositiveFloat = 900.0
    """Before that, "not among the sent ones" is not believed: lists hide fresh messages."""
    watch_minutes: PositiveFloat = 5.0
    """Between two looks at what became of messages of ours."""
    watch_days: PositiveFloat = 60.0
    """For so long a message of ours is watched; fiction comes after ten."""

    @property
    def tick_seconds(self) -> float:
        """How often `IsdsChannel.tick` should be called: it polls when it is time."""
        return min(TICK_SECONDS, self.poll_minutes * 60)

    @property
    def old_seals_before(self) -> datetime | None:
        """Return `old_seals_until` as a moment; None for never."""
        return datetime.fromisoformat(self.old_seals_until) if self.old_seals_until else None

    @model_validator(mode="after")
    def _moment(self) -> IsdsSettings:
        before = self.old_seals_before
        if before is not None and before.tzinfo is None:
            raise ValueError("old_seals_until needs its offset")
        return self

    @model_validator(mode="after")
    def _unhurried(self) -> IsdsSettings:
        if self.poll_minutes < LEAST_POLL_MINUTES and self.environment == PRODUCTION:
            raise ValueError("poll_minutes is 1 or more in the environment called production")
        return self

    @model_validator(mode="after")
    def _each_once(self) -> IsdsSettings:
        told = [each.identifier.strip() for each in self.partners]
        theirs = [each.box_id for each in self.partners]
        own = [each.box_id for each in self.boxes]
        if any(len(set(names)) != len(names) for names in (told, theirs, own)):
            raise ValueError("every partner and every box stands once")
        if set(theirs) & set(own):
            raise ValueError("a box of ours is no partner's")
        return self
