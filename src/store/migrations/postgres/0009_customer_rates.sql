-- Customers with a rate of their own have a budget beside the accounts, under their name after "customer:". By which rate
-- a budget was used last tells how many permits there were left when the rate changed; none is known where that is 0.
ALTER TABLE accounts ADD COLUMN interval_us BIGINT NOT NULL DEFAULT 0, ADD COLUMN capacity BIGINT NOT NULL DEFAULT 0;
