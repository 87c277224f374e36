-- The request by which a notification came in, and the traceparent of the trace that it belongs to; none where there was none.
ALTER TABLE notifications ADD COLUMN request TEXT;
ALTER TABLE notifications ADD COLUMN trace TEXT;
