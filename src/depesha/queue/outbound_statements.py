"""Every SQL statement about documents of ours; a test asks how each is answered."""

from __future__ import annotations

_DOCUMENT = """SELECT o.id, s.body, o.progress, o.row
  FROM outbound o JOIN outbound_submissions s ON s.row = o.row"""

ADD_OUTBOUND = """INSERT INTO outbound
  (id, state, submitted_at, changed_at, document, recipient, actor, key, request, progress)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
ADD_SUBMISSION = "INSERT INTO outbound_submissions VALUES (?, ?)"
OUTBOUND = f"{_DOCUMENT} WHERE o.id = ?"
OUTBOUND_OF_DOCUMENT = f"{_DOCUMENT} WHERE o.document = ?"
OUTBOUND_OF_ROW = f"{_DOCUMENT} WHERE o.row = ?"
SUBMITTED_UNDER = "SELECT id, request FROM outbound WHERE actor = ? AND key = ?"
DOCUMENT_TAKEN = "SELECT 1 FROM outbound WHERE document = ?"
MOVE_OUTBOUND = "UPDATE outbound SET state = ?, changed_at = ?, progress = ? WHERE row = ?"
PAGE_OF_OUTBOUND = f"{_DOCUMENT} WHERE o.id > ? ORDER BY o.id LIMIT ?"
PAGE_OF_OUTBOUND_STATE = f"{_DOCUMENT} WHERE o.state = ? AND o.id > ? ORDER BY o.id LIMIT ?"
OUTBOUND_TALLIES = "SELECT state, count FROM outbound_tallies WHERE count > 0"
OLDEST_OUTBOUND = "SELECT submitted_at FROM outbound WHERE state = ? ORDER BY id LIMIT 1"

ADD_ATTEMPT = """INSERT INTO outbound_attempts (id, outbound, network, transport_id, reference)
  VALUES (?, ?, ?, ?, ?)"""
NAME_ATTEMPT = "UPDATE outbound_attempts SET reference = ? WHERE id = ?"
ATTEMPT_TAKEN = "SELECT 1 FROM outbound_attempts WHERE id = ?"
BY_TRANSPORT = """SELECT outbound FROM outbound_attempts WHERE transport_id = ? AND network = ?
  ORDER BY row DESC LIMIT 1"""
BY_REFERENCE = """SELECT outbound FROM outbound_attempts
  WHERE reference = ? AND network = ? AND reference <> '' ORDER BY row DESC LIMIT 1"""

KEEP_HEALTH = "INSERT OR REPLACE INTO channel_health VALUES (?, ?, ?)"
ALL_HEALTH = "SELECT body FROM channel_health ORDER BY network, peer"
