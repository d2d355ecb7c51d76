"""Every SQL statement of the console's eyes; a test asks how each is answered."""

from __future__ import annotations

# --- writing, in the transactions of what is told -------------------------------------------

ADD_ENTRY = """INSERT INTO entries
  (owner, direction, network, state, hour, at, peer, need, since)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
MOVE_ENTRY = """UPDATE entries SET network = ?, state = ?, need = ?, since = ? WHERE owner = ?
  RETURNING hour, at"""
FILE_AGAIN = """UPDATE entries SET filed = 0,
  since = since + CASE WHEN filed = 0 THEN 1 ELSE 0 END WHERE owner = ?"""
"""The microsecond makes void what was read of it to be filed, where it was not filed yet."""
REFILE_PEER = "UPDATE entries SET peer = ? WHERE owner = ?"
MEND_ENTRY = """UPDATE entries SET mended = 1
  WHERE owner = (SELECT row * 2 + 1 FROM outbound WHERE document = ?)"""
ADD_WORDS = "INSERT INTO words (rowid, terms) VALUES (?, ?)"
DROP_WORDS = "DELETE FROM words WHERE rowid = ?"
ADD_PULSE = """INSERT INTO pulses VALUES (?, ?, ?, 1, ?)
  ON CONFLICT DO UPDATE SET count = count + 1, last = max(last, excluded.last)"""
MOVE_PULSE = """INSERT INTO pulses VALUES (?, ?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET count = count + excluded.count, last = max(last, excluded.last)"""
ADD_PEER = """INSERT INTO peers VALUES (?, ?, 1, ?)
  ON CONFLICT DO UPDATE SET count = count + 1, last = max(last, excluded.last)"""
KEEP_PROOF = "INSERT OR REPLACE INTO proofs VALUES (?, ?, ?)"
UNFILED = "SELECT row, owner, since FROM entries WHERE filed = 0 ORDER BY row DESC LIMIT ?"
MESSAGE_TO_FILE = """SELECT id, network, state, received_at, changed_at, number, number_date,
  registered_at, acknowledged_at, reason, other_documents, '[]', arrival FROM messages
  WHERE row = ?"""
TEXTS_OF = "SELECT count(*) FROM words WHERE rowid BETWEEN ? AND ?"
FILING = """UPDATE entries SET filed = ?, need = ?
  WHERE row = ? AND filed = 0 AND since = ?"""

# --- home -----------------------------------------------------------------------------------

_ENTRY = "SELECT e.row, e.owner, e.direction, e.at, e.need, e.mended, e.state, e.network"
_UNSEEN = """(e.need <> 'DECLINED' OR NOT EXISTS (SELECT 1 FROM notes n WHERE n.area = 'seen'
  AND n.key = (SELECT o.id FROM outbound o WHERE o.row = e.owner / 2)))"""
"""A refusal that somebody has seen needs nobody any more."""
NEEDING = f"""{_ENTRY}, e.since FROM entries e
  WHERE e.need = ? AND e.mended = 0 AND {_UNSEEN} ORDER BY e.since LIMIT ?"""
_COUNTED = "SELECT count(*) FROM (SELECT 1 FROM entries e"
COUNT_NEEDING = f"{_COUNTED} WHERE e.need = ? AND e.mended = 0 AND {_UNSEEN} LIMIT ?)"
PARKED_OF_KIND = """SELECT id, kind, coalesce(message_id, outbound_id), reason, parked_at
  FROM tasks WHERE kind = ? AND parked_at IS NOT NULL ORDER BY parked_at LIMIT ?"""
COUNT_PARKED_OF_KIND = """SELECT count(*), min(parked_at) FROM (SELECT parked_at FROM tasks
  WHERE kind = ? AND parked_at IS NOT NULL ORDER BY parked_at LIMIT ?)"""
# Not as a comparison of rows: SQLite walks through every hour of the present word for it.
NEXT_PULSE = """SELECT network, word FROM (
    SELECT network, word FROM pulses WHERE network = ? AND word > ? ORDER BY word LIMIT 1
  ) AS here
  UNION ALL SELECT network, word FROM (
    SELECT network, word FROM pulses WHERE network > ? ORDER BY network, word LIMIT 1
  ) AS beyond LIMIT 1"""
PULSES_SINCE = "SELECT hour, count FROM pulses WHERE network = ? AND word = ? AND hour >= ?"
LAST_PULSE = """SELECT last FROM pulses WHERE network = ? AND word = ?
  ORDER BY hour DESC LIMIT 1"""
TALLIES_OF_DAY = """SELECT direction, network, state, count FROM entry_tallies
  WHERE hour >= ? AND hour < ?"""
NEXT_NETWORK = """SELECT network FROM entries WHERE direction = ? AND network > ?
  ORDER BY network LIMIT 1"""
NETWORK_THERE = """SELECT 1 FROM entries WHERE direction = ? AND network = ? LIMIT 1"""
OLDEST_ENTRY_OF = """SELECT at FROM entries WHERE direction = ? AND network = ? AND state = ?
  ORDER BY row LIMIT 1"""
OLDEST_WAITING = """SELECT since FROM entries WHERE network = ? AND state = 'ADMITTED'
  ORDER BY since LIMIT 1"""
OLDEST_ENTRY = "SELECT at FROM entries ORDER BY row LIMIT 1"
NEWEST_ENTRY = "SELECT at FROM entries ORDER BY row DESC LIMIT 1"
HEALTH_OF = "SELECT body FROM channel_health WHERE network = ? AND peer = ?"
PROOF = "SELECT at, rows FROM proofs WHERE name = ?"
LAST_EVIDENCE = "SELECT sequence FROM evidence ORDER BY sequence DESC LIMIT 1"
BYTES_ELSEWHERE = "SELECT 0"
"""The size of a database that does not lie in the store's folder."""
NEXT_SHREDDING = "SELECT until FROM quarantine ORDER BY until LIMIT 1"

# --- lists ----------------------------------------------------------------------------------

ENTRIES = f"{_ENTRY} FROM entries e WHERE e.row < ? ORDER BY e.row DESC LIMIT ?"
ENTRIES_OF = f"""{_ENTRY} FROM entries e
  WHERE e.direction = ? AND e.network = ? AND e.state = ? AND e.row < ?
  ORDER BY e.row DESC LIMIT ?"""
ENTRIES_OF_PEER = f"""{_ENTRY} FROM entries e
  WHERE e.peer = ? AND e.peer <> '' AND e.row < ? ORDER BY e.row DESC LIMIT ?"""
FOUND_WORDS = (
    "SELECT rowid FROM words WHERE words MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT ?"
)
ENTRY = f"{_ENTRY} FROM entries e WHERE e.row = ?"
BY_TRANSPORT_ANY = "SELECT outbound FROM outbound_attempts WHERE transport_id = ? LIMIT 50"
ENTRY_OF_OWNER = f"{_ENTRY} FROM entries e WHERE e.owner = ?"
EVIDENCE_SO_FAR = """SELECT sequence, message_id, body, previous, hash FROM evidence
  WHERE message_id = ? AND message_id <> '' ORDER BY sequence LIMIT ?"""
_WORK = """SELECT id, kind, due_at, attempts, lease IS NOT NULL, parked_at, reason FROM tasks"""
WORK_OF_MESSAGE = f"{_WORK} WHERE message_id = ? LIMIT 200"
WORK_OF_OUTBOUND = f"{_WORK} WHERE outbound_id = ? LIMIT 200"
DUE_OF_KIND = """SELECT count(*), min(due_at) FROM (SELECT due_at FROM tasks
  WHERE kind = ? AND parked_at IS NULL AND due_at <= ? ORDER BY due_at LIMIT ?)"""
LATER_OF_KIND = """SELECT due_at, lease IS NOT NULL FROM tasks
  WHERE kind = ? AND parked_at IS NULL AND due_at > ? ORDER BY due_at LIMIT ?"""
_PEER = "SELECT peer, direction, count, last FROM peers"
PEERS_AFTER = f"{_PEER} WHERE peer > ? ORDER BY peer, direction LIMIT ?"
PEER = f"{_PEER} WHERE peer = ? ORDER BY direction"
QUARANTINED = """SELECT digest, until FROM quarantine WHERE (until, digest) > (?, ?)
  ORDER BY until, digest LIMIT ?"""
SEALS_BEFORE = """SELECT number, first, last, root, chain, previous, at, signature, key FROM seals
  WHERE number < ? ORDER BY number DESC LIMIT ?"""
