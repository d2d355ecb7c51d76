"""The section of the settings file about the operators' console. Values only, as `sections.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from depesha.config.sections import Rooted, Seconds, Section

RoleName = Literal["clerk", "operator", "auditor", "security-administrator", "data-administrator"]
Minutes = Annotated[float, Field(gt=0)]
_ORIGIN = r"^(https?://[^/\s]+)?$"


class OpenIdRoles(Section):
    """Which value of the roles' claim stands for which role; empty: none does."""

    clerk: str = ""
    operator: str = ""
    auditor: str = ""
    security_administrator: str = ""
    data_administrator: str = ""


class OpenIdSection(Section):
    """Log-in by an OpenID provider; without an issuer there is none."""

    issuer: str = ""
    """As the provider calls itself, `https:`."""
    client_id: str = ""
    client_secret_env: str = ""
    """Name of the environment variable that holds it; empty: a public client, by PKCE alone."""
    scopes: tuple[str, ...] = ("openid", "profile")
    login_claim: str = "preferred_username"
    """Names the account at a person's first log-in; afterwards the provider's `sub` does."""
    roles_claim: str = ""
    """Claim from which roles are taken for a session; empty: those of the account."""
    roles: OpenIdRoles = OpenIdRoles()
    second_factor: bool = False
    """True: the provider's log-in counts for the second factor, too."""
    only: bool = False
    """True: nobody logs in by a password of ours."""
    authorities: tuple[Rooted, ...] = ()
    """PEM files of the CAs of the provider's certificate; empty: the system's."""
    answer_seconds: Seconds = 10.0
    plain_http: bool = False
    """True: a provider without TLS is spoken to; for demonstrations on one machine."""


class ConsoleSection(Section):
    """Who gets into the console, and for how long."""

    origin: Annotated[str, Field(pattern=_ORIGIN)] = ""
    """As browsers see the console, e.g. behind a proxy; empty: by each request's host."""
    language: Literal["bg", "cs", "uk", "en"] = "bg"
    """Where neither the account nor the browser asks for one of ours."""
    key: Rooted = Path("keys/console.key")
    """Seals second factors at rest; made at the first start. Losing it means enrolling anew."""
    session_minutes: Minutes = 600.0
    """Absolute end of a log-in."""
    idle_minutes: Minutes = 30.0
    second_factor_minutes: Minutes = 5.0
    """To type the code in after the password."""
    password_characters: Annotated[int, Field(ge=8, le=64)] = 12
    initial_password_hours: Annotated[float, Field(gt=0)] = 72.0
    """So long a password given by an administrator opens."""
    failures: Annotated[int, Field(ge=3, le=20)] = 5
    """Wrong answers in a row that close an account for a while."""
    lock_seconds: Seconds = 900.0
    address_failures: Annotated[int, Field(ge=3)] = 30
    """From one network address within that time, whatever the account."""
    second_factor_roles: tuple[RoleName, ...] = ("security-administrator", "data-administrator")
    """Roles that get nowhere without a second factor."""
    oidc: OpenIdSection = OpenIdSection()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.oidc.issuer and not (self.oidc.client_id and self.origin):
            raise ValueError("oidc.issuer needs oidc.client_id, and origin for the way back")
        if self.oidc.only and not self.oidc.issuer:
            raise ValueError("oidc.only without oidc.issuer would let nobody in")
        return self
