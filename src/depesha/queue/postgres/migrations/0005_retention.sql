-- Destruction of content whose time is over. Rows of evidence stay for ever; the bytes beside them,
-- whose digest is chained, may go: nothing else of a row can be changed. Times are microseconds
-- since 1970, UTC.

DROP TRIGGER evidence_stays ON evidence;
CREATE TRIGGER evidence_stays BEFORE UPDATE ON evidence FOR EACH ROW
WHEN (NEW.wire IS NOT NULL OR OLD.wire IS NULL
  OR (NEW.sequence, NEW.message_id, NEW.previous, NEW.hash, NEW.body)
    IS DISTINCT FROM (OLD.sequence, OLD.message_id, OLD.previous, OLD.hash, OLD.body))
EXECUTE FUNCTION refuse('evidence is never changed');

-- Whose content is gone: a received message or a document of ours.
CREATE TABLE destroyed (
  id TEXT COLLATE "C" PRIMARY KEY,
  at BIGINT NOT NULL,
  act TEXT COLLATE "C" NOT NULL         -- under which it was approved
);
