-- Programs that know version 4 can work with it.
-- What the edge hands out and wants back unchanged is signed with it, by every process of this store. Two random UUIDs are 244 random bits, and need no extension.
INSERT INTO $schema$.meta (name, value) VALUES ('signing_key', replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''));
