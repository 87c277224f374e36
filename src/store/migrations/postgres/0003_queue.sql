-- What waits, apart from what is known of it: a lease then writes a row of this narrow table and two of its
-- index entries, rather than one in each index of `notifications`, which for ids in no order lie all over the
-- disk. A settlement changes no column of `notifications` that is in an index, so it finds room beside the old
-- row and touches no index either.
CREATE TABLE queue (
    customer TEXT   NOT NULL,
    seq      BIGINT NOT NULL,
    due_at   BIGINT NOT NULL,            -- as in `notifications`
    owner    BIGINT,                     -- the run that has leased it
    fence    BIGINT NOT NULL DEFAULT 0,  -- the number of the last lease; an outcome under another one is void
    PRIMARY KEY (customer, seq)
);

-- Numbers of leases: no two have the same.
CREATE SEQUENCE lease_fence;

INSERT INTO queue (customer, seq, due_at, owner, fence)
    SELECT customer, seq, due_at, owner, fence FROM notifications WHERE state = 'queued';
SELECT setval('lease_fence', (SELECT coalesce(max(fence), 0) + 1 FROM notifications));

DROP INDEX notifications_due;
DROP INDEX notifications_owned;
ALTER TABLE notifications DROP COLUMN owner, DROP COLUMN fence;

-- Only what can be claimed is in here, so that a claim costs the same however much has been leased.
CREATE INDEX queue_due ON queue (customer, due_at, seq) WHERE owner IS NULL;
-- As many entries as replicas have room for in memory.
CREATE INDEX queue_owned ON queue (owner) WHERE owner IS NOT NULL;

-- Half of a page is left for the rows that settlements make of those on it.
ALTER TABLE notifications SET (fillfactor = 50);
-- Each row lives for seconds, and is written up to three times in them.
ALTER TABLE queue SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_cost_delay = 1, autovacuum_analyze_scale_factor = 0.05);
