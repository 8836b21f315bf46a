-- Sieve scripts of the account (RFC 5228), as its owner stored them. The text alone is kept:
-- a sorter compiles it, and finds the compiled form again by the hash.

CREATE TABLE scripts (
    name TEXT PRIMARY KEY,             -- UTF-8, as RFC 5804 1.6 allows
    text BLOB NOT NULL,
    hash TEXT NOT NULL,                -- BLAKE2b-256 of the text, in hex
    is_active INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    changed INTEGER NOT NULL           -- seconds since 1970
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX active_script ON scripts (is_active) WHERE is_active = 1;
