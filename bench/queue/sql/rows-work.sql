-- Claims a hundred, hands them to the client, settles them: two commits.
WITH taken AS (
    UPDATE raw_job SET claimed = true WHERE id IN (SELECT id FROM raw_job WHERE NOT claimed ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED) RETURNING id, body)
SELECT coalesce(array_agg(id), '{}') AS ids, array_agg(body) AS bodies FROM taken \gset
DELETE FROM raw_job WHERE id = ANY (:ids::bigint[]);
