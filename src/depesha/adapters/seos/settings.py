"""What an operator may set about SEOS. Plain values: nothing is opened or believed here.

`app/` turns the trust part into the judge of `adapters/trust.py` and the TLS part into contexts.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
)

from depesha.errors import WireError
from depesha.schemas import ids
from depesha.schemas.ids import Guid

T = TypeVar("T")
Algorithm = Literal["rsa-sha1", "rsa-sha256", "rsa-sha384", "rsa-sha512"]


class TrustSettings(BaseModel):
    """Which rules a partner's certificate must keep; each may be relaxed only by name here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    serial: bool = True
    """Its serial must be the one in the participants' register."""
    validity: bool = True
    chain: bool = True
    revocation: bool = True
    stale_lists_accepted: bool = False
    """A revocation list past its next update still serves; otherwise messages are held."""
    authorities: tuple[str, ...] = ()
    """PEM files of trusted CAs."""
    intermediates: tuple[str, ...] = ()
    """PEM files of CAs in between."""
    revocation_lists: tuple[str, ...] = ()
    """Files or URLs of CRLs."""
    revocation_refresh_seconds: PositiveFloat = 3600.0


class SeosSettings(BaseModel):
    """Settings of the SEOS channel; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    register_url: str
    """Address of the participants' register (facts 10.1)."""
    register_refresh_seconds: PositiveFloat = 600.0
    """At most every ten minutes, as the state's own node does (facts 10.5)."""
    register_client_certificate: str = ""
    """PEM file; empty: the gateway's own transport certificate."""
    register_client_key: str = ""
    register_authorities: tuple[str, ...] = ()
    """PEM files of CAs for the register's own certificate; empty: the system's."""
    register_answer_seconds: PositiveFloat = 120.0
    register_bytes: PositiveInt = 64 * 1024 * 1024
    register_max_deactivated: Annotated[float, Field(ge=0.0, le=1.0)] = 0.2
    """Share of active participants that one refresh may take away (facts 15); 1.0: any."""

    algorithm: Algorithm = "rsa-sha1"
    """What all peers verify today (facts 5.4)."""
    algorithms: dict[str, Algorithm] = Field(default_factory=dict)
    """Another algorithm for a partner, by its register GUID."""

    strict: bool = False
    """True: any deviation from the schema refuses the message."""
    trust: TrustSettings = TrustSettings()

    verify_peer_tls: bool = True
    """Check server certificates of partners against `peer_authorities`, host name included."""
    peer_authorities: tuple[str, ...] = ()
    """PEM files; empty: those of `trust.authorities`."""
    plain_http: bool = False
    """True: partners' addresses without TLS are called too. For demonstrations only."""
    connect_seconds: PositiveFloat = 15.0
    notice_seconds: PositiveFloat = 120.0
    """From the call of a partner to the end of its answer."""
    send_seconds: PositiveFloat = 600.0
    """For a whole submission, large files included; peers wait ten minutes (facts 2.5)."""
    inquire_seconds: PositiveFloat = 60.0
    """For a status question to a partner, and for a look at the register."""
    send_bytes: NonNegativeInt = 10 * 1024 * 1024
    """Largest message to a partner as it travels, base64 included; a larger one goes by the next
    network. By default what peers with the network's first configuration take (facts 2.5, 12.1);
    0: no limit."""
    send_bytes_to: dict[str, NonNegativeInt] = Field(default_factory=dict)
    """Another limit for a partner, by its register GUID."""
    answer_bytes: PositiveInt = 4 * 1024 * 1024

    body_bytes: NonNegativeInt = 0
    """Largest HTTP body taken in; 0: `message_bytes` of the section `limits`."""
    concurrency: PositiveInt = 64
    """Calls handled at once; further callers wait."""
    reading_processes: Annotated[int, Field(ge=0, le=64)] = 0
    """Messages are read in so many processes of their own; 0: in the gateway's threads. For more
    messages than one interpreter can read; each takes some 90 MB."""
    idle_seconds: PositiveFloat = 30.0
    """Longest pause within a body."""
    slowest_bytes_per_second: PositiveInt = 4 * 1024
    """Average below which a body is given up after `idle_seconds`."""

    @field_validator("algorithms", "send_bytes_to")
    @classmethod
    def _by_canonical_guid(cls, given: dict[str, T]) -> dict[str, T]:
        try:
            return {str(ids.guid(guid)): value for guid, value in given.items()}
        except WireError as error:
            raise ValueError("a partner is named by its register GUID") from error

    def algorithm_for(self, partner: Guid | None) -> Algorithm:
        """Return the algorithm to sign with for this partner."""
        return self.algorithms.get(partner or "", self.algorithm)

    def send_limit(self, partner: Guid | None) -> int | None:
        """Return the bytes a message to this partner may have on the wire; None: no limit."""
        return self.send_bytes_to.get(partner or "", self.send_bytes) or None
