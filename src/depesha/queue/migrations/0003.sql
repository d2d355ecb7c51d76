-- People of the operators' console and their sessions. Times are microseconds since 1970, UTC.

CREATE TABLE accounts (
  login TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  deputy TEXT,                          -- login of who receives this person's tasks while away
  subject TEXT UNIQUE,                  -- as an OpenID provider calls the person
  account BLOB NOT NULL,                -- JSON: what pages may show
  secrets BLOB NOT NULL                 -- JSON: hashes and sealed bytes
) STRICT, WITHOUT ROWID;

CREATE INDEX accounts_by_deputy ON accounts (deputy) WHERE deputy IS NOT NULL;

-- An account is closed, never deleted, and its name is never given again.
CREATE TRIGGER accounts_stay BEFORE DELETE ON accounts BEGIN
  SELECT RAISE(ABORT, 'accounts are never deleted');
END;

CREATE TRIGGER accounts_keep_their_names BEFORE UPDATE OF login ON accounts
WHEN old.login <> new.login BEGIN
  SELECT RAISE(ABORT, 'an account keeps its name');
END;

CREATE TABLE sessions (
  token BLOB PRIMARY KEY,               -- SHA-256 of what the browser holds
  login TEXT NOT NULL REFERENCES accounts (login),
  seen_at INTEGER NOT NULL,
  ends_at INTEGER NOT NULL,
  body BLOB NOT NULL                    -- JSON: what never changes
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_of_login ON sessions (login);
CREATE INDEX sessions_by_end ON sessions (ends_at);
CREATE INDEX sessions_by_sight ON sessions (seen_at);
