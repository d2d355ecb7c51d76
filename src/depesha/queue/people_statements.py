"""Every SQL statement about people and their sessions; a test asks how each is answered."""

from __future__ import annotations

_PERSON = "SELECT account, secrets, version FROM accounts"
_SESSION = "SELECT body, seen_at FROM sessions"

ADD_ACCOUNT = "INSERT OR IGNORE INTO accounts VALUES (?, 1, ?, ?, ?, ?)"
CHANGE_ACCOUNT = """UPDATE accounts SET version = version + 1, deputy = ?, subject = ?,
  account = ?, secrets = ? WHERE login = ? AND version = ?"""
PERSON = f"{_PERSON} WHERE login = ?"
PERSON_OF_SUBJECT = f"{_PERSON} WHERE subject = ?"
ACCOUNTS = "SELECT account FROM accounts WHERE login > ? ORDER BY login LIMIT ?"
STOOD_IN_FOR = "SELECT account FROM accounts WHERE deputy = ?"

ADD_SESSION = "INSERT INTO sessions VALUES (unhex(?), ?, ?, ?, ?)"
SESSION = f"{_SESSION} WHERE token = unhex(?)"
TOUCH_SESSION = "UPDATE sessions SET seen_at = max(seen_at, ?) WHERE token = unhex(?)"
END_SESSION = "DELETE FROM sessions WHERE token = unhex(?)"
END_SESSIONS = "DELETE FROM sessions WHERE login = ?"
SESSIONS_OF = f"{_SESSION} WHERE login = ?"
SWEEP_ENDED = "DELETE FROM sessions WHERE ends_at <= ?"
SWEEP_UNSEEN = "DELETE FROM sessions WHERE seen_at <= ?"

NOTES = "SELECT key, value FROM notes WHERE area = ? ORDER BY key"
WRITE_NOTE = """INSERT INTO notes VALUES (?, ?, ?)
  ON CONFLICT (area, key) DO UPDATE SET value = excluded.value"""
ADD_NOTE = "INSERT OR IGNORE INTO notes VALUES (?, ?, ?)"
DROP_NOTE = "DELETE FROM notes WHERE area = ? AND key = ?"
