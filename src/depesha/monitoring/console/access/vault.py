"""Seals small secrets at rest and makes tags, both under the console's key file.

AES-256-GCM with what the secret is about as associated data: a sealed secret moved to another
account does not open. It must never write the key anywhere but into its own file.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from depesha.errors import ConfigurationError, StorageError

_KEY = 32
_NONCE = 12
_OTHERS = 0o077


class Vault:
    """Seals and opens. Safe to use from several threads."""

    def __init__(self, key: bytes, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        """Take the 32 secret bytes; `random_bytes` must be fit for keys."""
        if len(key) != _KEY:
            raise ConfigurationError("the console's key is not 32 bytes long")
        self._sealing = AESGCM(_derived(key, b"seal"))
        self._tagging = _derived(key, b"tag")
        self.random_bytes = random_bytes

    def seal(self, secret: bytes, about: str) -> bytes:
        """Return the sealed form of a secret, for `about` alone."""
        nonce = self.random_bytes(_NONCE)
        return nonce + self._sealing.encrypt(nonce, secret, about.encode())

    def open(self, sealed: bytes, about: str) -> bytes:
        """Return the secret; raise `StorageError` where it was not sealed here and for `about`."""
        try:
            return self._sealing.decrypt(sealed[:_NONCE], sealed[_NONCE:], about.encode())
        except (InvalidTag, ValueError):
            raise StorageError("a sealed secret does not open with the console's key") from None

    def tag(self, text: str) -> str:
        """Return a tag that nobody without the key can make."""
        return hmac.new(self._tagging, text.encode(), hashlib.sha256).hexdigest()


def _derived(key: bytes, use: bytes) -> bytes:
    """One key for each use (RFC 5869's expand step with one block)."""
    return hmac.new(key, b"depesha console " + use + b"\x01", hashlib.sha256).digest()


def load_or_create_key(path: Path, random_bytes: Callable[[int], bytes] = os.urandom) -> bytes:
    """Return the console's key from its file of 64 hex digits; made where it is missing.

    Mode 0600; safe where two processes start at once. Blocking. Raises `ConfigurationError`.
    """
    try:
        if not path.exists():
            _create(path, random_bytes(_KEY))
        if path.stat().st_mode & _OTHERS:
            raise ConfigurationError(f"{path.name} is open to others", remedy=f"chmod 600 {path}")
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        raise ConfigurationError(
            f"the console's key {path.name} can be neither read nor made"
        ) from None
    if len(key) != _KEY:
        raise ConfigurationError(f"the console's key {path.name} is not 64 hex digits")
    return key


def _create(path: Path, key: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(key.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        _link(fresh, path)
    finally:
        fresh.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _link(fresh: Path, path: Path) -> None:
    """Give the file its name unless another process was quicker: then that key stands."""
    try:
        path.hardlink_to(fresh)
    except FileExistsError:
        return
