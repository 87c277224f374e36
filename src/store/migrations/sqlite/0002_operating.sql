-- How a notification was accepted, how long it may be sent, and who sent it last.
ALTER TABLE notifications ADD COLUMN accepted_by TEXT;         -- the name of the caller's key
ALTER TABLE notifications ADD COLUMN customer_rule TEXT;       -- the pointer that named the customer; none is the default
ALTER TABLE notifications ADD COLUMN application_rule TEXT;    -- how the application was found
ALTER TABLE notifications ADD COLUMN expires_at INTEGER;       -- as the event says
ALTER TABLE notifications ADD COLUMN replica TEXT;             -- who made the last request
ALTER TABLE notifications ADD COLUMN redrive BLOB;             -- the job that last sent it again
ALTER TABLE notifications ADD COLUMN redrives INTEGER NOT NULL DEFAULT 0; -- how often it was sent again
ALTER TABLE attempts ADD COLUMN due_at INTEGER;
ALTER TABLE attempts ADD COLUMN replica TEXT;

-- The rows of a customer, in order.
CREATE INDEX notifications_by_customer ON notifications (customer);

-- What ended without a delivery, by what it is looked for. Few beside what is delivered, so that looking for
-- them costs the same however much that is.
CREATE TABLE undelivered (
    seq        INTEGER PRIMARY KEY,
    customer   TEXT    NOT NULL,
    event_type TEXT    NOT NULL,
    state      TEXT    NOT NULL,           -- dead or expired
    reason     TEXT    NOT NULL,
    status     INTEGER NOT NULL DEFAULT 0, -- 0 where Svix gave no answer
    outcome    TEXT    NOT NULL,           -- of the last request; empty where none was made
    settled_at INTEGER NOT NULL
);
CREATE INDEX undelivered_by_customer ON undelivered (customer);
-- Why, in words; a row for each of `undelivered`.
CREATE VIRTUAL TABLE undelivered_words USING fts5 (words, content = '', contentless_delete = 1);

-- Dead letters of a kind: how many there are, and when one of the kind first and last died.
CREATE TABLE dead_groups (
    customer   TEXT    NOT NULL,
    event_type TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    status     INTEGER NOT NULL,
    outcome    TEXT    NOT NULL,
    dead       INTEGER NOT NULL,
    first_at   INTEGER NOT NULL,
    last_at    INTEGER NOT NULL,
    PRIMARY KEY (customer, event_type, reason, status, outcome)
) WITHOUT ROWID;

-- Each time that a dead letter was sent again, and what it had died of.
CREATE TABLE redriven (
    seq     INTEGER NOT NULL,
    number  INTEGER NOT NULL, -- from 1 on
    at      INTEGER NOT NULL,
    redrive BLOB,             -- the job; none where it was asked for by itself
    by_key  TEXT,             -- the name of the caller's key
    died_at INTEGER,
    reason  TEXT,
    status  INTEGER,
    detail  TEXT,
    PRIMARY KEY (seq, number)
) WITHOUT ROWID;

-- Jobs that send dead letters again.
CREATE TABLE redrives (
    id             BLOB    PRIMARY KEY,
    filter         TEXT    NOT NULL, -- JSON
    rate           REAL    NOT NULL, -- per second
    stop_ratio     REAL,             -- of what fails again
    newest_first   INTEGER NOT NULL,
    by_key         TEXT,
    state          TEXT    NOT NULL,
    why            TEXT,             -- it stands as it does, where that needs saying
    created_at     INTEGER NOT NULL,
    changed_at     INTEGER NOT NULL,
    finished_at    INTEGER,
    paced_to_us    INTEGER NOT NULL, -- up to when its rate has been used, in microseconds
    cursor         INTEGER,          -- the last row that it has looked at
    total          INTEGER NOT NULL,
    sent           INTEGER NOT NULL DEFAULT 0,
    delivered      INTEGER NOT NULL DEFAULT 0,
    dead           INTEGER NOT NULL DEFAULT 0,
    expired        INTEGER NOT NULL DEFAULT 0,
    -- Of those, how many did not count any more for `stop_ratio` when it was last resumed.
    forgiven_dead    INTEGER NOT NULL DEFAULT 0,
    forgiven_settled INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- The counts that a row which is deleted has been in stay; these say how many of them have left.
ALTER TABLE ledger ADD COLUMN redriven INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ledger ADD COLUMN pruned_delivered INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ledger ADD COLUMN pruned_filtered INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ledger ADD COLUMN pruned_dead INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ledger ADD COLUMN pruned_expired INTEGER NOT NULL DEFAULT 0;

-- The same counts by the minute in which the notifications were accepted.
CREATE TABLE ledger_minutes (
    customer         TEXT    NOT NULL,
    minute           INTEGER NOT NULL, -- since 1970
    accepted         INTEGER NOT NULL DEFAULT 0,
    duplicates       INTEGER NOT NULL DEFAULT 0,
    queued           INTEGER NOT NULL DEFAULT 0,
    delivered        INTEGER NOT NULL DEFAULT 0,
    filtered         INTEGER NOT NULL DEFAULT 0,
    dead             INTEGER NOT NULL DEFAULT 0,
    expired          INTEGER NOT NULL DEFAULT 0,
    retries          INTEGER NOT NULL DEFAULT 0,
    failed_attempts  INTEGER NOT NULL DEFAULT 0,
    redriven         INTEGER NOT NULL DEFAULT 0,
    pruned_delivered INTEGER NOT NULL DEFAULT 0,
    pruned_filtered  INTEGER NOT NULL DEFAULT 0,
    pruned_dead      INTEGER NOT NULL DEFAULT 0,
    pruned_expired   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (minute, customer)
) WITHOUT ROWID;
CREATE INDEX ledger_minutes_by_customer ON ledger_minutes (customer, minute);

-- What is there already.
INSERT INTO undelivered (seq, customer, event_type, state, reason, status, outcome, settled_at)
    SELECT seq, customer, event_type, state, coalesce(reason, ''), coalesce(status, 0),
        coalesce((SELECT answer FROM attempts AS a WHERE a.seq = n.seq ORDER BY number DESC LIMIT 1), ''),
        coalesce(settled_at, accepted_at)
    FROM notifications AS n WHERE state IN ('dead', 'expired');
INSERT INTO undelivered_words (rowid, words)
    SELECT seq, coalesce(reason, '') || ' ' || coalesce(detail, '') FROM notifications
    WHERE state IN ('dead', 'expired');
INSERT INTO dead_groups
    SELECT customer, event_type, reason, status, outcome, count(*), min(settled_at), max(settled_at)
    FROM undelivered WHERE state = 'dead' GROUP BY 1, 2, 3, 4, 5;
INSERT INTO ledger_minutes (customer, minute, accepted, queued, delivered, filtered, dead, expired)
    SELECT customer, accepted_at / 60000, count(*), sum(state = 'queued'), sum(state = 'delivered'),
        sum(state = 'filtered'), sum(state = 'dead'), sum(state = 'expired')
    FROM notifications GROUP BY 1, 2;
UPDATE ledger SET
    pruned_delivered = max(0, ledger.delivered - kept.delivered),
    pruned_filtered = max(0, ledger.filtered - kept.filtered),
    pruned_expired = max(0, ledger.expired - kept.expired)
    FROM (SELECT l.customer AS name, coalesce(sum(m.delivered), 0) AS delivered,
            coalesce(sum(m.filtered), 0) AS filtered, coalesce(sum(m.expired), 0) AS expired
        FROM ledger AS l LEFT JOIN ledger_minutes AS m ON m.customer = l.customer GROUP BY 1) AS kept
    WHERE kept.name = ledger.customer;
