-- One row a notification. Narrow, because each is written at least twice.
CREATE TABLE notifications (
    seq                INTEGER PRIMARY KEY,
    id                 BLOB    NOT NULL, -- sixteen bytes
    customer           TEXT    NOT NULL,
    event_key          TEXT    NOT NULL, -- what makes two posts the same event
    event_id           TEXT    NOT NULL, -- the id at Svix: the key, or a digest where the key is taken there
    account            TEXT    NOT NULL,
    application        TEXT    NOT NULL,
    create_application INTEGER NOT NULL,
    event_type         TEXT    NOT NULL,
    occurred_at        INTEGER,          -- as the event says; all times in milliseconds since 1970, UTC
    payload_start      INTEGER NOT NULL, -- which bytes of the event are the payload
    payload_end        INTEGER NOT NULL,
    digest             BLOB    NOT NULL, -- SHA-256 of the event's bytes
    accepted_at        INTEGER NOT NULL,
    state              TEXT    NOT NULL,
    due_at             INTEGER NOT NULL,
    stage              TEXT    NOT NULL DEFAULT 'send',
    stage_since        INTEGER NOT NULL DEFAULT 0,
    resends            INTEGER NOT NULL DEFAULT 0,
    attempts           INTEGER NOT NULL DEFAULT 0,
    spent              INTEGER NOT NULL DEFAULT 0,
    ambiguous          INTEGER NOT NULL DEFAULT 0,
    message_id         TEXT,             -- Svix's own id of the message
    reason             TEXT,
    detail             TEXT,             -- what Svix said last, at most 1 KiB
    status             INTEGER,          -- and with which HTTP status
    settled_at         INTEGER,
    sent_at            INTEGER,          -- start and length of the last request
    sent_ms            INTEGER
);

-- One index for "is it known?" and for "does another customer hold this id?".
CREATE UNIQUE INDEX notifications_by_event ON notifications (event_key, customer);
CREATE INDEX notifications_by_other_id ON notifications (event_id) WHERE event_id <> event_key;
CREATE INDEX notifications_by_id ON notifications (id);
-- Only what waits is in here, so that a claim costs the same however much has been delivered.
CREATE INDEX notifications_due ON notifications (customer, due_at, seq) WHERE state = 'queued';

-- The events, byte for byte as posted; apart, so that settling a row does not rewrite them.
CREATE TABLE events (
    seq  INTEGER PRIMARY KEY,
    body BLOB NOT NULL
);

-- Requests to Svix. A notification that is delivered by its first has none here.
CREATE TABLE attempts (
    seq         INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    step        TEXT    NOT NULL,
    started_at  INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    answer      TEXT    NOT NULL,
    status      INTEGER,
    detail      TEXT    NOT NULL,
    PRIMARY KEY (seq, number)
) WITHOUT ROWID;

-- Counts per customer, written in the transactions that they count.
CREATE TABLE ledger (
    customer        TEXT PRIMARY KEY,
    accepted        INTEGER NOT NULL DEFAULT 0,
    duplicates      INTEGER NOT NULL DEFAULT 0,
    queued          INTEGER NOT NULL DEFAULT 0,
    delivered       INTEGER NOT NULL DEFAULT 0,
    filtered        INTEGER NOT NULL DEFAULT 0,
    dead            INTEGER NOT NULL DEFAULT 0,
    expired         INTEGER NOT NULL DEFAULT 0,
    retries         INTEGER NOT NULL DEFAULT 0,
    failed_attempts INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- Processes that have used this store. One that did not stop cleanly may have sent what it did not
-- record, so what was accepted before the next start stays suspect, over clean stops too.
CREATE TABLE runs (
    run           INTEGER PRIMARY KEY,
    started_at    INTEGER NOT NULL,
    stopped_at    INTEGER,
    suspect_until INTEGER
);
