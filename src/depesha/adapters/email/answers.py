"""What a sender is told by mail: a short letter in its language, with the same for programs. Pure.

The Message-ID follows from what is said, so that a repeat is recognised. Every such letter says
that a program wrote it (RFC 3834), so that no other program answers it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Final, assert_never

from depesha.adapters.email.addresses import address, domain_of, encoded, mailbox, one_line
from depesha.adapters.email.letter import Written, day_words, known_language
from depesha.adapters.email.machine import (
    WORD_TYPE,
    ErrorWord,
    MachineWord,
    StatusWord,
    word_bytes,
)
from depesha.adapters.email.parts import boundary_for, file_part, mixed, text_part
from depesha.schemas.envelope import DocumentReference
from depesha.schemas.evidence import canonical, sha256
from depesha.schemas.sentences import catalogue

WORD_NAME: Final = "depesha-word.json"
_NAME_CHARACTERS: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerLetter:
    """What is to be told, to whom, about which mail."""

    word: MachineWord
    sender: str
    """Our mail address."""
    recipient: str
    language: str
    written_at: datetime
    about: str = ""
    """Message-ID of the mail it answers, in angle brackets; empty where none is known."""
    series: str = ""
    """Tells apart words that say the same on different occasions."""


def answer_id(letter: AnswerLetter) -> str:
    """Return the Message-ID: the same for the same word about the same mail."""
    word = letter.word
    said = {"about": letter.about, "series": letter.series, "to": letter.recipient.lower()}
    match word:
        case StatusWord():
            number = word.document.number
            said |= {
                "document": word.document.guid,
                "status": word.status,
                "number": "" if number is None else f"{number.number} {number.date}",
                "reason": word.reason,
            }
        case ErrorWord():
            said |= {"failed": word.failed or "", "description": word.description}
        case _:
            assert_never(word)
    name = sha256(canonical(dict(said)))[:_NAME_CHARACTERS]
    return f"<word.{name}@{domain_of(address(letter.sender))}>"


def write_answer(letter: AnswerLetter) -> Written:
    """Write the letter, not yet signed; raise `WireError` for addresses that cannot be used."""
    sender, recipient = address(letter.sender), address(letter.recipient)
    own = answer_id(letter)
    language = known_language(letter.language)
    words = catalogue(language)
    title = words[f"letter.{_key(letter.word)}"].rstrip(".")
    fields = [
        ("From", mailbox(letter.word.sender.name, sender)),
        ("To", mailbox(letter.word.recipient.name, recipient)),
        ("Subject", encoded(title, used=9)),
        ("Date", format_datetime(letter.written_at)),
        ("Message-ID", own),
        ("Auto-Submitted", "auto-replied"),
        ("Content-Language", language),
        ("MIME-Version", "1.0"),
    ]
    if letter.about:
        fields += [("In-Reply-To", letter.about), ("References", letter.about)]
    entity = mixed(
        [
            text_part(_text(letter.word, words, language)),
            file_part(WORD_NAME, WORD_TYPE, word_bytes(letter.word)),
        ],
        boundary_for(own),
    )
    return Written(
        headers="".join(f"{name}: {value}\r\n" for name, value in fields).encode("ascii"),
        entity=entity,
        message_id=own,
        envelope_id=own.strip("<>").partition("@")[0],
        sender=sender,
        recipient=recipient,
    )


def _key(word: MachineWord) -> str:
    return f"status.{word.status}" if isinstance(word, StatusWord) else "error"


def _text(word: MachineWord, words: dict[str, str], language: str) -> str:
    lines = [words[f"letter.{_key(word)}"], ""]
    lines += [f"{words['letter.' + key]}: {value}" for key, value in _rows(word, language) if value]
    lines += ["", words["letter.automatic"]]
    return "\n".join((*lines, words["letter.machine"].replace("{name}", WORD_NAME), ""))


def _rows(word: MachineWord, language: str) -> list[tuple[str, str]]:
    sender = ("sender", one_line(word.sender.name))
    if isinstance(word, ErrorWord):
        return [sender, ("reason", one_line(word.description))]
    close = word.expected_close
    return [
        sender,
        ("ours", _numbered(word.document, language)),
        ("reason", one_line(word.reason)),
        ("close", day_words(close, language) if close else ""),
        ("document", word.document.guid),
    ]


def _numbered(document: DocumentReference, language: str) -> str:
    number = document.number
    return f"{one_line(number.number)} / {day_words(number.date, language)}" if number else ""
