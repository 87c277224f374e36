-- The clock in microseconds, for budgets.
CREATE FUNCTION now_us() RETURNS BIGINT LANGUAGE sql STABLE AS
    $$ SELECT (extract(epoch FROM statement_timestamp()) * 1000000)::BIGINT $$;

-- What all replicas must keep to of each account: its rate, and whether its gate is open.
CREATE TABLE accounts (
    name         TEXT   PRIMARY KEY,
    -- When the budget is full again (the theoretical arrival time of the generic cell rate algorithm).
    full_at_us   BIGINT NOT NULL,
    granted      BIGINT NOT NULL DEFAULT 0, -- how many permits the last slice had
    gate         TEXT   NOT NULL DEFAULT 'open',
    gate_since   BIGINT NOT NULL DEFAULT 0,
    gate_until   BIGINT NOT NULL DEFAULT 0, -- shut until then, or the next probe goes out then
    gate_version BIGINT NOT NULL DEFAULT 0  -- grows with each change of the gate
) WITH (fillfactor = 10); -- some rows, each written many times a second

ALTER TABLE accounts SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
