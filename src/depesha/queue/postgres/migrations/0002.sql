-- The way out, and what every blob is kept for. Times are microseconds since 1970, UTC.

CREATE TABLE outbound (
  row BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id TEXT COLLATE "C" NOT NULL UNIQUE,  -- ordered by time, of the same kind as a message's
  state TEXT COLLATE "C" NOT NULL,
  submitted_at BIGINT NOT NULL,
  changed_at BIGINT NOT NULL,
  document TEXT COLLATE "C" NOT NULL UNIQUE,  -- our document GUID, the same on every network
  recipient TEXT COLLATE "C" NOT NULL,  -- identifier
  actor TEXT COLLATE "C" NOT NULL,
  key TEXT COLLATE "C" NOT NULL,        -- the registry's idempotency key, its actor's own
  request TEXT COLLATE "C" NOT NULL,    -- digest of all that was asked for under it
  progress BYTEA NOT NULL,              -- JSON: what moves
  UNIQUE (actor, key)
) WITH (fillfactor = 70);

CREATE INDEX outbound_by_state ON outbound (state, id);

-- What never changes, in rows of its own.
CREATE TABLE outbound_submissions (
  row BIGINT PRIMARY KEY REFERENCES outbound (row),
  body BYTEA NOT NULL                   -- JSON: dispatch and contents
);

CREATE TABLE outbound_tallies (
  state TEXT COLLATE "C" NOT NULL,
  slot BIGINT NOT NULL,
  count BIGINT NOT NULL,
  PRIMARY KEY (state, slot)
) WITH (fillfactor = 20);

CREATE FUNCTION tally_outbound() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO outbound_tallies VALUES (OLD.state, writer_slot(), -1)
      ON CONFLICT (state, slot) DO UPDATE SET count = outbound_tallies.count - 1;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO outbound_tallies VALUES (NEW.state, writer_slot(), 1)
      ON CONFLICT (state, slot) DO UPDATE SET count = outbound_tallies.count + 1;
  END IF;
  RETURN NULL;
END
$$;

CREATE TRIGGER outbound_stored AFTER INSERT OR DELETE ON outbound
  FOR EACH ROW EXECUTE FUNCTION tally_outbound();
CREATE TRIGGER outbound_moved AFTER UPDATE OF state ON outbound
  FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION tally_outbound();

-- By what names the networks speak of our tries.
CREATE TABLE outbound_attempts (
  row BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id TEXT COLLATE "C" NOT NULL UNIQUE,
  outbound BIGINT NOT NULL REFERENCES outbound (row),
  network TEXT COLLATE "C" NOT NULL,
  transport_id TEXT COLLATE "C" NOT NULL,
  reference TEXT COLLATE "C" NOT NULL   -- the network's own name; empty while not known
);

CREATE INDEX outbound_attempts_by_transport ON outbound_attempts (transport_id, network);
CREATE INDEX outbound_attempts_by_reference ON outbound_attempts (reference, network)
  WHERE reference <> '';

CREATE TABLE channel_health (
  network TEXT COLLATE "C" NOT NULL,
  peer TEXT COLLATE "C" NOT NULL,       -- identifier; empty for the channel as a whole
  body BYTEA NOT NULL,                  -- JSON
  PRIMARY KEY (network, peer)
);

-- A task belongs to a received message, to a document of ours, or to neither.
ALTER TABLE tasks ADD COLUMN outbound_id TEXT COLLATE "C" REFERENCES outbound (id);
CREATE INDEX tasks_of_outbound ON tasks (outbound_id, kind) WHERE outbound_id IS NOT NULL;

-- What blobs are kept for, beside the originals of messages, which have their own index:
-- m, an attachment of a message that is not refused; o, a part of a document of ours;
-- e, bytes that evidence names (row 0: evidence is never deleted, so a set is enough).
CREATE TABLE blob_refs (
  digest BYTEA NOT NULL,
  owner TEXT COLLATE "C" NOT NULL,
  row BIGINT NOT NULL,
  PRIMARY KEY (digest, owner, row)
);
