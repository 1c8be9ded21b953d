-- When an API key was used last: for whoever wonders whether anybody still needs it. `key` is the beginning of its hash.
CREATE TABLE key_uses (
    key TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    last_used_at_ms BIGINT NOT NULL
);
