-- Between which times sends may have reached Svix without an answer that proves either; none where there was no such send.
ALTER TABLE notifications ADD COLUMN doubt_since BIGINT, ADD COLUMN doubt_until BIGINT;
