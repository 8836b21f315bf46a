-- Facts as the sorter packed them (facts_pack), in one column: they come in this form through the
-- door and lie so in the journal, and the row of eighteen columns took a quarter of the instructions
-- that a delivery spent in SQLite. Nothing searches them with SQL.
--
-- Facts of before are not carried over: they are found again when the mailbox is next looked at.

DROP TABLE facts;
CREATE TABLE facts (
    message INTEGER PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
    packed BLOB NOT NULL
) STRICT;
