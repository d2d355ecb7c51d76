-- The first schema. Times are microseconds since 1970, UTC. Big values stand last in a row, so
-- that reading the small ones never touches their overflow pages.

CREATE TABLE messages (
  row INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,              -- ordered by time
  network TEXT NOT NULL,
  state TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  original TEXT NOT NULL,               -- digest of the blob
  sender TEXT,                          -- register GUID, where the envelope names one
  document TEXT,                        -- the sender's document GUID
  numbered INTEGER NOT NULL,            -- 1 where the sender gave its own number
  number TEXT,                          -- ours
  number_date TEXT,
  registered_at INTEGER,
  acknowledged_at INTEGER,
  reason TEXT NOT NULL DEFAULT '',
  other_documents TEXT NOT NULL DEFAULT '',  -- GUIDs, parted by blanks
  checks BLOB NOT NULL,                 -- JSON
  arrival BLOB NOT NULL                 -- JSON
) STRICT;

CREATE INDEX messages_by_state ON messages (state, id);
CREATE INDEX messages_by_original ON messages (original);

-- How many messages stand in each state: counting a million rows is no answer to a health check.
CREATE TABLE tallies (
  state TEXT PRIMARY KEY,
  count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER messages_stored AFTER INSERT ON messages BEGIN
  INSERT INTO tallies VALUES (new.state, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER messages_moved AFTER UPDATE OF state ON messages WHEN old.state <> new.state BEGIN
  UPDATE tallies SET count = count - 1 WHERE state = old.state;
  INSERT INTO tallies VALUES (new.state, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER messages_gone AFTER DELETE ON messages BEGIN
  UPDATE tallies SET count = count - 1 WHERE state = old.state;
END;

-- What a repeat is known by: t<transport id>/<network>/<sender>, d<document>/<sender>, c<digest>.
CREATE TABLE identities (
  value TEXT PRIMARY KEY,
  message INTEGER NOT NULL REFERENCES messages (row)
) STRICT, WITHOUT ROWID;

CREATE TABLE tasks (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  message_id TEXT REFERENCES messages (id),
  kind TEXT NOT NULL,
  due_at INTEGER NOT NULL,              -- or, while leased, when the lease ends
  created_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  lease TEXT,                           -- the fencing token of who holds it
  parked_at INTEGER,
  reason TEXT NOT NULL DEFAULT '',
  payload BLOB NOT NULL                 -- JSON
) STRICT;

CREATE INDEX tasks_due ON tasks (kind, due_at) WHERE parked_at IS NULL;
CREATE INDEX tasks_parked ON tasks (parked_at) WHERE parked_at IS NOT NULL;

CREATE TABLE evidence (
  sequence INTEGER PRIMARY KEY,
  message_id TEXT NOT NULL,             -- empty where the row belongs to no message
  previous TEXT NOT NULL,
  hash TEXT NOT NULL,
  body TEXT NOT NULL,                   -- canonical JSON
  wire BLOB                             -- bytes said or heard; their digest stands in the body
) STRICT;

CREATE INDEX evidence_by_message ON evidence (message_id) WHERE message_id <> '';

CREATE TRIGGER evidence_stays BEFORE UPDATE ON evidence BEGIN
  SELECT RAISE(ABORT, 'evidence is never changed');
END;
CREATE TRIGGER evidence_remains BEFORE DELETE ON evidence BEGIN
  SELECT RAISE(ABORT, 'evidence is never deleted');
END;

CREATE TABLE seals (
  number INTEGER PRIMARY KEY,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL UNIQUE,
  root TEXT NOT NULL,
  chain TEXT NOT NULL,
  previous TEXT NOT NULL,
  at TEXT NOT NULL,
  signature TEXT NOT NULL,
  key TEXT NOT NULL
) STRICT;

CREATE TRIGGER seals_stay BEFORE UPDATE ON seals BEGIN
  SELECT RAISE(ABORT, 'seals are never changed');
END;
CREATE TRIGGER seals_remain BEFORE DELETE ON seals BEGIN
  SELECT RAISE(ABORT, 'seals are never deleted');
END;

CREATE TABLE quarantine (
  digest TEXT PRIMARY KEY,
  until INTEGER NOT NULL,
  key BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX quarantine_by_time ON quarantine (until);
