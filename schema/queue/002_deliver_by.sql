-- Who asked for a delivery by some time is told when it has passed (RFC 2852 4.1.3): those are few
-- among many, and looked for each minute. What stands in front of ";" is the seconds.

CREATE INDEX items_by_deadline ON items (queued + CAST(by AS INTEGER)) WHERE by <> '';
