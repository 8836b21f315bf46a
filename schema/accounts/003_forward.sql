-- Accounts whose home is elsewhere, each on a node of its own.

ALTER TABLE accounts ADD COLUMN forward TEXT; -- name of a route section; NULL: as the domain says
