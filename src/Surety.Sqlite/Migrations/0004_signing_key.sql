-- What the edge hands out and wants back unchanged is signed with it, by every process of this store.
INSERT INTO surety_meta (name, value) VALUES ('signing_key', lower(hex(randomblob(32))));
