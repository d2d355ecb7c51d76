"""Makes a sender's file name fit for a person's disk. Pure; the result is never a path."""

from __future__ import annotations

import re
import unicodedata

from depesha.schemas.mediatypes import default_extension

_BYTES = 240
"""UTF-8 bytes: file systems take 255, and a clerk's machine may add a few of its own."""
_EXTENSION_CHARACTERS = 12
_FORBIDDEN = re.compile(r'[<>:"|?*]')
_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(?:\.|$)", re.IGNORECASE
)
"""Device names of Windows, with any extension."""
_PLAIN = re.compile(r"\w(?:[\w ()\[\],+=@#%&'„“№–-]|\.(?![. ]|$))*(?<! )", re.ASCII)
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Control and format characters (bidi overrides among them), surrogates, unassigned."""


def safe_name(name: str, index: int, detected: str) -> str:
    """Return a name without paths, unseen characters, device names or tricks; never empty."""
    if len(name) <= _BYTES // 2 and _PLAIN.fullmatch(name) and not _RESERVED.match(name):
        return name
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    seen = "".join(
        " " if c.isspace() else c
        for c in last
        if c in "\t\n\r" or unicodedata.category(c) not in _UNSEEN
    )
    clean = re.sub(" {2,}", " ", _FORBIDDEN.sub("_", seen)).strip(" ").lstrip(". ").rstrip(". ")
    if not clean:
        return f"attachment-{index}{default_extension(detected)}"
    if _RESERVED.match(clean):
        clean = "_" + clean
    return _cut(clean)


def _cut(name: str) -> str:
    """Cut by bytes of UTF-8 between characters, keeping the extension."""
    if len(name.encode()) <= _BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    if not dot or not stem or len(ending) > _EXTENSION_CHARACTERS:
        stem, ending = name, ""
    else:
        ending = "." + ending
    room = _BYTES - len(ending.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(". ") + ending
