-- The audit of people: which rows of the journal tell what somebody did. Written in the transaction
-- of the row it tells of. Times are microseconds since 1970, UTC.

CREATE TABLE deeds (
  sequence INTEGER PRIMARY KEY,         -- of the row in the journal
  at INTEGER NOT NULL,
  who TEXT NOT NULL,                    -- person:<login>, token:<name>, machine:<user>, nobody …
  deed TEXT NOT NULL                    -- entered, barred, viewed, copied, changed, deleted
) STRICT;

CREATE INDEX deeds_by_time ON deeds (at);
CREATE INDEX deeds_of_somebody ON deeds (who, at);
CREATE INDEX deeds_of_kind ON deeds (deed, at);

CREATE TRIGGER deeds_stay BEFORE UPDATE ON deeds BEGIN
  SELECT RAISE(ABORT, 'the audit is never changed');
END;
CREATE TRIGGER deeds_remain BEFORE DELETE ON deeds BEGIN
  SELECT RAISE(ABORT, 'the audit is never deleted');
END;

-- What an earlier version left.
INSERT INTO deeds
  SELECT sequence, at, who, deed FROM (
    SELECT sequence,
      CAST(round(unixepoch(body ->> '$.at', 'subsec') * 1000000) AS INTEGER) AS at,
      body ->> '$.actor' AS who,
      CASE body ->> '$.kind'
        WHEN 'LOGGED_IN' THEN 'entered'
        WHEN 'LOGGED_OUT' THEN 'entered'
        WHEN 'LOGIN_FAILED' THEN 'barred'
        WHEN 'PERMISSION_DENIED' THEN 'barred'
        WHEN 'VIEWED' THEN 'viewed'
        WHEN 'CONTENT_OPENED' THEN 'viewed'
        WHEN 'EXPORTED' THEN 'copied'
        WHEN 'HANDED_OVER' THEN 'copied'
        WHEN 'REPORTED' THEN 'copied'
        WHEN 'SHREDDED' THEN 'deleted'
        ELSE 'changed'
      END AS deed
    FROM evidence)
  WHERE deed = 'deleted' OR who = 'nobody'
    OR who GLOB 'person:*' OR who GLOB 'token:*' OR who GLOB 'machine:*';
