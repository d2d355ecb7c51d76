-- The first schema. Times are microseconds since 1970, UTC, by the gateways' clocks. Words are
-- compared byte by byte (COLLATE "C"), as the store's ranges and orders mean it.

-- In which slot this connection counts. Each gateway has its own, so that none waits for another.
CREATE FUNCTION writer_slot() RETURNS BIGINT LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce(nullif(current_setting('depesha.slot', true), ''), '0')::bigint
$$;

-- For triggers that keep rows as they are.
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '%', TG_ARGV[0];
END
$$;

CREATE TABLE messages (
  row BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id TEXT COLLATE "C" NOT NULL UNIQUE,  -- ordered by time
  network TEXT COLLATE "C" NOT NULL,
  state TEXT COLLATE "C" NOT NULL,
  received_at BIGINT NOT NULL,
  changed_at BIGINT NOT NULL,
  original TEXT COLLATE "C" NOT NULL,   -- digest of the blob
  sender TEXT COLLATE "C",              -- register GUID, where the envelope names one
  document TEXT COLLATE "C",            -- the sender's document GUID
  numbered BIGINT NOT NULL,             -- 1 where the sender gave its own number
  number TEXT COLLATE "C",              -- ours
  number_date TEXT COLLATE "C",
  registered_at BIGINT,
  acknowledged_at BIGINT,
  reason TEXT COLLATE "C" NOT NULL DEFAULT '',
  other_documents TEXT COLLATE "C" NOT NULL DEFAULT '',  -- GUIDs, parted by blanks
  checks BYTEA NOT NULL,                -- JSON
  arrival BYTEA NOT NULL                -- JSON
);

CREATE INDEX messages_by_state ON messages (state, id);
CREATE INDEX messages_by_original ON messages (original);

-- How many messages stand in each state, counted by each gateway for itself; the sum is the truth.
CREATE TABLE tallies (
  state TEXT COLLATE "C" NOT NULL,
  slot BIGINT NOT NULL,
  count BIGINT NOT NULL,
  PRIMARY KEY (state, slot)
) WITH (fillfactor = 20);

CREATE FUNCTION tally_messages() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO tallies VALUES (OLD.state, writer_slot(), -1)
      ON CONFLICT (state, slot) DO UPDATE SET count = tallies.count - 1;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO tallies VALUES (NEW.state, writer_slot(), 1)
      ON CONFLICT (state, slot) DO UPDATE SET count = tallies.count + 1;
  END IF;
  RETURN NULL;
END
$$;

CREATE TRIGGER messages_stored AFTER INSERT OR DELETE ON messages
  FOR EACH ROW EXECUTE FUNCTION tally_messages();
CREATE TRIGGER messages_moved AFTER UPDATE OF state ON messages
  FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION tally_messages();

-- What a repeat is known by: t<transport id>/<network>/<sender>, d<document>/<sender>, c<digest>.
CREATE TABLE identities (
  value TEXT COLLATE "C" PRIMARY KEY,
  message BIGINT NOT NULL REFERENCES messages (row)
);

-- Who works on this database: each start of a gateway is a new row. Times are the server's.
CREATE TABLE gateways (
  number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name TEXT COLLATE "C" NOT NULL,
  slot BIGINT NOT NULL,
  started_at TIMESTAMPTZ NOT NULL,
  heard_at TIMESTAMPTZ NOT NULL,
  ended_at TIMESTAMPTZ                  -- it went, or was not heard for too long
);

CREATE INDEX gateways_living ON gateways (name) WHERE ended_at IS NULL;

-- The number of the last group that each writing connection committed.
CREATE TABLE lanes (
  lane BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  mark BIGINT NOT NULL DEFAULT 0,
  used_at TIMESTAMPTZ NOT NULL
) WITH (fillfactor = 20);

-- What only one gateway does at a time: it holds while that gateway lives.
CREATE TABLE leaders (
  name TEXT COLLATE "C" PRIMARY KEY,
  gateway BIGINT NOT NULL REFERENCES gateways (number),
  term BIGINT NOT NULL                  -- grows with each change of hands
);

CREATE TABLE tasks (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  message_id TEXT COLLATE "C" REFERENCES messages (id),
  kind TEXT COLLATE "C" NOT NULL,
  due_at BIGINT NOT NULL,               -- or, while leased, when the lease ends
  created_at BIGINT NOT NULL,
  attempts BIGINT NOT NULL DEFAULT 0,
  lease TEXT COLLATE "C",               -- the fencing token of who holds it
  holder BIGINT,                        -- number of the gateway that leased it last
  deaths BIGINT NOT NULL DEFAULT 0,     -- of a gateway that had it in hand, since it was last given back
  parked_at BIGINT,
  reason TEXT COLLATE "C" NOT NULL DEFAULT '',
  payload BYTEA NOT NULL                -- JSON
) WITH (fillfactor = 70);

CREATE INDEX tasks_due ON tasks (kind, due_at) WHERE parked_at IS NULL;
CREATE INDEX tasks_parked ON tasks (parked_at) WHERE parked_at IS NOT NULL;
CREATE INDEX tasks_in_hand ON tasks (holder) WHERE lease IS NOT NULL;

-- Work that is nobody's wakes every gateway that hears, with the commit that left it so.
CREATE FUNCTION tell_of_work() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('depesha_work', NEW.kind);
  RETURN NULL;
END
$$;

CREATE TRIGGER tasks_stored AFTER INSERT ON tasks
  FOR EACH ROW EXECUTE FUNCTION tell_of_work();
CREATE TRIGGER tasks_freed AFTER UPDATE OF due_at, lease, parked_at ON tasks
  FOR EACH ROW WHEN (NEW.lease IS NULL AND NEW.parked_at IS NULL)
  EXECUTE FUNCTION tell_of_work();

CREATE TABLE evidence (
  sequence BIGINT PRIMARY KEY,          -- without a gap: given under a lock that all writers share
  message_id TEXT COLLATE "C" NOT NULL, -- empty where the row belongs to no message
  previous TEXT COLLATE "C" NOT NULL,
  hash TEXT COLLATE "C" NOT NULL,
  body TEXT COLLATE "C" NOT NULL,       -- canonical JSON
  wire BYTEA                            -- bytes said or heard; their digest stands in the body
);

CREATE INDEX evidence_by_message ON evidence (message_id, sequence) WHERE message_id <> '';

CREATE TRIGGER evidence_stays BEFORE UPDATE ON evidence
  FOR EACH ROW EXECUTE FUNCTION refuse('evidence is never changed');
CREATE TRIGGER evidence_remains BEFORE DELETE ON evidence
  FOR EACH ROW EXECUTE FUNCTION refuse('evidence is never deleted');
CREATE TRIGGER evidence_is_not_emptied BEFORE TRUNCATE ON evidence
  EXECUTE FUNCTION refuse('evidence is never deleted');

CREATE TABLE seals (
  number BIGINT PRIMARY KEY,
  first BIGINT NOT NULL UNIQUE,
  last BIGINT NOT NULL UNIQUE,
  root TEXT COLLATE "C" NOT NULL,
  chain TEXT COLLATE "C" NOT NULL,
  previous TEXT COLLATE "C" NOT NULL UNIQUE,
  at TEXT COLLATE "C" NOT NULL,
  signature TEXT COLLATE "C" NOT NULL,
  key TEXT COLLATE "C" NOT NULL
);

CREATE TRIGGER seals_stay BEFORE UPDATE ON seals
  FOR EACH ROW EXECUTE FUNCTION refuse('seals are never changed');
CREATE TRIGGER seals_remain BEFORE DELETE ON seals
  FOR EACH ROW EXECUTE FUNCTION refuse('seals are never deleted');
CREATE TRIGGER seals_are_not_emptied BEFORE TRUNCATE ON seals
  EXECUTE FUNCTION refuse('seals are never deleted');

CREATE TABLE quarantine (
  digest TEXT COLLATE "C" PRIMARY KEY,
  until BIGINT NOT NULL,
  key BYTEA NOT NULL
);

CREATE INDEX quarantine_by_time ON quarantine (until, digest);
