-- Between which times sends may have reached Svix without an answer that proves either; none where there was no such send.
ALTER TABLE notifications ADD COLUMN doubt_since INTEGER;
ALTER TABLE notifications ADD COLUMN doubt_until INTEGER;
-- The last row that an earlier run may have sent without recording it.
ALTER TABLE runs ADD COLUMN suspect_rows INTEGER;
