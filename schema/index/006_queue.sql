-- What a script sends waits in the queue of the daemon (schema/queue) and no longer here. Rows of
-- outgoing that are there still are moved on when the account is next opened; the table stays for
-- them.

-- Which one set a key: after a power cut that took the queue's row and left this one, the same
-- reply is queued again, and no other.
ALTER TABLE seen ADD COLUMN once TEXT NOT NULL DEFAULT '';
