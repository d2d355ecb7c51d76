"""Statements of the core that PostgreSQL needs in other words, by the text they have for SQLite."""

from __future__ import annotations

from depesha.queue import outbound_statements as out
from depesha.queue import statements as sql

OTHERWISE = {
    # Counted by each gateway in rows of its own, summed when read.
    sql.TALLIES: """SELECT state, sum(count)::bigint FROM tallies
  GROUP BY state HAVING sum(count) > 0""",
    out.OUTBOUND_TALLIES: """SELECT state, sum(count)::bigint FROM outbound_tallies
  GROUP BY state HAVING sum(count) > 0""",
    # A task remembers which gateway has it in hand, for that gateway may die.
    sql.LEASE_TASK: """UPDATE tasks SET lease = ?, due_at = ?, attempts = attempts + 1,
  holder = current_setting('depesha.gateway')::bigint WHERE id = ?""",
    sql.RETURN_TASKS: """UPDATE tasks SET lease = NULL, deaths = deaths + 1, due_at = least(due_at,
    ? + CASE WHEN deaths + 1 < ? THEN 0 ELSE ? << least(deaths + 1 - ?, 10)::int END)
  WHERE kind = ? AND parked_at IS NULL AND due_at > ? AND lease IS NOT NULL""",
    out.KEEP_HEALTH: """INSERT INTO channel_health VALUES (?, ?, ?)
  ON CONFLICT (network, peer) DO UPDATE SET body = excluded.body""",
    sql.EMPTY_LOG: "VACUUM quarantine",
}

RETURNING = {
    sql.ADD_MESSAGE: "row",
    out.ADD_OUTBOUND: "row",
    sql.ADD_OUTBOUND_TASK: "id",
}
"""After these the store asks for the number of the new row."""

_LOCK = " FOR UPDATE"
_LOCK_DOCUMENT = " FOR NO KEY UPDATE"
"""New tasks and identities of it, which refer to its key, need not wait."""
_LOCK_FREE = " FOR UPDATE SKIP LOCKED"
WHEN_WRITING = {
    sql.MESSAGE: _LOCK_DOCUMENT,
    out.OUTBOUND: f"{_LOCK_DOCUMENT} OF o",
    sql.HELD_TASK: _LOCK,
    sql.MESSAGE_OF_PARKED: _LOCK,
    sql.TASKS_OF_OUTBOUND: _LOCK,
    sql.DUE_TASKS: _LOCK_FREE,
    sql.PAST_KEYS: _LOCK_FREE,
}
"""Read in order to be changed. A document is always locked before its tasks, never after."""
