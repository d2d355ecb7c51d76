-- The way out, and what every blob is kept for. Times are microseconds since 1970, UTC.

CREATE TABLE outbound (
  row INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,              -- ordered by time, of the same kind as a message's
  state TEXT NOT NULL,
  submitted_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  document TEXT NOT NULL UNIQUE,        -- our document GUID, the same on every network
  recipient TEXT NOT NULL,              -- identifier
  actor TEXT NOT NULL,
  key TEXT NOT NULL,                    -- the registry's idempotency key, its actor's own
  request TEXT NOT NULL,                -- digest of all that was asked for under it
  progress BLOB NOT NULL,               -- JSON: what moves
  UNIQUE (actor, key)
) STRICT;

CREATE INDEX outbound_by_state ON outbound (state, id);

-- What never changes, in rows of its own: rewriting it with each step costs half as much log again.
CREATE TABLE outbound_submissions (
  row INTEGER PRIMARY KEY REFERENCES outbound (row),
  body BLOB NOT NULL                    -- JSON: dispatch and contents
) STRICT;

CREATE TABLE outbound_tallies (
  state TEXT PRIMARY KEY,
  count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER outbound_stored AFTER INSERT ON outbound BEGIN
  INSERT INTO outbound_tallies VALUES (new.state, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER outbound_moved AFTER UPDATE OF state ON outbound WHEN old.state <> new.state BEGIN
  UPDATE outbound_tallies SET count = count - 1 WHERE state = old.state;
  INSERT INTO outbound_tallies VALUES (new.state, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER outbound_gone AFTER DELETE ON outbound BEGIN
  UPDATE outbound_tallies SET count = count - 1 WHERE state = old.state;
END;

-- By what names the networks speak of our tries.
CREATE TABLE outbound_attempts (
  row INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  outbound INTEGER NOT NULL REFERENCES outbound (row),
  network TEXT NOT NULL,
  transport_id TEXT NOT NULL,
  reference TEXT NOT NULL               -- the network's own name; empty while not known
) STRICT;

CREATE INDEX outbound_attempts_by_transport ON outbound_attempts (transport_id, network);
CREATE INDEX outbound_attempts_by_reference ON outbound_attempts (reference, network)
  WHERE reference <> '';

CREATE TABLE channel_health (
  network TEXT NOT NULL,
  peer TEXT NOT NULL,                   -- identifier; empty for the channel as a whole
  body BLOB NOT NULL,                   -- JSON
  PRIMARY KEY (network, peer)
) STRICT, WITHOUT ROWID;

-- A task belongs to a received message, to a document of ours, or to neither.
ALTER TABLE tasks ADD COLUMN outbound_id TEXT REFERENCES outbound (id);
-- Deaths of the process at which it was in hand, since it was last given back in order.
ALTER TABLE tasks ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0;
CREATE INDEX tasks_of_outbound ON tasks (outbound_id, kind) WHERE outbound_id IS NOT NULL;

-- What blobs are kept for, beside the originals of messages, which have their own index:
-- m, an attachment of a message that is not refused; o, a part of a document of ours;
-- e, bytes that evidence names (row 0: evidence is never deleted, so a set is enough).
CREATE TABLE blob_refs (
  digest BLOB NOT NULL,
  owner TEXT NOT NULL,
  row INTEGER NOT NULL,
  PRIMARY KEY (digest, owner, row)
) STRICT, WITHOUT ROWID;

INSERT OR IGNORE INTO blob_refs
  SELECT unhex(file.value ->> '$.digest'), 'm', messages.row
  FROM messages, json_each(CAST(arrival AS TEXT), '$.envelope.attachments') AS file
  WHERE messages.state <> 'REJECTED';

INSERT OR IGNORE INTO blob_refs
  SELECT unhex(file.value ->> '$.attachment.digest'), 'm', messages.row
  FROM messages, json_each(CAST(arrival AS TEXT), '$.contents') AS file
  WHERE messages.state <> 'REJECTED';

INSERT OR IGNORE INTO blob_refs
  SELECT unhex(fact.value), 'e', 0
  FROM evidence, json_tree(evidence.body, '$.facts') AS fact
  WHERE fact.type = 'text' AND length(fact.value) = 64
    AND fact.value NOT GLOB '*[^0-9a-f]*'
    AND evidence.body ->> '$.kind' NOT IN ('RECEIVED', 'VIEWED', 'EXPORTED', 'SHREDDED');
