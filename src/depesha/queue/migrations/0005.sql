-- Small things that people set and the gateway heeds, each with its evidence: pauses, who took what.

CREATE TABLE notes (
  area TEXT NOT NULL,
  key TEXT NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (area, key)
) STRICT, WITHOUT ROWID;
