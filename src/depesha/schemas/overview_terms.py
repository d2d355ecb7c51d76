"""The words by which a clerk finds a document, and what a typed line asks for. Pure.

A term is lower case, without accents, letters and digits only. A number stands as a whole
(`вх172026`) and in its parts; a date as `20260302`, however it is typed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import date

from depesha.schemas.envelope import DocumentReference, Party, RegistrationNumber
from depesha.schemas.message import Message
from depesha.schemas.outbound import OutboundMessage

LEAST_BEGINNING = 3
"""Characters: fewer stand for themselves alone, for too much begins with them."""
STEM = 8
"""Of a longer word so many letters are asked for: its ending does not matter (`заявлението`), and
the index holds lists of beginnings up to this length."""
MOST_TERMS = 12
_LONGEST = 64
_MOST_FILES = 50
_ACCENT = re.compile(r"[\u0300-\u036f]+")
_WORD = re.compile(r"[^\W_]+")
_CHUNK = re.compile(r"\S+")
_GLUED = re.compile(r"[\W_]+")
_DAY_FIRST = re.compile(r"(\d{1,2})[./](\d{1,2})[./](\d{4})")
_YEAR_FIRST = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")


def _fold(text: str) -> str:
    """Return text in the form that is compared: no case, no accents, one form of each letter."""
    if text.isascii():
        return text.lower()
    return _ACCENT.sub("", unicodedata.normalize("NFKD", text.casefold()))


def _day(day: date) -> str:
    return f"{day.year:04d}{day.month:02d}{day.day:02d}"


def _words(text: str) -> list[str]:
    """Return the words of a text, and whole what is written with digits and signs: `17-204/а`."""
    folded = _fold(text)
    numbers = [chunk for chunk in _CHUNK.findall(folded) if any(map(str.isdigit, chunk))]
    return [*_WORD.findall(folded), *(_GLUED.sub("", number) for number in numbers)]


def _number(number: RegistrationNumber | None) -> list[str]:
    if number is None:
        return []
    folded = _fold(number.number)
    return [_GLUED.sub("", folded), *_WORD.findall(folded), _day(number.date)]


def _reference(reference: DocumentReference | None) -> list[str]:
    return [] if reference is None else [_glued(reference.guid), *_number(reference.number)]


def _glued(text: str) -> str:
    return text.lower() if text.isalnum() and text.isascii() else _GLUED.sub("", _fold(text))


def _party(party: Party) -> list[str]:
    return [*_words(party.name), _glued(party.identifier)]


def _join(terms: Iterable[str]) -> str:
    return " ".join(dict.fromkeys(term[:_LONGEST] for term in terms if term))


def terms_of(document: Message | OutboundMessage) -> str:
    """Return every term of a document as it stands, parted by blanks."""
    if isinstance(document, OutboundMessage):
        return _join(_outbound_terms(document))
    return _join(_message_terms(document))


def _message_terms(message: Message) -> list[str]:
    arrival, envelope = message.arrival, message.envelope
    terms = [message.id, arrival.original, _day(message.received_at.date())]
    terms += _number(message.number)
    terms += [_glued(other) for other in message.other_documents]
    if envelope is None:
        return terms
    terms += _reference(envelope.document) + _reference(envelope.parent)
    terms += [_glued(envelope.transport_id), *_party(envelope.sender), *_party(envelope.recipient)]
    terms += _words(f"{envelope.kind} {envelope.subject}")
    for file in envelope.attachments[:_MOST_FILES]:
        terms += [*_words(file.name), file.digest]
    return terms


def _outbound_terms(message: OutboundMessage) -> list[str]:
    dispatch = message.dispatch
    terms = [message.id, _day(dispatch.submitted_at.date()), *_number(message.number)]
    terms += _reference(dispatch.document) + _reference(dispatch.parent)
    terms += [*_party(dispatch.recipient), *_party(dispatch.sender)]
    terms += _words(f"{dispatch.kind} {dispatch.subject}")
    for file in dispatch.files[:_MOST_FILES]:
        terms += [*_words(file.name), file.digest]
    return terms


def known_by(document: Message | OutboundMessage) -> tuple[object, ...]:
    """Return what may change of a document's terms; while it is the same, so are they."""
    if isinstance(document, OutboundMessage):
        return (document.number,)
    return (document.number, document.other_documents, document.arrival.envelope)


def asked(words: str) -> tuple[str, ...]:
    """Return the terms a typed line asks for; empty where there is nothing to look for.

    A chunk with digits and signs in it is first taken as a date, then as one number.
    """
    found: list[str] = []
    for chunk in _chunks(_fold(words)):
        day = _typed_day(chunk)
        if day:
            found.append(day)
            continue
        glued = _GLUED.sub("", chunk)
        whole = any(letter.isdigit() for letter in glued)
        found += [glued] if whole else _WORD.findall(chunk)
    wanted = (term[: STEM if term.isalpha() else _LONGEST] for term in found if term)
    return tuple(dict.fromkeys(wanted))[:MOST_TERMS]


def _chunks(words: str) -> list[str]:
    """Part a line at its blanks, and a number from the day behind it: `ВХ-17/02.03.2026`."""
    parted: list[str] = []
    for chunk in _CHUNK.findall(words):
        number, sign, day = chunk.rpartition("/")
        parted += [number, day] if sign and number and _typed_day(day) else [chunk]
    return parted


def _typed_day(chunk: str) -> str:
    if match := _DAY_FIRST.fullmatch(chunk):
        day, month, year = (int(part) for part in match.groups())
    elif match := _YEAR_FIRST.fullmatch(chunk):
        year, month, day = (int(part) for part in match.groups())
    else:
        return ""
    try:
        return _day(date(year, month, day))
    except ValueError:
        return ""


def is_beginning(term: str) -> bool:
    """Tell whether a term also stands for what begins with it."""
    return len(term) >= LEAST_BEGINNING and len(term) < _LONGEST


def matches(terms: str, wanted: tuple[str, ...]) -> bool:
    """Tell whether a document's terms hold all that is wanted."""
    held = terms.split(" ")
    return all(
        any(term == one or (is_beginning(one) and term.startswith(one)) for term in held)
        for one in wanted
    )
