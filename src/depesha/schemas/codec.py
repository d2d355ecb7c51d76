"""The stored form of values: dataclasses to JSON bytes and back. Pure, no I/O.

One schema per type, built once and at first use: building takes milliseconds, using it
microseconds. A closed union is told apart by its `kind`. Fields that a later version adds with a
default read well from bytes written before it; nothing here may ever guess at missing ones.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from depesha.errors import StorageError, WireError
from depesha.schemas.envelope import Envelope
from depesha.schemas.evidence import canonical
from depesha.schemas.facts import Arrival
from depesha.schemas.outbound import OutboundMessage
from depesha.schemas.route import ChannelHealth
from depesha.schemas.verdict import CheckRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")


@cache
def _arrivals() -> TypeAdapter[Arrival]:
    return TypeAdapter(Arrival)


@cache
def _checks() -> TypeAdapter[tuple[CheckRecord, ...]]:
    return TypeAdapter(tuple[CheckRecord, ...])


@cache
def _payloads() -> TypeAdapter[dict[str, str]]:
    return TypeAdapter(dict[str, str])


@cache
def _outbound() -> TypeAdapter[OutboundMessage]:
    return TypeAdapter(OutboundMessage)


@cache
def _health() -> TypeAdapter[ChannelHealth]:
    return TypeAdapter(ChannelHealth)


@cache
def _envelopes() -> TypeAdapter[Envelope]:
    return TypeAdapter(Envelope)


def _load(adapter: TypeAdapter[T], data: bytes | str) -> T:
    """Read stored bytes; raise `StorageError` where they are not what was written."""
    try:
        return adapter.validate_json(data)
    except ValidationError as error:
        raise StorageError("a stored value cannot be read", faults=error.error_count()) from None


_PASSING = {"scans"}
"""What serves the first look alone."""


def arrival_bytes(arrival: Arrival) -> bytes:
    """Return the stored form of an arrival: all of it but `scans`."""
    return _arrivals().dump_json(arrival, exclude=_PASSING)


def load_arrival(data: bytes) -> Arrival:
    """Read an arrival back; raise `StorageError`."""
    return _load(_arrivals(), data)


def checks_bytes(checks: tuple[CheckRecord, ...]) -> bytes:
    """Return the stored form of a message's verdicts."""
    return _checks().dump_json(checks)


def load_checks(data: bytes) -> tuple[CheckRecord, ...]:
    """Read verdicts back; raise `StorageError`."""
    return _load(_checks(), data)


def payload_bytes(payload: Mapping[str, str]) -> bytes:
    """Return the stored form of a task's payload."""
    return _payloads().dump_json(dict(payload))


def load_payload(data: bytes) -> dict[str, str]:
    """Read a task's payload back; raise `StorageError`."""
    return _load(_payloads(), data)


def outbound_bytes(message: OutboundMessage) -> bytes:
    """Return the stored form of a document on its way out."""
    return _outbound().dump_json(message)


def load_outbound(data: bytes) -> OutboundMessage:
    """Read a document on its way out back; raise `StorageError`."""
    return _load(_outbound(), data)


_SUBMITTED = {"dispatch", "contents"}


def outbound_submission(message: OutboundMessage) -> bytes:
    """Return the stored form of what never changes of a document of ours."""
    return _outbound().dump_json(message, include=_SUBMITTED)


def outbound_progress(message: OutboundMessage) -> bytes:
    """Return the stored form of what moves."""
    return _outbound().dump_json(message, exclude=_SUBMITTED)


def join_outbound(submission: bytes, progress: bytes) -> OutboundMessage:
    """Read a document of ours back from its two parts; raise `StorageError`."""
    return load_outbound(submission[:-1] + b"," + progress[1:])


def health_bytes(health: ChannelHealth) -> bytes:
    """Return the stored form of what is known of a channel or a peer on it."""
    return _health().dump_json(health)


def load_health(data: bytes) -> ChannelHealth:
    """Read a channel's health back; raise `StorageError`."""
    return _load(_health(), data)


def envelope_bytes(envelope: Envelope, version: int) -> bytes:
    """Return the form in which an envelope travels: canonical JSON, with its version beside."""
    told = _envelopes().dump_python(envelope, mode="json", exclude_defaults=True)
    return canonical({"version": version, "envelope": told})


def load_envelope(data: bytes, version: int) -> Envelope:
    """Read an envelope that came from outside; raise `WireError` for any other version."""
    try:
        told = from_json(data)
        if not isinstance(told, dict) or told.get("version") != version:
            raise WireError("a machine-readable envelope is of another version")
        return _envelopes().validate_python(told.get("envelope"))
    except ValueError:
        raise WireError("a machine-readable envelope cannot be read") from None


def warm() -> None:
    """Build every schema now, so that the first message does not wait for it."""
    _arrivals()
    _checks()
    _payloads()
    _outbound()
    _health()
