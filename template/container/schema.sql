-- The journal of imprest, version 1. It may be applied again: what is there stays.
CREATE TABLE IF NOT EXISTS imprest_records (
	-- Ids are ASCII, and are ordered bytewise whatever the database's locale is.
	id      text COLLATE "C" PRIMARY KEY,
	version bigint NOT NULL,
	-- Milliseconds since 1970; NULL is never.
	due     bigint,
	expires bigint,
	body    bytea NOT NULL
);

-- What a sweep asks for; most records are never due again.
CREATE INDEX IF NOT EXISTS imprest_records_due ON imprest_records (due) WHERE due IS NOT NULL;

-- Which version of all this is there, in one row.
CREATE TABLE IF NOT EXISTS imprest_schema (
	single  boolean PRIMARY KEY DEFAULT true CHECK (single),
	version integer NOT NULL
);
INSERT INTO imprest_schema (version) VALUES (1) ON CONFLICT DO NOTHING;
