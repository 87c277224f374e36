-- With which token a notification was first sent: the first eight bytes of its SHA-256; none where it was not.
ALTER TABLE notifications ADD COLUMN credential INTEGER;
