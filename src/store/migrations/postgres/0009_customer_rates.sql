-- Customers with a rate of their own have a budget beside the accounts, under their name after "customer:". By which rate
-- a budget was used last: one of another rate starts empty.
ALTER TABLE accounts ADD COLUMN interval_us BIGINT NOT NULL DEFAULT 0, ADD COLUMN capacity BIGINT NOT NULL DEFAULT 0;
