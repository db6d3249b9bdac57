-- The least an append-only queue needs: what is to be done, how far it was handed out, and what has been settled. No row is ever changed.
CREATE SEQUENCE raw_id;
CREATE TABLE raw_segment (xid bigint NOT NULL, id bigint NOT NULL, body text NOT NULL);
CREATE INDEX raw_segment_order ON raw_segment (xid, id);
CREATE TABLE raw_claim (turn bigint PRIMARY KEY, xid bigint NOT NULL, id bigint NOT NULL, ids bigint[] NOT NULL);
CREATE TABLE raw_receipt (turn bigint PRIMARY KEY);
INSERT INTO raw_claim VALUES (0, 0, 0, '{}');
CREATE VIEW raw_job AS SELECT id FROM raw_segment WHERE (xid, id) > (SELECT xid, id FROM raw_claim ORDER BY turn DESC LIMIT 1);
