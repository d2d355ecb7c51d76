-- People of the operators' console, their sessions, what they set, and what they did. Times are
-- microseconds since 1970, UTC.

CREATE TABLE accounts (
  login TEXT COLLATE "C" PRIMARY KEY,
  version BIGINT NOT NULL,
  deputy TEXT COLLATE "C",              -- login of who receives this person's tasks while away
  subject TEXT COLLATE "C" UNIQUE,      -- as an OpenID provider calls the person
  account BYTEA NOT NULL,               -- JSON: what pages may show
  secrets BYTEA NOT NULL                -- JSON: hashes and sealed bytes
);

CREATE INDEX accounts_by_deputy ON accounts (deputy, login) WHERE deputy IS NOT NULL;

-- An account is closed, never deleted, and its name is never given again.
CREATE TRIGGER accounts_stay BEFORE DELETE OR TRUNCATE ON accounts
  FOR EACH STATEMENT EXECUTE FUNCTION refuse('accounts are never deleted');
CREATE TRIGGER accounts_keep_their_names BEFORE UPDATE OF login ON accounts
  FOR EACH ROW WHEN (old.login <> new.login) EXECUTE FUNCTION refuse('an account keeps its name');

CREATE TABLE sessions (
  token BYTEA PRIMARY KEY,              -- SHA-256 of what the browser holds
  login TEXT COLLATE "C" NOT NULL REFERENCES accounts (login),
  seen_at BIGINT NOT NULL,
  ends_at BIGINT NOT NULL,
  body BYTEA NOT NULL                   -- JSON: what never changes
);

CREATE INDEX sessions_of_login ON sessions (login);
CREATE INDEX sessions_by_end ON sessions (ends_at);
CREATE INDEX sessions_by_sight ON sessions (seen_at);

-- Small things that people set and the gateway heeds, each with its evidence.
CREATE TABLE notes (
  area TEXT COLLATE "C" NOT NULL,
  key TEXT COLLATE "C" NOT NULL,
  value BYTEA NOT NULL,
  PRIMARY KEY (area, key)
);

-- The audit of people: which rows of the journal tell what somebody did.
CREATE TABLE deeds (
  sequence BIGINT PRIMARY KEY,          -- of the row in the journal
  at BIGINT NOT NULL,
  who TEXT COLLATE "C" NOT NULL,        -- person:<login>, token:<name>, machine:<user>, nobody …
  deed TEXT COLLATE "C" NOT NULL        -- entered, barred, viewed, copied, changed, deleted
);

CREATE INDEX deeds_by_time ON deeds (at, sequence);
CREATE INDEX deeds_of_somebody ON deeds (who, at, sequence);
CREATE INDEX deeds_of_kind ON deeds (deed, at, sequence);

CREATE TRIGGER deeds_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON deeds
  FOR EACH STATEMENT EXECUTE FUNCTION refuse('the audit is never changed');
