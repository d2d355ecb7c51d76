-- The console's eyes: what the operators' pages read. Filled in the transactions of what it tells.
-- Times are microseconds since 1970, UTC; hours are whole hours since 1970, UTC.

-- Both directions in one list, in the order in which they were stored.
CREATE TABLE entries (
  row INTEGER PRIMARY KEY,
  owner INTEGER NOT NULL UNIQUE,        -- row of the message times 2; of the document times 2, plus 1
  direction TEXT NOT NULL,              -- in, out
  network TEXT NOT NULL,                -- of a document: of its latest try; empty before the first
  state TEXT NOT NULL,
  hour INTEGER NOT NULL,                -- when it was stored
  at INTEGER NOT NULL,                  -- the same, exactly
  peer TEXT NOT NULL,                   -- identifier of the other side
  need TEXT,                            -- why it needs a person
  since INTEGER NOT NULL,               -- since when it stands as it does
  mended INTEGER NOT NULL DEFAULT 0,    -- 1: a later document mends it
  filed INTEGER NOT NULL DEFAULT 0      -- how many texts of it stand in the index of words
) STRICT;

CREATE INDEX entries_by_state ON entries (direction, network, state, row);
CREATE INDEX entries_by_peer ON entries (peer, row) WHERE peer <> '';
CREATE INDEX entries_needing ON entries (need, since) WHERE need IS NOT NULL AND mended = 0;
CREATE INDEX entries_waiting ON entries (network, since) WHERE state = 'ADMITTED';
CREATE INDEX entries_unfiled ON entries (row) WHERE filed = 0;

-- What a clerk may know of them. Each text of an entry stands under its row times 8, plus 0 to 7;
-- a later one holds the earlier ones, so that nothing is ever changed. Erased with the message.
-- The lists of beginnings cost a twentieth of the space; without them "сло" merges the lists of five
-- thousand words at each look, which takes half a second among a million documents.
CREATE VIRTUAL TABLE words USING fts5 (
  terms, tokenize = 'ascii', detail = none, columnsize = 0, prefix = '3 4 5 6 7 8'
);

-- How what was stored in an hour stands now. Erasing a message leaves its count: the day was so.
CREATE TABLE entry_tallies (
  hour INTEGER NOT NULL,
  direction TEXT NOT NULL,
  network TEXT NOT NULL,
  state TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (hour, direction, network, state)
) STRICT, WITHOUT ROWID;

-- How often something was written into the journal in an hour, and when last.
CREATE TABLE pulses (
  network TEXT NOT NULL,
  word TEXT NOT NULL,
  hour INTEGER NOT NULL,
  count INTEGER NOT NULL,
  last INTEGER NOT NULL,
  PRIMARY KEY (network, word, hour)
) STRICT, WITHOUT ROWID;

-- Traffic of a peer, apart from what was refused at the door: anybody can invent senders there.
CREATE TABLE peers (
  peer TEXT NOT NULL,
  direction TEXT NOT NULL,
  count INTEGER NOT NULL,
  last INTEGER NOT NULL,
  PRIMARY KEY (peer, direction)
) STRICT, WITHOUT ROWID;

-- When a check over the whole last ended well.
CREATE TABLE proofs (
  name TEXT PRIMARY KEY,
  at INTEGER NOT NULL,
  rows INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Of a kind, so that a thousand parked webhooks cannot hide one late answer.
CREATE INDEX tasks_parked_by_kind ON tasks (kind, parked_at) WHERE parked_at IS NOT NULL;
CREATE INDEX tasks_of_message ON tasks (message_id) WHERE message_id IS NOT NULL;

CREATE TRIGGER entries_stored AFTER INSERT ON entries BEGIN
  INSERT INTO entry_tallies VALUES (new.hour, new.direction, new.network, new.state, 1)
    ON CONFLICT DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER entries_moved AFTER UPDATE OF state, network ON entries
WHEN old.state <> new.state OR old.network <> new.network BEGIN
  UPDATE entry_tallies SET count = count - 1
    WHERE hour = old.hour AND direction = old.direction
      AND network = old.network AND state = old.state;
  INSERT INTO entry_tallies VALUES (new.hour, new.direction, new.network, new.state, 1)
    ON CONFLICT DO UPDATE SET count = count + 1;
END;

-- Overwritten in the index, too, not only marked as gone: but this costs, so only here.
CREATE TRIGGER entries_erased AFTER DELETE ON entries BEGIN
  INSERT INTO words (words, rank) VALUES ('secure-delete', 1);
  DELETE FROM words WHERE rowid BETWEEN old.row * 8 AND old.row * 8 + 7;
  INSERT INTO words (words, rank) VALUES ('secure-delete', 0);
END;
CREATE TRIGGER messages_erased AFTER DELETE ON messages BEGIN
  DELETE FROM entries WHERE owner = old.row * 2;
END;
CREATE TRIGGER outbound_erased AFTER DELETE ON outbound BEGIN
  DELETE FROM entries WHERE owner = old.row * 2 + 1;
END;

-- What an earlier version left. Words and needs are filed by the code, piece by piece.
INSERT INTO entries (owner, direction, network, state, hour, at, peer, since)
  SELECT owner, direction, network, state, at / 3600000000, at, peer, changed FROM (
    SELECT m.row * 2 AS owner, 'in' AS direction, m.network, m.state,
      coalesce((SELECT CAST(unixepoch(e.body ->> '$.at', 'subsec') * 1000000 AS INTEGER)
        FROM evidence e WHERE e.message_id = m.id AND e.message_id <> ''
        ORDER BY e.sequence LIMIT 1), m.received_at) AS at,
      coalesce(CAST(m.arrival AS TEXT) ->> '$.envelope.sender.identifier', '') AS peer,
      m.changed_at AS changed
    FROM messages m
    UNION ALL
    SELECT o.row * 2 + 1, 'out',
      coalesce((SELECT a.network FROM outbound_attempts a WHERE a.outbound = o.row
        ORDER BY a.row DESC LIMIT 1), ''), o.state,
      coalesce((SELECT CAST(unixepoch(e.body ->> '$.at', 'subsec') * 1000000 AS INTEGER)
        FROM evidence e WHERE e.message_id = o.id AND e.message_id <> ''
        ORDER BY e.sequence LIMIT 1), o.submitted_at),
      o.recipient, o.changed_at
    FROM outbound o
  ) ORDER BY at;

INSERT INTO peers SELECT peer, direction, count(*), max(at) FROM entries
  WHERE peer <> '' AND state <> 'REJECTED' GROUP BY peer, direction;

INSERT INTO pulses SELECT network, word, at / 3600000000, count(*), max(at) FROM (
  SELECT coalesce(body ->> '$.facts.network', '') AS network, 'received' AS word,
    CAST(unixepoch(body ->> '$.at', 'subsec') * 1000000 AS INTEGER) AS at
  FROM evidence WHERE body ->> '$.kind' = 'RECEIVED'
  UNION ALL
  SELECT '', 'submitted', CAST(unixepoch(body ->> '$.at', 'subsec') * 1000000 AS INTEGER)
  FROM evidence WHERE body ->> '$.kind' = 'SUBMITTED'
) GROUP BY network, word, at / 3600000000;

INSERT INTO pulses SELECT network, 'sent', hour, count(*), max(at) FROM entries
  WHERE direction = 'out' GROUP BY network, hour;
