-- Every message in a segment that has not left it: ready (1) or running (4), in the columns of the table message.
CREATE OR REPLACE VIEW $schema$.segment_open AS
WITH lane AS (SELECT DISTINCT ON (segment, queue, priority) segment, queue, priority, xid, id, late, late_after FROM $schema$.claim
    ORDER BY segment, queue, priority, turn DESC)
SELECT s.segment, s.id, 1::smallint AS state, s.priority, s.version, NULL::bigint AS node, NULL::bigint AS number, s.enqueued_at,
    NULL::timestamptz AS claimed_at, s.queue, s.kind, s.headers, s.body
FROM $schema$.segment s LEFT JOIN lane l ON l.segment = s.segment AND l.queue = s.queue AND l.priority = s.priority
WHERE (l.segment IS NULL OR (s.xid, s.id) > (l.xid, l.id) OR s.id > l.late_after[array_position(l.late, s.xid)])
    AND NOT EXISTS (SELECT FROM $schema$.withdrawn w WHERE w.segment = s.segment AND w.id = s.id)
UNION ALL
SELECT s.segment, s.id, 4::smallint, s.priority, s.version, c.node, c.number, s.enqueued_at, c.claimed_at, s.queue, s.kind, s.headers, s.body
FROM $schema$.claim c CROSS JOIN LATERAL unnest(c.ids) AS claimed (id)
    JOIN $schema$.segment s ON s.segment = c.segment AND s.queue = c.queue AND s.priority = c.priority AND s.xid BETWEEN c.lowest_xid
        AND c.highest_xid AND s.id = claimed.id
WHERE NOT EXISTS (SELECT FROM $schema$.receipt r WHERE r.segment = c.segment AND r.node = c.node AND r.number = c.number AND (r.id = claimed.id
    OR claimed.id = ANY (r.ids)));
