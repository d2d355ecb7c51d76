"""Every SQL statement of the memory, in one place, so that a test can ask how each is answered."""

from __future__ import annotations

_MESSAGE = """SELECT id, network, state, received_at, changed_at, number, number_date,
  registered_at, acknowledged_at, reason, other_documents, checks, arrival, row FROM messages"""

# --- messages -------------------------------------------------------------------------------

ADD_MESSAGE = """INSERT INTO messages
  (id, network, state, received_at, changed_at, original, sender, document, numbered, checks,
   arrival)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
MESSAGE = f"{_MESSAGE} WHERE id = ?"
MESSAGE_OF_ROW = f"{_MESSAGE} WHERE row = ?"
MESSAGE_OF_ORIGINAL = f"{_MESSAGE} WHERE original = ? LIMIT 1"
PAGE = f"{_MESSAGE} WHERE id > ? ORDER BY id LIMIT ?"
PAGE_OF_STATE = f"{_MESSAGE} WHERE state = ? AND id > ? ORDER BY id LIMIT ?"
MOVE = """UPDATE messages SET state = ?, changed_at = ?, number = ?, number_date = ?,
  registered_at = ?, acknowledged_at = ?, reason = ?, other_documents = ? WHERE row = ?"""
RECHECK = """UPDATE messages SET original = ?, sender = ?, document = ?, numbered = ?, checks = ?,
  arrival = ? WHERE row = ?"""
TALLIES = "SELECT state, count FROM tallies WHERE count > 0"
OLDEST_OF_STATE = "SELECT received_at FROM messages WHERE state = ? ORDER BY id LIMIT 1"

# --- identities -----------------------------------------------------------------------------

CLAIM_2 = "INSERT OR IGNORE INTO identities VALUES (?, ?), (?, ?)"
CLAIM_3 = "INSERT OR IGNORE INTO identities VALUES (?, ?), (?, ?), (?, ?)"
CLAIM_1 = "INSERT OR IGNORE INTO identities VALUES (?, ?)"
RELEASE_IDENTITY = "DELETE FROM identities WHERE value = ? AND message = ?"
HOLDER = """SELECT m.id, m.original, m.document, m.numbered, m.row
  FROM identities i JOIN messages m ON m.row = i.message WHERE i.value = ?"""
HOLDERS_OF_DOCUMENT = """SELECT m.id
  FROM identities i JOIN messages m ON m.row = i.message
  WHERE i.value >= ? AND i.value < ? AND m.network = ? AND m.sender = ? LIMIT 1"""

# --- tasks ----------------------------------------------------------------------------------

ADD_TASK = """INSERT INTO tasks (message_id, kind, due_at, created_at, payload)
  VALUES (?, ?, ?, ?, ?)"""
ADD_OUTBOUND_TASK = """INSERT INTO tasks (outbound_id, kind, due_at, created_at, payload)
  VALUES (?, ?, ?, ?, ?)"""
DUE_TASKS = """SELECT due_at, id, coalesce(message_id, outbound_id), kind, payload, attempts,
  created_at, faults FROM tasks
  WHERE kind = ? AND parked_at IS NULL AND due_at <= ? ORDER BY due_at LIMIT ?"""
LEASE_TASK = "UPDATE tasks SET lease = ?, due_at = ?, attempts = attempts + 1 WHERE id = ?"
RETURN_TASKS = """UPDATE tasks SET lease = NULL, deaths = deaths + 1, due_at = min(due_at,
    ? + CASE WHEN deaths + 1 < ? THEN 0 ELSE ? << min(deaths + 1 - ?, 10) END)
  WHERE kind = ? AND parked_at IS NULL AND due_at > ? AND lease IS NOT NULL"""
HELD_TASK = "SELECT 1 FROM tasks WHERE id = ? AND lease = ?"
REMOVE_TASK = "DELETE FROM tasks WHERE id = ? AND lease = ?"
DEFER_TASK = """UPDATE tasks SET due_at = ?, lease = NULL, deaths = 0, faults = 0,
  attempts = attempts - ? WHERE id = ? AND lease = ?"""
FAIL_TASK = """UPDATE tasks SET due_at = ?, lease = NULL, deaths = 0, faults = faults + 1,
  attempts = attempts - 1 WHERE id = ? AND lease = ?"""
PARK_TASK = "UPDATE tasks SET parked_at = ?, reason = ?, lease = NULL WHERE id = ? AND lease = ?"
PARKED_TASKS = """SELECT id, kind, coalesce(message_id, outbound_id), reason, parked_at, attempts
  FROM tasks WHERE parked_at IS NOT NULL ORDER BY parked_at LIMIT ?"""
MESSAGE_OF_PARKED = """SELECT coalesce(message_id, outbound_id) FROM tasks
  WHERE id = ? AND parked_at IS NOT NULL"""
UNPARK_TASK = """UPDATE tasks SET parked_at = NULL, reason = '', deaths = 0, faults = 0,
  due_at = ?
  WHERE id = ? AND parked_at IS NOT NULL"""
TASKS_OF_OUTBOUND = """SELECT id, kind, due_at, lease IS NOT NULL, parked_at IS NOT NULL FROM tasks
  WHERE outbound_id = ? AND kind = ? ORDER BY id"""
TAKE_BACK_TASK = "UPDATE tasks SET due_at = ?, lease = NULL WHERE id = ?"
DROP_TASK = "DELETE FROM tasks WHERE id = ?"
NEXT_DUE = "SELECT min(due_at) FROM tasks WHERE kind = ? AND parked_at IS NULL"
COUNT_DUE = "SELECT count(*) FROM tasks WHERE kind = ? AND parked_at IS NULL AND due_at <= ?"
COUNT_PARKED = "SELECT count(*) FROM tasks WHERE parked_at IS NOT NULL"

# --- evidence -------------------------------------------------------------------------------

_RECORD = "SELECT sequence, message_id, body, previous, hash FROM evidence"
HEAD = "SELECT sequence, hash FROM evidence ORDER BY sequence DESC LIMIT 1"
ADD_EVIDENCE = """INSERT INTO evidence (sequence, message_id, previous, hash, body, wire)
  VALUES (?, ?, ?, ?, ?, ?)"""
EVIDENCE_OF = f"{_RECORD} WHERE message_id = ? AND message_id <> '' ORDER BY sequence"
EVIDENCE_AFTER = f"{_RECORD} WHERE sequence > ? ORDER BY sequence LIMIT ?"
WIRED_OF = """SELECT sequence, message_id, body, previous, hash, wire FROM evidence
  WHERE message_id = ? AND message_id <> '' ORDER BY sequence"""
WIRED_AFTER = """SELECT sequence, message_id, body, previous, hash, wire FROM evidence
  WHERE sequence > ? ORDER BY sequence LIMIT ?"""
HASHES = "SELECT hash FROM evidence WHERE sequence BETWEEN ? AND ? ORDER BY sequence"

_SEAL = "SELECT number, first, last, root, chain, previous, at, signature, key FROM seals"
LAST_SEAL = f"{_SEAL} ORDER BY number DESC LIMIT 1"
SEALS_AFTER = f"{_SEAL} WHERE number > ? ORDER BY number LIMIT ?"
SEAL_OVER = f"{_SEAL} WHERE last >= ? ORDER BY last LIMIT 1"
ADD_SEAL = "INSERT INTO seals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (number) DO NOTHING"

# --- blobs ----------------------------------------------------------------------------------

ADD_REF = "INSERT OR IGNORE INTO blob_refs VALUES (unhex(?), ?, ?)"
DROP_REF = "DELETE FROM blob_refs WHERE digest = unhex(?) AND owner = ? AND row = ?"
BLOB_REF = "SELECT 1 FROM blob_refs WHERE digest = unhex(?) LIMIT 1"
ORIGINAL_OF = "SELECT 1 FROM messages WHERE original = ? LIMIT 1"
SEALED_UNTIL = "SELECT until FROM quarantine WHERE digest = ?"

# --- quarantine -----------------------------------------------------------------------------

REFERRED = """SELECT 1 FROM messages WHERE original = ?1 AND state <> 'REJECTED'
  UNION ALL SELECT 1 FROM blob_refs WHERE digest = unhex(?1) AND owner IN ('m', 'o') LIMIT 1"""
KEEP_KEY = "INSERT OR IGNORE INTO quarantine VALUES (?, ?, ?)"
KEEP_LONGER = "UPDATE quarantine SET until = max(until, ?) WHERE digest = ?"
KEY_OF = "SELECT key FROM quarantine WHERE digest = ?"
PAST_KEYS = "SELECT digest FROM quarantine WHERE until <= ? ORDER BY until LIMIT ?"
DESTROY_KEY = "DELETE FROM quarantine WHERE digest = ?"
ALL_KEYS = "SELECT digest FROM quarantine ORDER BY digest"
EMPTY_LOG = "PRAGMA wal_checkpoint(TRUNCATE)"
