"""The stored form of people and sessions: JSON bytes and back. Pure, as `codec.py`."""

from __future__ import annotations

from functools import cache
from typing import TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from depesha.errors import StorageError
from depesha.schemas.people import Account, Secrets, Session

T = TypeVar("T")


@cache
def _accounts() -> TypeAdapter[Account]:
    return TypeAdapter(Account)


@cache
def _secrets() -> TypeAdapter[Secrets]:
    return TypeAdapter(
        with_config(ConfigDict(ser_json_bytes="base64", val_json_bytes="base64"))(Secrets)
    )


@cache
def _sessions() -> TypeAdapter[Session]:
    return TypeAdapter(Session)


def _load(adapter: TypeAdapter[T], data: bytes) -> T:
    try:
        return adapter.validate_json(data)
    except ValidationError as error:
        raise StorageError("a stored value cannot be read", faults=error.error_count()) from None


def account_bytes(account: Account) -> bytes:
    """Return the stored form of an account."""
    return _accounts().dump_json(account)


def load_account(data: bytes) -> Account:
    """Read an account back; raise `StorageError`."""
    return _load(_accounts(), data)


def secrets_bytes(secrets: Secrets) -> bytes:
    """Return the stored form of a person's secrets."""
    return _secrets().dump_json(secrets)


def load_secrets(data: bytes) -> Secrets:
    """Read secrets back; raise `StorageError`."""
    return _load(_secrets(), data)


def session_bytes(session: Session) -> bytes:
    """Return the stored form of a session."""
    return _sessions().dump_json(session)


def load_session(data: bytes) -> Session:
    """Read a session back; raise `StorageError`."""
    return _load(_sessions(), data)
