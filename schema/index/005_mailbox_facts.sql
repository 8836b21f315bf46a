-- What scripts may ask about mailboxes besides their names.

-- RFC 8474: stays when the mailbox is renamed, and comes never again. UIDVALIDITY at creation is
-- larger than any before it in the account.
ALTER TABLE mailboxes ADD COLUMN object_id TEXT NOT NULL DEFAULT '';
UPDATE mailboxes SET object_id = 'M' || uid_validity;

-- Annotations (RFC 5464).
CREATE TABLE annotations (
    mailbox INTEGER NOT NULL,          -- id; 0: of the account as a whole
    name TEXT NOT NULL COLLATE NOCASE, -- '/private/comment'
    value BLOB NOT NULL,
    PRIMARY KEY (mailbox, name)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER annotations_go AFTER DELETE ON mailboxes BEGIN
    DELETE FROM annotations WHERE mailbox = OLD.id;
END;
