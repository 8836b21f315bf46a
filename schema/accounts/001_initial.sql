-- Who exists, beside what the passwd and file drivers know: state_dir/accounts.sqlite.
-- Domains are lower case A-labels; local parts are in the form of account_name_fold().

CREATE TABLE accounts (
    domain TEXT NOT NULL,
    user TEXT NOT NULL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    quota INTEGER,                 -- octets; NULL: the domain's, -1: none
    quota_messages INTEGER,        -- the same way
    password_hash TEXT,            -- $argon2id$... or an imported hash; NULL: nobody can log in
    made INTEGER NOT NULL,         -- seconds since 1970; driver "any": the first delivery
    PRIMARY KEY (domain, user)
) STRICT, WITHOUT ROWID;

CREATE TABLE aliases (
    domain TEXT NOT NULL,
    local TEXT NOT NULL,
    target_domain TEXT NOT NULL,
    target_local TEXT NOT NULL,    -- an account or another alias, +detail allowed
    PRIMARY KEY (domain, local, target_domain, target_local)
) STRICT, WITHOUT ROWID;
CREATE INDEX aliases_target ON aliases (target_domain, target_local);

-- The highest UIDVALIDITY ever given, to any account: it never comes twice, also when an index is
-- lost and its account made anew within the same second.
CREATE TABLE uid_validity (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    last INTEGER NOT NULL
) STRICT;
INSERT INTO uid_validity VALUES (1, 0);
