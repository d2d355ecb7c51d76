"""What an operator may set about signed e-mail. Plain values: nothing is opened here."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

_FROZEN = ConfigDict(frozen=True, extra="forbid")
Port = Annotated[int, Field(ge=1, le=65535)]
Security = Literal["starttls", "tls"]
"""`starttls`: demanded after the greeting; `tls`: from the first byte. There is no third."""


class SubmissionSettings(BaseModel):
    """The server that takes our letters (RFC 6409)."""

    model_config = _FROZEN

    host: str
    port: Port = 587
    security: Security = "starttls"
    authorities: tuple[str, ...] = ()
    """PEM files of CAs for the server's certificate; empty: the system's."""
    user: str = ""
    """Empty: the server takes our letters without a login."""
    password_env: str = ""
    """Name of the environment variable that holds the password."""
    hello_name: str = "localhost"
    """What we call ourselves in EHLO."""
    connect_seconds: PositiveFloat = 30.0
    command_seconds: PositiveFloat = 300.0
    """Answer to one command (RFC 5321, 4.5.3.2)."""
    final_seconds: PositiveFloat = 600.0
    """Answer to the final dot: too short a wait makes doubles (RFC 5321, 4.5.3.2.6)."""
    letter_bytes: PositiveInt = 25 * 1024 * 1024
    """Largest letter ever sent; a smaller limit of the server's counts too."""


class MailboxSettings(BaseModel):
    """The mailbox in which answers and delivery reports arrive (RFC 3501)."""

    model_config = _FROZEN

    host: str
    port: Port = 993
    authorities: tuple[str, ...] = ()
    user: str
    password_env: str
    folder: str = "INBOX"
    command_seconds: PositiveFloat = 60.0
    poll_seconds: PositiveFloat = 60.0
    """Longest time between two looks, whatever IDLE says."""
    mail_bytes: PositiveInt = 64 * 1024 * 1024


class MailTrustSettings(BaseModel):
    """Which rules the certificate of a signed mail must keep; each is relaxed only by name."""

    model_config = _FROZEN

    validity: bool = True
    chain: bool = True
    revocation: bool = True
    stale_lists_accepted: bool = False
    mail_use: bool = True
    """Its extended key usage names e-mail, or there is none (RFC 8550, 4.4.4)."""
    address: bool = True
    """It names the sender's address (RFC 8550, 3). Relaxed, whoever has any trusted certificate
    can speak for every partner."""
    authorities: tuple[str, ...] = ()
    intermediates: tuple[str, ...] = ()
    revocation_lists: tuple[str, ...] = ()


class PartnerSettings(BaseModel):
    """One body that letters go to and come from."""

    model_config = _FROZEN

    identifier: Annotated[str, Field(min_length=1)]
    """EIK, as in the participants' registers."""
    name: Annotated[str, Field(min_length=1)]
    address: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]
    """Where its letters go; a signed letter is its own only from here."""
    language: Literal["bg", "cs", "uk", "en", ""] = ""
    """Of letters to it; empty: the channel's."""
    certificate: str = ""
    """PEM file of its certificate for encryption; empty: letters to it are signed only."""
    phone: str = ""


class EmailSettings(BaseModel):
    """Settings of the e-mail channel; an unknown key is an error."""

    model_config = _FROZEN

    address: str
    """Ours: From of every letter, and where answers go."""
    certificate: str
    """PEM file: the certificate for mail first, then its intermediates."""
    key: str
    key_password_env: str = ""
    language: Literal["bg", "cs", "uk", "en"] = "bg"
    """Of letters to recipients that no other language is known of."""
    submission: SubmissionSettings
    mailbox: MailboxSettings | None = None
    """None: nothing is read, so no delivery report is ever heard."""
    trust: MailTrustSettings = MailTrustSettings()
    partners: tuple[PartnerSettings, ...] = ()
    """Whom letters go to, and whose signed letters are taken in as documents."""
    register_addresses: bool = False
    """True: a body that is no partner is reached, and believed, at the contact address that the
    participants' register announces for it."""
    receipts: bool = True
    """Answer every document at once with a signed word of what became of it."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for names in (
            [partner.identifier for partner in self.partners],
            [partner.address.lower() for partner in self.partners],
        ):
            if len(set(names)) != len(names):
                raise ValueError("each partner has an identifier and an address of its own")
        return self
