-- The W3C trace context of the request that asked for a run: its traceparent, then a space and its tracestate if it has one.
ALTER TABLE runs ADD COLUMN trace TEXT;
