-- One clock for everybody who uses this database: milliseconds since 1970, as of the statement's start.
CREATE FUNCTION now_ms() RETURNS BIGINT LANGUAGE sql STABLE AS
    $$ SELECT (extract(epoch FROM statement_timestamp()) * 1000)::BIGINT $$;

-- Processes that use this store. What one has leased is free when its row is gone.
CREATE TABLE replicas (
    run        BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    slot       BIGINT NOT NULL UNIQUE, -- which rows of the ledger it writes
    started_at BIGINT NOT NULL,
    ends_at    BIGINT NOT NULL         -- when its leases are over unless it says more
);

CREATE SEQUENCE notification_seq;

-- One row a notification. Narrow, because each is written at least twice. Every unique key leads with
-- the customer, so that the table can be partitioned or distributed by it.
CREATE TABLE notifications (
    customer           TEXT    NOT NULL,
    seq                BIGINT  NOT NULL DEFAULT nextval('notification_seq'),
    id                 BYTEA   NOT NULL, -- sixteen bytes
    event_key          TEXT    NOT NULL, -- what makes two posts the same event
    event_id           TEXT    NOT NULL, -- the id at Svix: the key, or a digest where the key is taken there
    account            TEXT    NOT NULL,
    application        TEXT    NOT NULL,
    create_application BOOLEAN NOT NULL,
    event_type         TEXT    NOT NULL,
    occurred_at        BIGINT,           -- as the event says
    payload_start      BIGINT  NOT NULL, -- which bytes of the event are the payload
    payload_end        BIGINT  NOT NULL,
    digest             BYTEA   NOT NULL, -- SHA-256 of the event's bytes
    accepted_at        BIGINT  NOT NULL,
    state              TEXT    NOT NULL,
    due_at             BIGINT  NOT NULL,
    owner              BIGINT,           -- the run that has leased it
    fence              BIGINT  NOT NULL DEFAULT 0, -- grows with each lease; an outcome under an older one is void
    suspect_at         BIGINT,           -- when it was taken from a run that may have sent it without recording that
    stage              TEXT    NOT NULL DEFAULT 'send',
    stage_since        BIGINT  NOT NULL DEFAULT 0,
    resends            BIGINT  NOT NULL DEFAULT 0,
    attempts           BIGINT  NOT NULL DEFAULT 0,
    spent              BIGINT  NOT NULL DEFAULT 0,
    ambiguous          BOOLEAN NOT NULL DEFAULT FALSE,
    message_id         TEXT,             -- Svix's own id of the message
    reason             TEXT,
    detail             TEXT,             -- what Svix said last, at most 1 KiB
    status             BIGINT,           -- and with which HTTP status
    settled_at         BIGINT,
    sent_at            BIGINT,           -- start and length of the last request
    sent_ms            BIGINT,
    PRIMARY KEY (customer, seq),
    UNIQUE (customer, event_key)
);

-- For "does another customer hold this id?".
CREATE INDEX notifications_by_event ON notifications (event_key);
CREATE INDEX notifications_by_other_id ON notifications (event_id) WHERE event_id <> event_key;
CREATE INDEX notifications_by_id ON notifications (id);
CREATE INDEX notifications_by_seq ON notifications (seq);
-- Only what can be claimed is in here, so that a claim costs the same however much has been delivered.
CREATE INDEX notifications_due ON notifications (customer, due_at, seq) WHERE state = 'queued' AND owner IS NULL;
-- As many entries as replicas have room for in memory.
CREATE INDEX notifications_owned ON notifications (owner) WHERE owner IS NOT NULL;

-- The events, byte for byte as posted; apart, so that settling a row does not rewrite them.
CREATE TABLE events (
    customer TEXT   NOT NULL,
    seq      BIGINT NOT NULL,
    body     BYTEA  NOT NULL,
    PRIMARY KEY (customer, seq)
);

-- Requests to Svix. A notification that is delivered by its first has none here.
CREATE TABLE attempts (
    customer    TEXT   NOT NULL,
    seq         BIGINT NOT NULL,
    number      BIGINT NOT NULL,
    step        TEXT   NOT NULL,
    started_at  BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    answer      TEXT   NOT NULL,
    status      BIGINT,
    detail      TEXT   NOT NULL,
    PRIMARY KEY (customer, seq, number)
);

-- Counts per customer, written in the transactions that they count. Each replica adds in rows of its
-- own, or they would all wait for each other's commits; the sum is what counts.
CREATE TABLE ledger (
    customer        TEXT   NOT NULL,
    slot            BIGINT NOT NULL,
    accepted        BIGINT NOT NULL DEFAULT 0,
    duplicates      BIGINT NOT NULL DEFAULT 0,
    queued          BIGINT NOT NULL DEFAULT 0,
    delivered       BIGINT NOT NULL DEFAULT 0,
    filtered        BIGINT NOT NULL DEFAULT 0,
    dead            BIGINT NOT NULL DEFAULT 0,
    expired         BIGINT NOT NULL DEFAULT 0,
    retries         BIGINT NOT NULL DEFAULT 0,
    failed_attempts BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (customer, slot)
) WITH (fillfactor = 50);

-- Each notification is updated two or three times within seconds, so a fifth of the table, at which a vacuum
-- starts by default, is hours of dead rows. These start it after some ten thousand, and let it work without
-- long pauses. The ledger is small, but each commit rewrites some of its rows.
ALTER TABLE notifications SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_cost_delay = 1, autovacuum_analyze_scale_factor = 0.05);
ALTER TABLE ledger SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
ALTER TABLE replicas SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 100);
