-- What a transactional handler cannot do without: its effect, and a row whose key lets nobody do it again.
SELECT nextval('raw_number') AS number \gset
BEGIN;
INSERT INTO effect (number, amount) VALUES (:number, '1250');
INSERT INTO raw_receipt (id) VALUES (:number);
COMMIT;
