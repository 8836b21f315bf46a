-- What scripts leave behind besides mail in mailboxes.

-- Keys of duplicate (RFC 7352) and vacation (RFC 5230): hashes, until they are forgotten.
CREATE TABLE seen (
    key TEXT PRIMARY KEY,
    until INTEGER NOT NULL             -- seconds since 1970
) STRICT, WITHOUT ROWID;

-- Mail that a script sends: it waits here for whoever relays it.
CREATE TABLE outgoing (
    id INTEGER PRIMARY KEY,
    once TEXT NOT NULL UNIQUE,         -- what makes two of them the same one: delivery and action
    kind TEXT NOT NULL,                -- redirect, vacation, notify, report, pipe
    queued INTEGER NOT NULL,           -- seconds since 1970
    delivery_id TEXT NOT NULL,
    sender TEXT NOT NULL,              -- reverse-path of the message that caused it, or ''
    details TEXT NOT NULL,             -- "name: value" lines, line ends in values as "\n"
    file TEXT NOT NULL                 -- name of the message in outgoing/, or ''
) STRICT;

-- What its owner should know: failures.
CREATE TABLE sieve_log (
    id INTEGER PRIMARY KEY,
    logged INTEGER NOT NULL,
    delivery_id TEXT NOT NULL,
    text TEXT NOT NULL
) STRICT;
