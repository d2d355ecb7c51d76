"""Every SQL statement about the audit of people; a test asks how each is answered."""

from __future__ import annotations

_DEEDS = "SELECT sequence, at, who, deed FROM deeds"
_WITHIN = "at >= ? AND (at, sequence) < (?, ?) ORDER BY at DESC, sequence DESC LIMIT ?"

ADD_DEED = "INSERT INTO deeds VALUES (?, ?, ?, ?)"
DEEDS = f"{_DEEDS} WHERE {_WITHIN}"
DEEDS_OF_SOMEBODY = f"{_DEEDS} WHERE who = ? AND {_WITHIN}"
DEEDS_OF_KIND = f"{_DEEDS} WHERE deed = ? AND {_WITHIN}"
EVIDENCE_ROW = "SELECT sequence, message_id, body, previous, hash FROM evidence WHERE sequence = ?"
"""Columns as `rows.record_of` reads them."""
SEAL_NUMBER = "SELECT number FROM seals WHERE last >= ? ORDER BY last LIMIT 1"
EVIDENCE_OF_DOCUMENT = """SELECT sequence, message_id, body, previous, hash FROM evidence
  WHERE message_id = ? AND message_id <> '' AND sequence < ? ORDER BY sequence DESC LIMIT ?"""
