-- What each queue holds in the segments. Exact up to 100,000 ready messages a segment and priority; beyond, guessed from how dense their
-- ids are.
CREATE OR REPLACE FUNCTION $schema$.segment_counts()
RETURNS TABLE (queue text, ready bigint, running bigint, oldest timestamptz)
LANGUAGE sql STABLE SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
    SET enable_incremental_sort = off
AS $function$
    WITH RECURSIVE lane (segment, queue, priority) AS (
        SELECT g.segment, f.queue, f.priority FROM (SELECT n::smallint AS segment FROM generate_series(0, 3) AS n) g
            CROSS JOIN LATERAL (SELECT s.queue, s.priority FROM $schema$.segment s WHERE s.segment = g.segment
                ORDER BY s.queue, s.priority LIMIT 1) f
        UNION ALL
        SELECT l.segment, n.queue, n.priority FROM lane l
            CROSS JOIN LATERAL (SELECT s.queue, s.priority FROM $schema$.segment s
                WHERE s.segment = l.segment AND (s.queue, s.priority) > (l.queue, l.priority) ORDER BY s.queue, s.priority LIMIT 1) n),
    placed AS (
        SELECT l.*, coalesce(c.xid, 0) AS xid, coalesce(c.id, 0) AS id, coalesce(c.late, '{}') AS late, coalesce(c.late_after,
            '{}') AS late_after FROM lane l
            LEFT JOIN LATERAL (SELECT c.* FROM $schema$.claim c
                WHERE c.segment = l.segment AND c.queue = l.queue AND c.priority = l.priority ORDER BY c.turn DESC LIMIT 1) c ON true),
    counted AS (
        SELECT p.queue, near.count AS near, near.first, near.last, near.oldest, late.count AS late, late.oldest AS late_oldest,
            (SELECT s.id FROM $schema$.segment s WHERE s.segment = p.segment AND s.queue = p.queue AND s.priority = p.priority
                AND (s.xid, s.id) > (p.xid, p.id) ORDER BY s.xid DESC, s.id DESC LIMIT 1) AS end
        FROM placed p CROSS JOIN LATERAL (
            SELECT count(*), min(n.id) AS first, max(n.id) AS last, min(n.enqueued_at) AS oldest FROM (
                SELECT s.id, s.enqueued_at FROM $schema$.segment s
                    WHERE s.segment = p.segment AND s.queue = p.queue AND s.priority = p.priority AND (s.xid, s.id) > (p.xid, p.id)
                    AND NOT EXISTS (SELECT FROM $schema$.withdrawn w WHERE w.segment = p.segment AND w.id = s.id)
                        ORDER BY s.xid, s.id LIMIT 100000) n) near
        CROSS JOIN LATERAL (
            SELECT count(*), min(s.enqueued_at) AS oldest FROM unnest(p.late, p.late_after) AS l (xid, after)
                JOIN $schema$.segment s ON s.segment = p.segment AND s.queue = p.queue AND s.priority = p.priority AND s.xid = l.xid
                    AND s.id > l.after
            WHERE NOT EXISTS (SELECT FROM $schema$.withdrawn w WHERE w.segment = p.segment AND w.id = s.id)) late),
    ready AS (
        SELECT queue, sum(late + CASE WHEN near < 100000 OR "end" <= last OR last = first THEN near
            ELSE (near * ("end" - first)::numeric / (last - first))::bigint END)::bigint AS ready,
            min(least(oldest, late_oldest)) AS oldest
        FROM counted GROUP BY queue),
    running AS (
        SELECT c.queue, sum(cardinality(c.ids) - coalesce(r.count, 0))::bigint AS running FROM $schema$.claim c LEFT JOIN (
            SELECT segment, node, number, sum(CASE WHEN id < 0 THEN cardinality(ids) ELSE 1 END) AS count
                FROM $schema$.receipt GROUP BY segment, node, number) r
            ON r.segment = c.segment AND r.node = c.node AND r.number = c.number
        GROUP BY c.queue)
    SELECT coalesce(ready.queue, running.queue), coalesce(ready, 0), coalesce(running, 0), oldest FROM ready FULL
        JOIN running ON running.queue = ready.queue
$function$;
