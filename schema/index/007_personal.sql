-- What the account's owner wrote has a database of its own (schema/personal): scripts, special uses
-- and annotations that are here still are moved there when the account is next opened. The tables
-- stay, empty, for those; nothing else writes them.
ALTER TABLE account ADD COLUMN has_personal INTEGER NOT NULL DEFAULT 0;
UPDATE account SET has_personal = EXISTS (SELECT 1 FROM scripts)
    OR EXISTS (SELECT 1 FROM annotations)
    OR EXISTS (SELECT 1 FROM mailboxes WHERE special_use != '');
