-- What an account's owner wrote: state_dir/accounts/DOMAIN/USER/personal.sqlite. There alone, so that
-- an index can be made anew from the store at any time. Mailboxes are called by their names, which
-- mean the same in every index; '' is the account as a whole.

-- Sieve scripts (RFC 5228, RFC 5804). The text alone is kept: a sorter compiles it, and finds the
-- compiled form again by the hash.
CREATE TABLE scripts (
    name TEXT PRIMARY KEY,             -- UTF-8, as RFC 5804 1.6 allows
    text BLOB NOT NULL,
    hash TEXT NOT NULL,                -- BLAKE2b-256 of the text, in hex
    is_active INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    changed INTEGER NOT NULL           -- seconds since 1970
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX active_script ON scripts (is_active) WHERE is_active = 1;

CREATE TABLE uses (
    mailbox TEXT PRIMARY KEY,          -- UTF-8, 'INBOX' in capitals
    special_use TEXT NOT NULL          -- RFC 6154: '\Sent'
) STRICT, WITHOUT ROWID;

CREATE TABLE annotations (             -- RFC 5464
    mailbox TEXT NOT NULL,
    name TEXT NOT NULL COLLATE NOCASE, -- '/private/comment'
    value BLOB NOT NULL,
    PRIMARY KEY (mailbox, name)
) STRICT, WITHOUT ROWID;

-- SQLite sees a damaged page only where its form is wrong. A hash over all rows, written with every
-- change and compared when the file is opened, sees the rest.
CREATE TABLE seal (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    hash TEXT NOT NULL                 -- BLAKE2b-256, in hex
) STRICT;
