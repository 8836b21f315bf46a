-- What leaves again: state_dir/queue/queue.sqlite. Messages that are not small lie beside it as
-- files in messages/.
--
-- A row is deleted with its last recipient, and its `once` goes into done: a journal record that
-- is replayed after that sends nothing a second time.

CREATE TABLE items (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- never again another one's: it may be in flight
    once TEXT NOT NULL UNIQUE,         -- what makes two of them the same one: delivery and action
    kind TEXT NOT NULL,                -- redirect, vacation, notify, report, reject, dsn, forward
    account TEXT NOT NULL,             -- user@domain that caused it, or ''
    delivery_id TEXT NOT NULL,         -- as in our log, or ''
    queued INTEGER NOT NULL,           -- seconds since 1970, as all times here
    expires INTEGER NOT NULL,
    reverse_path TEXT NOT NULL,        -- without brackets; '' is the null one
    envid TEXT NOT NULL,               -- RFC 3461 4.4, decoded, or ''
    ret INTEGER NOT NULL,              -- enum envelope_ret
    body INTEGER NOT NULL,             -- enum envelope_body
    smtputf8 INTEGER NOT NULL CHECK (smtputf8 IN (0, 1)),
    require_tls INTEGER NOT NULL CHECK (require_tls IN (0, 1)),
    by TEXT NOT NULL,                  -- RFC 2852, or ''
    head BLOB NOT NULL,                -- fields that go in front of the message
    text BLOB NOT NULL,                -- the message where it is small, and file is ''
    file TEXT NOT NULL,                -- its name in messages/, or ''
    octets INTEGER NOT NULL            -- of all of it
) STRICT;

CREATE INDEX items_of_account ON items (account, octets);
CREATE INDEX items_by_expiry ON items (expires);
CREATE INDEX items_by_age ON items (queued);
CREATE INDEX items_of_file ON items (file) WHERE file <> '';

CREATE TABLE recipients (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    item INTEGER NOT NULL REFERENCES items (id) ON DELETE CASCADE,
    address TEXT NOT NULL,             -- UTF-8, without brackets
    domain TEXT NOT NULL,              -- of the address, in small letters: what routes look at
    orcpt TEXT NOT NULL,               -- RFC 3461 4.2, decoded, or ''
    notify INTEGER NOT NULL,           -- NOTIFY_*, 0: not given
    attempts INTEGER NOT NULL,
    next_attempt INTEGER NOT NULL,
    is_held INTEGER NOT NULL CHECK (is_held IN (0, 1)),
    is_delay_told INTEGER NOT NULL CHECK (is_delay_told IN (0, 1)),
    last_reply TEXT NOT NULL,          -- of the next hop, or why there was none
    last_host TEXT NOT NULL
) STRICT;

CREATE INDEX recipients_of_item ON recipients (item);
CREATE INDEX recipients_due ON recipients (is_held, next_attempt, item, domain);

CREATE TABLE done (
    once TEXT PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX done_by_time ON done (at);
