-- What was decided when a notification was accepted.
ALTER TABLE notifications ADD COLUMN application_name TEXT;    -- what its application is called, where it is created
ALTER TABLE notifications ADD COLUMN filter TEXT;              -- what the customer's filter said; none where there was none
ALTER TABLE notifications ADD COLUMN settings_version INTEGER; -- of the customer; none where nothing was set
