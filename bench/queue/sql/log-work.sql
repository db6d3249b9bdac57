-- Claims a hundred, hands them to the client, settles them: two commits, of which the claim's may be lost. One at a time, and nothing that a running transaction may still come before.
BEGIN;
SELECT pg_advisory_xact_lock(1), set_config('synchronous_commit', 'off', true);
SELECT turn + 1 AS turn, xid AS after_xid, id AS after_id FROM raw_claim ORDER BY turn DESC LIMIT 1 \gset
WITH taken AS MATERIALIZED (
    SELECT xid, id, body FROM raw_segment WHERE (xid, id) > (:after_xid::bigint, :after_id::bigint) AND xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint ORDER BY xid, id LIMIT 100),
noted AS (
    INSERT INTO raw_claim (turn, xid, id, ids)
    SELECT :turn::bigint, max(xid), (array_agg(id ORDER BY xid DESC, id DESC))[1], array_agg(id) FROM taken HAVING count(*) > 0)
SELECT array_agg(id) AS ids, array_agg(body) AS bodies, count(*) AS count FROM taken \gset
COMMIT;
INSERT INTO raw_receipt (turn) SELECT :turn::bigint WHERE :count::bigint > 0;
