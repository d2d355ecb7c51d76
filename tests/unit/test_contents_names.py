"""Safe names: never a path, never a trick, never empty."""

from __future__ import annotations

import pytest

from depesha.adapters.names import safe_name
from depesha.schemas import mediatypes as mt


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("pismo.pdf", "pismo.pdf"),
        ("Писмо № 5 (вх.).pdf", "Писмо № 5 (вх.).pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\pismo.pdf", "pismo.pdf"),
        ("pismo\u202efdp.exe", "pismofdp.exe"),
        ("a\x00b\x1f.pdf", "ab.pdf"),
        ("a\r\nb.pdf", "a b.pdf"),
        ('a<b>:"|?*.pdf', "a_b______.pdf"),
        ("CON", "_CON"),
        ("nul.pdf", "_nul.pdf"),
        ("com1.txt.pdf", "_com1.txt.pdf"),
        ("..hidden.pdf", "hidden.pdf"),
        ("pismo.pdf . .", "pismo.pdf"),
        ("", "attachment-3.pdf"),
        ("///", "attachment-3.pdf"),
        (" . ", "attachment-3.pdf"),
        ("И\u0306ога.pdf", "Йога.pdf"),
    ],
)
def test_names_are_made_safe(given: str, safe: str) -> None:
    assert safe_name(given, 3, mt.PDF) == safe


def test_long_names_are_cut_by_bytes_and_keep_their_extension() -> None:
    cut = safe_name("я" * 250 + ".pdf", 1, mt.PDF)
    assert cut.endswith("я.pdf")
    assert 230 < len(cut.encode()) <= 240
