"""Statements about the gateways themselves, which only PostgreSQL has; places are `?` here, too."""

from __future__ import annotations

ENTER = "LOCK TABLE gateways IN ROW EXCLUSIVE MODE"
"""As every change of it does, but before any row is locked: whoever moves the store away
(`queue/moving_postgres.py`) keeps us waiting here, and must never wait for us."""
MOVED_AWAY = "SELECT 1 FROM migrations WHERE number = ?"
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(714055, 3)"
"""So that two gateways never take the same slot."""
NAMESAKES = "SELECT number FROM gateways WHERE name = ? AND ended_at IS NULL FOR UPDATE"
NAMESAKE_HEARD = """SELECT 1 FROM gateways WHERE name = ? AND ended_at IS NULL
  AND heard_at >= clock_timestamp() - make_interval(secs => ?)"""
FREE_SLOT = """SELECT slot FROM generate_series(1, 1000) AS slot
  WHERE slot NOT IN (SELECT slot FROM gateways WHERE ended_at IS NULL) ORDER BY slot LIMIT 1"""
JOIN = """INSERT INTO gateways (name, slot, started_at, heard_at)
  VALUES (?, ?, clock_timestamp(), clock_timestamp()) RETURNING number"""
HEARD = "UPDATE gateways SET heard_at = clock_timestamp() WHERE number = ? AND ended_at IS NULL"
SILENT = """SELECT number FROM gateways WHERE ended_at IS NULL
  AND heard_at < clock_timestamp() - make_interval(secs => ?) FOR UPDATE SKIP LOCKED"""
SILENT_OURSELVES = """SELECT 1 FROM gateways WHERE number = ? AND ended_at IS NULL
  AND heard_at < clock_timestamp() - make_interval(secs => ?)"""
END = "UPDATE gateways SET ended_at = clock_timestamp() WHERE number = ? AND ended_at IS NULL"
HELD_BY_ENDED = """SELECT t.id FROM gateways g JOIN tasks t ON t.holder = g.number
  WHERE g.ended_at IS NOT NULL AND t.lease IS NOT NULL AND t.parked_at IS NULL
  FOR UPDATE OF t SKIP LOCKED"""
FREE_TASK = """UPDATE tasks SET lease = NULL, deaths = deaths + 1, due_at = least(due_at,
    ? + CASE WHEN deaths + 1 < ? THEN 0 ELSE ? << least(deaths + 1 - ?, 10)::int END)
  WHERE id = ?"""
GIVE_BACK = """UPDATE tasks SET lease = NULL, due_at = least(due_at, ?)
  WHERE holder = ? AND lease IS NOT NULL AND parked_at IS NULL"""
FORGET_ENDED = """DELETE FROM gateways g WHERE ended_at < clock_timestamp() - interval '1 day'
  AND NOT EXISTS (SELECT FROM tasks t WHERE t.holder = g.number AND t.lease IS NOT NULL)
  AND NOT EXISTS (SELECT FROM leaders l WHERE l.gateway = g.number)"""
FORGET_LANES = "DELETE FROM lanes WHERE used_at < clock_timestamp() - interval '30 days'"
SETTLED = """SELECT number, name FROM gateways WHERE ended_at IS NULL
  AND started_at < clock_timestamp() - interval '2 seconds' ORDER BY number"""
"""Those that have had the time to leave their mark in the shared folder."""

LEAD = """INSERT INTO leaders (name, gateway, term) VALUES (?, ?, 1)
  ON CONFLICT (name) DO UPDATE SET gateway = excluded.gateway, term = leaders.term + 1
  WHERE leaders.gateway <> excluded.gateway AND NOT EXISTS (
    SELECT FROM gateways g WHERE g.number = leaders.gateway AND g.ended_at IS NULL)"""
LEADER = """SELECT 1 FROM leaders l JOIN gateways g ON g.number = l.gateway
  WHERE l.name = ? AND l.gateway = ? AND g.ended_at IS NULL"""
STAND_DOWN = "DELETE FROM leaders WHERE gateway = ?"
