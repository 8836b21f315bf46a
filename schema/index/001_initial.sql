-- The index of one account: state_dir/accounts/DOMAIN/USER/index.sqlite.
--
-- What an IMAP or POP client asks for, without opening a message. The store (Maildir, mbox)
-- is the truth for bytes; UIDs, MODSEQs and keywords are known here alone.
--
-- Rows of messages and facts carry ids in order of arrival, not (mailbox, uid): a delivery then
-- appends to the right end of nearly every tree, which was measured to write a sixth fewer
-- pages than a key of (mailbox, uid), eight deliveries in a transaction, five mailboxes.
-- docs/index.md tells which IMAP item each column answers.

CREATE TABLE account (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    modseq_floor INTEGER NOT NULL  -- highest MODSEQ of mailboxes that are gone
) STRICT;
INSERT INTO account VALUES (1, 0);

CREATE TABLE mailboxes (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,         -- UTF-8, hierarchy separator '/', 'INBOX' in capitals
    special_use TEXT NOT NULL,         -- RFC 6154: '\Sent', or ''
    uid_validity INTEGER NOT NULL CHECK (uid_validity BETWEEN 1 AND 4294967295),
    uid_next INTEGER NOT NULL CHECK (uid_next BETWEEN 1 AND 4294967295),
    highest_modseq INTEGER NOT NULL,   -- RFC 7162; one sequence for the whole account
    messages INTEGER NOT NULL,         -- these four are kept by the transaction that changes rows
    unseen INTEGER NOT NULL,
    octets INTEGER NOT NULL,           -- counted as CRLF: what IMAP and POP say
    stored_octets INTEGER NOT NULL,    -- as in the store: what quota counts
    stamp INTEGER NOT NULL             -- store's state at the last reconcile; 64 bits, 0 never
) STRICT;

CREATE TABLE messages (
    id INTEGER PRIMARY KEY,            -- order of arrival in this account
    mailbox INTEGER NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE,
    uid INTEGER NOT NULL CHECK (uid BETWEEN 1 AND 4294967294),
    modseq INTEGER NOT NULL,
    flags INTEGER NOT NULL,            -- 1 \Seen 2 \Answered 4 \Flagged 8 \Deleted 16 \Draft 32 $Forwarded
    keywords TEXT NOT NULL,            -- further keywords, one space between
    internal_date TEXT NOT NULL,       -- RFC 3339, UTC, nanoseconds: sorts as text
    store_name TEXT NOT NULL,          -- Maildir: file name without :2,flags
    stored_octets INTEGER,             -- as in the store; NULL: not known yet
    octets INTEGER NOT NULL,           -- RFC822.SIZE: trace fields included, line ends as CRLF
    lines INTEGER NOT NULL,
    trace_octets INTEGER NOT NULL,     -- of our trace fields in front; facts count from behind them
    is_crlf INTEGER NOT NULL CHECK (is_crlf IN (0, 1)),  -- line ends in the store
    digest TEXT NOT NULL,              -- BLAKE2b-256 as received, in hex; '' when not ours
    delivery_id TEXT NOT NULL,         -- as in our Received field and the log; '' when not ours
    UNIQUE (mailbox, uid),
    UNIQUE (mailbox, store_name)
) STRICT;

-- What a sorter found out. A table of its own, so that a flag change rewrites little.
CREATE TABLE facts (
    message INTEGER PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
    flags INTEGER NOT NULL,            -- 1 attachment 2 cut at a limit 4 broken header 8 unreadable
    octets INTEGER NOT NULL,           -- without our trace fields, line ends as CRLF
    lines INTEGER NOT NULL,
    header_octets INTEGER NOT NULL,
    received_count INTEGER NOT NULL,
    message_id TEXT NOT NULL,          -- with brackets, or ''
    subject TEXT NOT NULL,             -- decoded, one line
    base_subject TEXT NOT NULL,        -- RFC 5256 2.1
    from_shown TEXT NOT NULL,          -- decoded for people
    reference_ids TEXT NOT NULL,       -- References, else In-Reply-To; one space between
    list_id TEXT NOT NULL,
    date TEXT NOT NULL,                -- the Date field as RFC 3339, or ''
    envelope TEXT NOT NULL,            -- ready to send (RFC 9051 7.5.2)
    bodystructure TEXT NOT NULL,
    preview TEXT NOT NULL,             -- RFC 8970
    headers BLOB NOT NULL,             -- cached fields: count, then name and value, each with length
    parts BLOB NOT NULL                -- offsets of the MIME parts: src/index/facts_blob.c
) STRICT;

-- What was removed, for QRESYNC (RFC 7162 3.2.10).
CREATE TABLE expunges (
    mailbox INTEGER NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE,
    modseq INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    PRIMARY KEY (mailbox, modseq, uid)
) STRICT, WITHOUT ROWID;

-- Deliveries of the last days, so that a repeated one makes no second copy.
CREATE TABLE ledger (
    key BLOB PRIMARY KEY,              -- over recipient, sender, length and digest
    delivered INTEGER NOT NULL,        -- seconds since 1970
    delivery_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;
