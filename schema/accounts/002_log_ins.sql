-- Log-ins: what SCRAM-SHA-256 needs of a password beside its hash, and a key for what is answered in
-- the name of those who do not exist.

ALTER TABLE accounts ADD COLUMN scram TEXT; -- SCRAM-SHA-256$10000:salt$stored:server (RFC 5803);
                                            -- NULL: the password was not seen in plain yet

CREATE TABLE login_key (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    key BLOB NOT NULL              -- 32 octets, made at the first start and never changed
) STRICT;
