-- What was decided when a notification was accepted.
ALTER TABLE notifications
    ADD COLUMN application_name TEXT,   -- what its application is called, where it is created
    ADD COLUMN filter TEXT,             -- what the customer's filter said; none where there was none
    ADD COLUMN settings_version BIGINT; -- of the customer; none where nothing was set
