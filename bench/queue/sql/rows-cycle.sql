INSERT INTO raw_job (body)
SELECT '{"number":' || n || ',"sentAt":1795273200000000,"transfer":"00000001-0001-0002-0304-05060708090a","from":"account-000000000001","to":"account-000000000002","amount":"1250","currency":"EUR","reference":"Invoice 2026-0001, thank you for your order, please do not answer"}'
FROM generate_series(1, 100) n;
-- Claims a hundred, hands them to the client, settles them: two commits.
WITH taken AS (
    UPDATE raw_job SET claimed = true WHERE id IN (SELECT id FROM raw_job WHERE NOT claimed ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED) RETURNING id, body)
SELECT coalesce(array_agg(id), '{}') AS ids, array_agg(body) AS bodies FROM taken \gset
DELETE FROM raw_job WHERE id = ANY (:ids::bigint[]);
