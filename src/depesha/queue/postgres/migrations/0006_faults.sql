-- How often in a row a task failed inside the gateway, apart from its tries at others: many tries at
-- a peer that is away must not use up its patience with a fault of ours.

ALTER TABLE tasks ADD COLUMN faults BIGINT NOT NULL DEFAULT 0;
