-- Destruction of content whose time is over. Rows of evidence stay for ever; the bytes beside them,
-- whose digest is chained, may go: nothing else of a row can be changed. Times are microseconds
-- since 1970, UTC.

DROP TRIGGER evidence_stays;
CREATE TRIGGER evidence_stays BEFORE UPDATE ON evidence
WHEN new.wire IS NOT NULL OR old.wire IS NULL
  OR new.sequence IS NOT old.sequence OR new.message_id IS NOT old.message_id
  OR new.previous IS NOT old.previous OR new.hash IS NOT old.hash OR new.body IS NOT old.body
BEGIN
  SELECT RAISE(ABORT, 'evidence is never changed');
END;

-- Whose content is gone: a received message or a document of ours.
CREATE TABLE destroyed (
  id TEXT PRIMARY KEY,
  at INTEGER NOT NULL,
  act TEXT NOT NULL                     -- under which it was approved
) STRICT, WITHOUT ROWID;
