"""Private keys for a back-up, encrypted under a passphrase: scrypt, then AES-256-GCM.

Without the passphrase nothing in it can be read, and no changed byte goes unseen. It never writes
a key into the clear but where `unseal` is told to.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from depesha.errors import ConfigurationError

LEAST_CHARACTERS: Final = 12
_COST, _BLOCK, _PARALLEL = 2**16, 8, 1
"""About 64 MiB and a quarter of a second for each guess (RFC 7914)."""
_SALT, _NONCE = 16, 12
_MAGIC = b"depesha keys 1\n"


def seal_keys(
    files: Iterable[Path], passphrase: str, random_bytes: Callable[[int], bytes] = os.urandom
) -> bytes:
    """Return the files, by name, encrypted; raise `ConfigurationError`. Blocking.

    Files that are not there are left out; two of one name are refused.
    """
    if len(passphrase) < LEAST_CHARACTERS:
        raise ConfigurationError(f"a passphrase has at least {LEAST_CHARACTERS} characters")
    held: dict[str, str] = {}
    for file in files:
        if not file.is_file():
            continue
        if file.name in held:
            raise ConfigurationError(f"two key files are called {file.name}")
        held[file.name] = base64.b64encode(file.read_bytes()).decode()
    salt, nonce = random_bytes(_SALT), random_bytes(_NONCE)
    cipher = AESGCM(_key(passphrase, salt))
    return _MAGIC + salt + nonce + cipher.encrypt(nonce, json.dumps(held).encode(), _MAGIC)


def unseal_keys(data: bytes, passphrase: str, into: Path) -> tuple[str, ...]:
    """Write the files into an empty folder; return their names; raise `ConfigurationError`."""
    salt, rest = data[len(_MAGIC) :][:_SALT], data[len(_MAGIC) + _SALT :]
    nonce, sealed = rest[:_NONCE], rest[_NONCE:]
    try:
        clear = AESGCM(_key(passphrase, salt)).decrypt(nonce, sealed, _MAGIC)
        held: dict[str, str] = json.loads(clear)
    except (InvalidTag, ValueError):
        raise ConfigurationError(
            "the keys cannot be opened: wrong passphrase, or changed"
        ) from None
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(into.iterdir()):
        raise ConfigurationError(f"{into} is not empty: keys are put into an empty folder only")
    for name, content in held.items():
        handle = os.open(into / Path(name).name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64decode(content))
    return tuple(sorted(held))


def _key(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=_COST, r=_BLOCK, p=_PARALLEL).derive(passphrase.encode())
