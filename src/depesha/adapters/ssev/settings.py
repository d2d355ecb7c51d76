"""What an operator may set about SSEV. Plain values: nothing is opened or believed here.

Either interface may be left out; `app.py` turns the key files into TLS contexts and an identity.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

Algorithm = Literal["rsa-sha1", "rsa-sha256"]
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


class SsevSoapSettings(BaseModel):
    """The SOAP "EDeliveryIntegrationService" (facts 7)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    signing_certificate: str = ""
    """PEM file of the certificate whose thumbprint is registered; empty: the gateway's own."""
    signing_key: str = ""
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


class SsevSettings(BaseModel):
    """Settings of the SSEV channel; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    environment: str = "production"
    """Names the installation: message ids are unique within one only (facts 5.3)."""
    rest: SsevRestSettings | None = None
    soap: SsevSoapSettings | None = None
    lookup_pages: PositiveInt = 50
    """Pages of the outbox read at most when a sent message is looked for."""

    @model_validator(mode="after")
    def _one_at_least(self) -> SsevSettings:
        if self.rest is None and self.soap is None:
            raise ValueError("SSEV needs its REST part, its SOAP part, or both")
        return self
