-- How a notification was accepted, how long it may be sent, and who sent it last.
ALTER TABLE notifications
    ADD COLUMN accepted_by TEXT,                      -- the name of the caller's key
    ADD COLUMN customer_rule TEXT,                    -- the pointer that named the customer; none is the default
    ADD COLUMN application_rule TEXT,                 -- how the application was found
    ADD COLUMN expires_at BIGINT,                     -- as the event says
    ADD COLUMN replica TEXT,                          -- who made the last request
    ADD COLUMN redrive BYTEA,                         -- the job that last sent it again
    ADD COLUMN redrives BIGINT NOT NULL DEFAULT 0;    -- how often it was sent again
ALTER TABLE attempts ADD COLUMN due_at BIGINT, ADD COLUMN replica TEXT;

-- What ended without a delivery, by what it is looked for. Few beside what is delivered, so that looking for
-- them costs the same however much that is; and no state is in an index of `notifications`, which would make
-- every settlement write to all of them.
CREATE TABLE undelivered (
    customer   TEXT   NOT NULL,
    seq        BIGINT NOT NULL,
    event_type TEXT   NOT NULL,
    state      TEXT   NOT NULL,           -- dead or expired
    reason     TEXT   NOT NULL,
    status     BIGINT NOT NULL DEFAULT 0, -- 0 where Svix gave no answer
    outcome    TEXT   NOT NULL,           -- of the last request; empty where none was made
    settled_at BIGINT NOT NULL,
    words      TEXT   NOT NULL,           -- why
    lexemes    TSVECTOR NOT NULL GENERATED ALWAYS AS (to_tsvector('simple', words)) STORED,
    PRIMARY KEY (customer, seq)
);
CREATE INDEX undelivered_by_seq ON undelivered (seq);
CREATE INDEX undelivered_by_words ON undelivered USING gin (lexemes);

-- Dead letters of a kind: how many there are, and when one of the kind first and last died. Each replica
-- counts in rows of its own, as in the ledger.
CREATE TABLE dead_groups (
    customer   TEXT   NOT NULL,
    slot       BIGINT NOT NULL,
    event_type TEXT   NOT NULL,
    reason     TEXT   NOT NULL,
    status     BIGINT NOT NULL,
    outcome    TEXT   NOT NULL,
    dead       BIGINT NOT NULL,
    first_at   BIGINT NOT NULL,
    last_at    BIGINT NOT NULL,
    PRIMARY KEY (customer, slot, event_type, reason, status, outcome)
) WITH (fillfactor = 50);

-- Each time that a dead letter was sent again, and what it had died of.
CREATE TABLE redriven (
    customer TEXT   NOT NULL,
    seq      BIGINT NOT NULL,
    number   BIGINT NOT NULL, -- from 1 on
    at       BIGINT NOT NULL,
    redrive  BYTEA,           -- the job; none where it was asked for by itself
    by_key   TEXT,            -- the name of the caller's key
    died_at  BIGINT,
    reason   TEXT,
    status   BIGINT,
    detail   TEXT,
    PRIMARY KEY (customer, seq, number)
);

-- Jobs that send dead letters again.
CREATE TABLE redrives (
    id             BYTEA   PRIMARY KEY,
    filter         TEXT    NOT NULL, -- JSON
    rate           DOUBLE PRECISION NOT NULL, -- per second
    stop_ratio     DOUBLE PRECISION, -- of what fails again
    newest_first   BOOLEAN NOT NULL,
    by_key         TEXT,
    state          TEXT    NOT NULL,
    why            TEXT,             -- it stands as it does, where that needs saying
    created_at     BIGINT  NOT NULL,
    changed_at     BIGINT  NOT NULL,
    finished_at    BIGINT,
    paced_to_us    BIGINT  NOT NULL, -- up to when its rate has been used, in microseconds
    cursor         BIGINT,           -- the last row that it has looked at
    total          BIGINT  NOT NULL,
    sent           BIGINT  NOT NULL DEFAULT 0,
    delivered      BIGINT  NOT NULL DEFAULT 0,
    dead           BIGINT  NOT NULL DEFAULT 0,
    expired        BIGINT  NOT NULL DEFAULT 0,
    -- Of those, how many did not count any more for `stop_ratio` when it was last resumed.
    forgiven_dead    BIGINT NOT NULL DEFAULT 0,
    forgiven_settled BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- The counts that a row which is deleted has been in stay; these say how many of them have left.
ALTER TABLE ledger
    ADD COLUMN redriven BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN pruned_delivered BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN pruned_filtered BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN pruned_dead BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN pruned_expired BIGINT NOT NULL DEFAULT 0;

-- The same counts by the minute in which the notifications were accepted.
CREATE TABLE ledger_minutes (
    customer         TEXT   NOT NULL,
    minute           BIGINT NOT NULL, -- since 1970
    slot             BIGINT NOT NULL,
    accepted         BIGINT NOT NULL DEFAULT 0,
    duplicates       BIGINT NOT NULL DEFAULT 0,
    queued           BIGINT NOT NULL DEFAULT 0,
    delivered        BIGINT NOT NULL DEFAULT 0,
    filtered         BIGINT NOT NULL DEFAULT 0,
    dead             BIGINT NOT NULL DEFAULT 0,
    expired          BIGINT NOT NULL DEFAULT 0,
    retries          BIGINT NOT NULL DEFAULT 0,
    failed_attempts  BIGINT NOT NULL DEFAULT 0,
    redriven         BIGINT NOT NULL DEFAULT 0,
    pruned_delivered BIGINT NOT NULL DEFAULT 0,
    pruned_filtered  BIGINT NOT NULL DEFAULT 0,
    pruned_dead      BIGINT NOT NULL DEFAULT 0,
    pruned_expired   BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (customer, minute, slot)
) WITH (fillfactor = 50);
CREATE INDEX ledger_minutes_by_minute ON ledger_minutes (minute);

-- What is there already.
INSERT INTO undelivered (customer, seq, event_type, state, reason, status, outcome, settled_at, words)
    SELECT customer, seq, event_type, state, coalesce(reason, ''), coalesce(status, 0),
        coalesce((SELECT answer FROM attempts AS a WHERE a.customer = n.customer AND a.seq = n.seq
            ORDER BY number DESC LIMIT 1), ''),
        coalesce(settled_at, accepted_at), coalesce(reason, '') || ' ' || coalesce(detail, '')
    FROM notifications AS n WHERE state IN ('dead', 'expired');
INSERT INTO dead_groups
    SELECT customer, 0, event_type, reason, status, outcome, count(*), min(settled_at), max(settled_at)
    FROM undelivered WHERE state = 'dead' GROUP BY 1, 3, 4, 5, 6;
INSERT INTO ledger_minutes (customer, minute, slot, accepted, queued, delivered, filtered, dead, expired)
    SELECT customer, accepted_at / 60000, 0, count(*), count(*) FILTER (WHERE state = 'queued'),
        count(*) FILTER (WHERE state = 'delivered'), count(*) FILTER (WHERE state = 'filtered'),
        count(*) FILTER (WHERE state = 'dead'), count(*) FILTER (WHERE state = 'expired')
    FROM notifications GROUP BY 1, 2;
INSERT INTO ledger AS l (customer, slot, pruned_delivered, pruned_filtered, pruned_expired)
    SELECT counted.customer, 0, greatest(0, counted.delivered - coalesce(kept.delivered, 0)),
        greatest(0, counted.filtered - coalesce(kept.filtered, 0)),
        greatest(0, counted.expired - coalesce(kept.expired, 0))
    FROM (SELECT customer, sum(delivered)::BIGINT AS delivered, sum(filtered)::BIGINT AS filtered,
            sum(expired)::BIGINT AS expired FROM ledger GROUP BY 1) AS counted
        LEFT JOIN (SELECT customer, sum(delivered)::BIGINT AS delivered, sum(filtered)::BIGINT AS filtered,
            sum(expired)::BIGINT AS expired FROM ledger_minutes GROUP BY 1) AS kept USING (customer)
    ON CONFLICT (customer, slot) DO UPDATE SET pruned_delivered = excluded.pruned_delivered,
        pruned_filtered = excluded.pruned_filtered, pruned_expired = excluded.pruned_expired;

ALTER TABLE ledger_minutes SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 10000);
ALTER TABLE dead_groups SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
ALTER TABLE redrives SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
