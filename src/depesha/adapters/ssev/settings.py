"""What an operator may set about SSEV. Plain values: nothing is opened or believed here.

Either interface may be left out; `assembly.py` turns the key files into TLS contexts
and an identity.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from depesha.adapters.ssev.values import ProfileKind

Algorithm = Literal["rsa-sha1", "rsa-sha256"]
Sender = Literal[ProfileKind.INSTITUTION, ProfileKind.LEGAL_PERSON]
"""Natural persons are never among them: what they write is left to people."""
_Header = Annotated[str, Field(pattern=r"^[\x21-\x7e]*$", max_length=128)]


class SsevRestSettings(BaseModel):
    """The REST "ESB API" behind the national gateway (facts 2, 3)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token_url: str
    """Origin of the token server; `/token` and `/introspect` are added."""
    api_url: str
    """Base of the API, `…/ed2/api` at the gateway."""
    upload_url: str
    """Base of uploads, `…/ed2/upload` at the gateway; `/blobs` is added."""
    blob_origins: tuple[str, ...] = Field(min_length=1)
    """Origins that download links may lead to; any other link is refused."""
    client_id: _Header
    oid: _Header
    represented_person: _Header = ""
    correspondent_oid: _Header = ""
    operator: _Header = ""
    scope: str = "/ed2*"
    client_certificate: str = ""
    """PEM file; empty: the gateway's own transport certificate."""
    client_key: str = ""
    client_key_password_env: str = ""
    """Environment variable with the key's password, if it has one."""
    authorities: tuple[str, ...] = ()
    """PEM files of CAs for the service's certificates; empty: the system's."""
    token_margin_seconds: PositiveFloat = 60.0
    """A token this near its end is not used any more."""
    connect_seconds: PositiveFloat = 15.0
    answer_seconds: PositiveFloat = 60.0
    """As the known clients have it (facts 5.5)."""
    transfer_seconds: PositiveFloat = 600.0
    """A whole upload or download; scanning alone may take ten seconds (facts 6.1)."""
    answer_bytes: PositiveInt = 8 * 1024 * 1024
    upload_bytes: PositiveInt = 53_477_376 - 64 * 1024
    """Largest file: the server's request limit less the multipart frame (facts 3.1)."""
    download_bytes: PositiveInt = 256 * 1024 * 1024
    page_size: Annotated[int, Field(ge=1, le=500)] = 100

    @model_validator(mode="after")
    def _both_or_none(self) -> SsevRestSettings:
        if bool(self.client_certificate) is not bool(self.client_key):
            raise ValueError("a client certificate and its key are named together")
        return self


class SsevSoapSettings(BaseModel):
    """The SOAP "EDeliveryIntegrationService" (facts 7)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    signing_certificate: str = ""
    """PEM file of the certificate whose thumbprint is registered; empty: the gateway's own."""
    signing_key: str = ""
    signing_key_password_env: str = ""
    """Environment variable with the key's password, if it has one."""
    algorithm: Algorithm = "rsa-sha1"
    """What the suite Basic256 names (facts 7.2); SHA-256 is an open question there."""
    operator_egn: str = Field(default="", repr=False)
    service_oid: str = ""
    authorities: tuple[str, ...] = ()
    timestamp_seconds: Annotated[float, Field(gt=0, le=300)] = 300.0
    connect_seconds: PositiveFloat = 15.0
    answer_seconds: PositiveFloat = 600.0
    """The service's own time-out (facts 5.5)."""
    answer_bytes: PositiveInt = 8 * 1024 * 1024
    """Of the envelope alone; binary parts go to disk."""
    part_bytes: PositiveInt = 64 * 1024 * 1024
    """Of all binary parts of one answer together."""
    request_bytes: PositiveInt = 52_428_800
    page_size: Annotated[int, Field(ge=1, le=500)] = 100

    @model_validator(mode="after")
    def _both_or_none(self) -> SsevSoapSettings:
        if bool(self.signing_certificate) is not bool(self.signing_key):
            raise ValueError("a signing certificate and its key are named together")
        return self


class SsevSettings(BaseModel):
    """Settings of the SSEV channel; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    environment: str = "production"
    """Names the installation: message ids are unique within one only (facts 5.3)."""
    rest: SsevRestSettings | None = None
    soap: SsevSoapSettings | None = None
    lookup_pages: PositiveInt = 50
    """Pages of a list read at most in one look-up or one poll."""

    reach_seconds: NonNegativeFloat = 300.0
    """For so long an answer about a recipient is told again without asking anew."""
    lookup_seconds: PositiveFloat = 20.0
    """Longest wait for an answer about a recipient; then nobody can tell."""
    soap_up_to_bytes: PositiveInt = 10_000 * 1024
    """Files that are larger together go by REST where it is set up (facts 5.5: the guide)."""
    soap_up_to_files: PositiveInt = 10
    uploads_seconds: PositiveFloat = 600.0
    """All uploads of one message together; nothing of it has left when they take longer."""
    absence_seconds: NonNegativeFloat = 120.0
    """A send that broke may still be at work there, stamping and scanning (facts 3.6, 6.1): that
    its message is not in the outbox is believed when so long has passed since."""

    receive: bool = True
    """False: messages are left to the portal; sending and its proofs go on."""
    poll_seconds: PositiveFloat = 60.0
    """Between two looks into the inbox."""
    senders: tuple[Sender, ...] = (ProfileKind.INSTITUTION, ProfileKind.LEGAL_PERSON)
    """Whose messages are opened; all others stay closed, for people in the portal."""
    open_unchecked: bool = False
    """REST alone does not tell who sent a message before it is opened (facts 8.4). True: open it
    all the same, and check afterwards. False: such messages are parked for a person."""
    sweep_seconds: PositiveFloat = 3600.0
    """Between two looks at opened messages, for those that a person opened in the portal."""
    sweep_days: PositiveFloat = 7.0
    """How far back that look goes; never before the first start."""
    park_first_seconds: PositiveFloat = 300.0
    """Rest of a message that could not be fetched; doubled each time."""
    park_most_seconds: PositiveFloat = 86_400.0
    watch_seconds: PositiveFloat = 60.0
    """Least time between two looks at whether sent messages were opened."""
    watch_days: PositiveFloat = 60.0
    """For so long a sent message is watched."""

    @model_validator(mode="after")
    def _one_at_least(self) -> SsevSettings:
        if self.rest is None and self.soap is None:
            raise ValueError("SSEV needs its REST part, its SOAP part, or both")
        return self
