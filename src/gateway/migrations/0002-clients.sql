-- Whom a key belongs to, so that what a client has asked for is known again under its next key. Null: the key's own name,
-- as the previous version has it.
alter table gateway.api_keys add column client text;
