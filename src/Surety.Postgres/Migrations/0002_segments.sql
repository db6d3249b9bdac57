-- Plain messages (no delay, ordering key, unique key, owner or status to keep) live in segments, where a message that goes well costs inserts only: its own row, a hundredth of a claim and a
-- hundredth of a receipt. Nothing is updated or deleted, so nothing waits for vacuum, and a transaction held open elsewhere slows nothing down. A message for which anything else happens (a
-- retry, a cancellation, a rescue, a progress report) is first copied to the table message, under the same id, and goes on there.
--
-- There are four children of each table, used in turns. A row the cursor of its queue has not passed is ready; one in a claim is running; one in a receipt has left.
--
-- What is in the segments waits for a program of this version; older ones use the table message as before.
-- Programs that know version 1 can work with it.

-- Its value is the child that takes new messages. Nobody waits for it, and it is no row that old snapshots could keep.
CREATE SEQUENCE $schema$.segment_newest AS integer MINVALUE 0 MAXVALUE 3 START 0;
SELECT setval('$schema$.segment_newest', 0);

CREATE TABLE $schema$.segment (
    ring smallint NOT NULL,
    priority smallint NOT NULL,
    version int NOT NULL,
    xid bigint NOT NULL, -- the transaction that enqueued it
    id bigint NOT NULL,
    enqueued_at timestamptz NOT NULL,
    queue text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    headers text,
    body bytea NOT NULL
) PARTITION BY LIST (ring);

CREATE INDEX segment_lane ON $schema$.segment (queue, priority, xid, id);
CREATE INDEX segment_id ON $schema$.segment USING brin (id) WITH (pages_per_range = 16);

-- The newest claim of a queue and priority is its cursor: everything up to (xid, id) has been handed out, except what transactions in "late" enqueued, which were still running then.
CREATE TABLE $schema$.claim (
    ring smallint NOT NULL,
    node bigint NOT NULL,
    number bigint NOT NULL, -- counts the claims of its node
    queue text COLLATE "C" NOT NULL,
    priority smallint NOT NULL,
    turn bigint NOT NULL, -- counts the claims of its queue and priority
    claimed_at timestamptz NOT NULL,
    xid bigint NOT NULL,
    id bigint NOT NULL,
    late bigint[] NOT NULL,
    late_after bigint[] NOT NULL, -- how far each of them has been handed out: up to this id
    lowest_xid bigint NOT NULL, -- between these two lie the messages claimed
    highest_xid bigint NOT NULL,
    ids bigint[] NOT NULL,
    PRIMARY KEY (ring, node, number)
) PARTITION BY LIST (ring);

CREATE UNIQUE INDEX claim_turn ON $schema$.claim (ring, queue, priority, turn);

-- Who has left its claim: one message (id), or several at once (id is the first one's, negative).
CREATE TABLE $schema$.receipt (
    ring smallint NOT NULL,
    node bigint NOT NULL,
    number bigint NOT NULL,
    id bigint NOT NULL,
    ids bigint[],
    PRIMARY KEY (ring, node, number, id)
) PARTITION BY LIST (ring);

-- Messages taken out before any claim; the cursor steps over them.
CREATE TABLE $schema$.withdrawn (
    ring smallint NOT NULL,
    id bigint NOT NULL,
    PRIMARY KEY (ring, id)
) PARTITION BY LIST (ring);

-- Emptied by truncation, never by vacuum, and read by index whatever the statistics say.
DO $do$
BEGIN
    FOR child IN 0..3 LOOP
        EXECUTE format('CREATE TABLE $schema$.segment_%1$s PARTITION OF $schema$.segment FOR VALUES IN (%1$s) WITH (autovacuum_enabled = false, toast.autovacuum_enabled = false)', child);
        EXECUTE format('CREATE TABLE $schema$.claim_%1$s PARTITION OF $schema$.claim FOR VALUES IN (%1$s) WITH (autovacuum_enabled = false, toast.autovacuum_enabled = false)', child);
        EXECUTE format('CREATE TABLE $schema$.receipt_%1$s PARTITION OF $schema$.receipt FOR VALUES IN (%1$s) WITH (autovacuum_enabled = false, toast.autovacuum_enabled = false)', child);
        EXECUTE format('CREATE TABLE $schema$.withdrawn_%1$s PARTITION OF $schema$.withdrawn FOR VALUES IN (%1$s) WITH (autovacuum_enabled = false)', child);
    END LOOP;
END
$do$;

ALTER TABLE $schema$.node ADD COLUMN emptied boolean NOT NULL DEFAULT false; -- dead, and nothing is left to hand back

-- Programs of version 1 forget a dead node of which the table message holds nothing; they do not see what it holds in segments.
CREATE FUNCTION $schema$.keep_node() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER keep_node BEFORE DELETE ON $schema$.node FOR EACH ROW WHEN (NOT OLD.emptied) EXECUTE FUNCTION $schema$.keep_node();

-- Every message in a segment that has not left it: ready (1) or running (4), in the columns of the table message.
CREATE VIEW $schema$.segment_open AS
WITH lane AS (SELECT DISTINCT ON (ring, queue, priority) ring, queue, priority, xid, id, late, late_after FROM $schema$.claim ORDER BY ring, queue, priority, turn DESC)
SELECT s.ring, s.id, 1::smallint AS state, s.priority, s.version, NULL::bigint AS node, NULL::bigint AS number, s.enqueued_at, NULL::timestamptz AS claimed_at, s.queue, s.kind, s.headers, s.body
FROM $schema$.segment s LEFT JOIN lane l ON l.ring = s.ring AND l.queue = s.queue AND l.priority = s.priority
WHERE (l.ring IS NULL OR (s.xid, s.id) > (l.xid, l.id) OR s.id > l.late_after[array_position(l.late, s.xid)])
    AND NOT EXISTS (SELECT FROM $schema$.withdrawn w WHERE w.ring = s.ring AND w.id = s.id)
UNION ALL
SELECT s.ring, s.id, 4::smallint, s.priority, s.version, c.node, c.number, s.enqueued_at, c.claimed_at, s.queue, s.kind, s.headers, s.body
FROM $schema$.claim c CROSS JOIN LATERAL unnest(c.ids) AS claimed (id)
    JOIN $schema$.segment s ON s.ring = c.ring AND s.queue = c.queue AND s.priority = c.priority AND s.xid BETWEEN c.lowest_xid AND c.highest_xid AND s.id = claimed.id
WHERE NOT EXISTS (SELECT FROM $schema$.receipt r WHERE r.ring = c.ring AND r.node = c.node AND r.number = c.number AND (r.id = claimed.id OR claimed.id = ANY (r.ids)));

-- What each queue holds in the segments. Exact up to 100,000 ready messages a segment and priority; beyond, guessed from how dense their ids are.
CREATE FUNCTION $schema$.segment_counts()
RETURNS TABLE (queue text, ready bigint, running bigint, oldest timestamptz)
LANGUAGE sql STABLE SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_incremental_sort = off
AS $function$
    WITH RECURSIVE lane (ring, queue, priority) AS (
        SELECT child.ring, f.queue, f.priority FROM (SELECT n::smallint AS ring FROM generate_series(0, 3) AS n) child
            CROSS JOIN LATERAL (SELECT s.queue, s.priority FROM $schema$.segment s WHERE s.ring = child.ring ORDER BY s.queue, s.priority LIMIT 1) f
        UNION ALL
        SELECT l.ring, n.queue, n.priority FROM lane l
            CROSS JOIN LATERAL (SELECT s.queue, s.priority FROM $schema$.segment s WHERE s.ring = l.ring AND (s.queue, s.priority) > (l.queue, l.priority) ORDER BY s.queue, s.priority LIMIT 1) n),
    placed AS (
        SELECT l.*, coalesce(c.xid, 0) AS xid, coalesce(c.id, 0) AS id, coalesce(c.late, '{}') AS late, coalesce(c.late_after, '{}') AS late_after FROM lane l
            LEFT JOIN LATERAL (SELECT c.* FROM $schema$.claim c WHERE c.ring = l.ring AND c.queue = l.queue AND c.priority = l.priority ORDER BY c.turn DESC LIMIT 1) c ON true),
    counted AS (
        SELECT p.queue, near.count AS near, near.first, near.last, near.oldest, late.count AS late, late.oldest AS late_oldest,
            (SELECT s.id FROM $schema$.segment s WHERE s.ring = p.ring AND s.queue = p.queue AND s.priority = p.priority AND (s.xid, s.id) > (p.xid, p.id) ORDER BY s.xid DESC, s.id DESC LIMIT 1) AS end
        FROM placed p CROSS JOIN LATERAL (
            SELECT count(*), min(n.id) AS first, max(n.id) AS last, min(n.enqueued_at) AS oldest FROM (
                SELECT s.id, s.enqueued_at FROM $schema$.segment s WHERE s.ring = p.ring AND s.queue = p.queue AND s.priority = p.priority AND (s.xid, s.id) > (p.xid, p.id)
                    AND NOT EXISTS (SELECT FROM $schema$.withdrawn w WHERE w.ring = p.ring AND w.id = s.id) ORDER BY s.xid, s.id LIMIT 100000) n) near
        CROSS JOIN LATERAL (
            SELECT count(*), min(s.enqueued_at) AS oldest FROM unnest(p.late, p.late_after) AS l (xid, after)
                JOIN $schema$.segment s ON s.ring = p.ring AND s.queue = p.queue AND s.priority = p.priority AND s.xid = l.xid AND s.id > l.after
            WHERE NOT EXISTS (SELECT FROM $schema$.withdrawn w WHERE w.ring = p.ring AND w.id = s.id)) late),
    ready AS (
        SELECT queue, sum(late + CASE WHEN near < 100000 OR "end" <= last OR last = first THEN near ELSE (near * ("end" - first)::numeric / (last - first))::bigint END)::bigint AS ready,
            min(least(oldest, late_oldest)) AS oldest
        FROM counted GROUP BY queue),
    running AS (
        SELECT c.queue, sum(cardinality(c.ids) - coalesce(r.count, 0))::bigint AS running FROM $schema$.claim c LEFT JOIN (
            SELECT ring, node, number, sum(CASE WHEN id < 0 THEN cardinality(ids) ELSE 1 END) AS count FROM $schema$.receipt GROUP BY ring, node, number) r
            ON r.ring = c.ring AND r.node = c.node AND r.number = c.number
        GROUP BY c.queue)
    SELECT coalesce(ready.queue, running.queue), coalesce(ready, 0), coalesce(running, 0), oldest FROM ready FULL JOIN running ON running.queue = ready.queue
$function$;

-- Hands the next messages of one queue to a node: highest priority first (lowest, when asked), oldest segment first. Its commit may be lost with the server: then the claim never was.
CREATE FUNCTION $schema$.claim_segment(p_node bigint, p_number bigint, p_queue text, p_limit int, p_lowest_first boolean, p_bytes int)
RETURNS TABLE (ring smallint, number bigint, id bigint, priority smallint, enqueued_at timestamptz, kind text, version int, headers text, body bytea)
LANGUAGE plpgsql SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_incremental_sort = off SET plan_cache_mode = force_generic_plan
AS $function$
#variable_conflict use_column
DECLARE
    v_room int := p_limit;
    v_number bigint := p_number;
    v_newest int;
    v_locked boolean := false;
    v_withdrawn boolean;
    v_count int;
    v_lane record;
    v_cursor record;
BEGIN
    IF NOT EXISTS (SELECT FROM $schema$.node n WHERE n.id = p_node AND n.dead_at IS NULL) OR EXISTS (SELECT FROM $schema$.queue q WHERE q.name = p_queue AND q.paused_at IS NOT NULL) THEN
        RETURN;
    END IF;

    SELECT last_value INTO v_newest FROM $schema$.segment_newest;
    FOR v_lane IN
        SELECT p.priority, r.ring FROM unnest(CASE WHEN p_lowest_first THEN '{0,1,2}' ELSE '{2,1,0}' END::smallint[]) WITH ORDINALITY AS p (priority, place)
            CROSS JOIN LATERAL (SELECT ((v_newest + age) % 4)::smallint AS ring, age FROM generate_series(1, 4) AS age) r
            -- One probe each; an EXISTS would become a join that reads them all.
            CROSS JOIN LATERAL (SELECT FROM $schema$.segment s WHERE s.ring = r.ring AND s.queue = p_queue AND s.priority = p.priority LIMIT 1) AS any_row
        ORDER BY p.place, r.age
    LOOP
        IF NOT v_locked THEN
            -- One claim of a queue at a time. What the next statements see is then the truth about its cursors.
            PERFORM pg_advisory_xact_lock(hashtextextended('$schema$' || p_queue, 11)), set_config('synchronous_commit', 'off', true);
            v_locked := true;
        END IF;

        SELECT c.turn, c.xid, c.id, c.late, c.late_after INTO v_cursor FROM $schema$.claim c
        WHERE c.ring = v_lane.ring AND c.queue = p_queue AND c.priority = v_lane.priority ORDER BY c.turn DESC LIMIT 1;
        IF NOT FOUND THEN
            SELECT 0::bigint AS turn, 0::bigint AS xid, 0::bigint AS id, '{}'::bigint[] AS late, '{}'::bigint[] AS late_after INTO v_cursor;
        END IF;

        v_withdrawn := EXISTS (SELECT FROM $schema$.withdrawn w WHERE w.ring = v_lane.ring);

        -- In one statement, so of one snapshot: the messages, and which transactions were running that may yet bring more of them.
        RETURN QUERY
        WITH others AS MATERIALIZED (SELECT coalesce((SELECT array_agg(x::text::bigint) FROM pg_snapshot_xip(pg_current_snapshot()) AS x), '{}') AS running),
        late AS MATERIALIZED (
            SELECT s.xid, s.id, s.enqueued_at, s.kind, s.version, s.headers, s.body
            FROM unnest(v_cursor.late, v_cursor.late_after) AS l (xid, after) CROSS JOIN LATERAL (
                SELECT s.* FROM $schema$.segment s
                WHERE s.ring = v_lane.ring AND s.queue = p_queue AND s.priority = v_lane.priority AND s.xid = l.xid AND s.id > l.after
                    AND NOT (v_withdrawn AND EXISTS (SELECT FROM $schema$.withdrawn w WHERE w.ring = v_lane.ring AND w.id = s.id))
                ORDER BY s.id LIMIT v_room) s
            ORDER BY s.xid, s.id LIMIT v_room),
        ahead AS MATERIALIZED (
            SELECT s.xid, s.id, s.enqueued_at, s.kind, s.version, s.headers, s.body FROM $schema$.segment s
            WHERE s.ring = v_lane.ring AND s.queue = p_queue AND s.priority = v_lane.priority AND (s.xid, s.id) > (v_cursor.xid, v_cursor.id)
                AND NOT (v_withdrawn AND EXISTS (SELECT FROM $schema$.withdrawn w WHERE w.ring = v_lane.ring AND w.id = s.id))
            ORDER BY s.xid, s.id LIMIT v_room - (SELECT count(*) FROM late)),
        -- An answer that fits the connection's buffers: a claimant that stops reading must not keep the queue's lock. Large bodies are asked for later. They come in order (first the late ones)
        -- and are not sorted again, which would cost as much as finding them.
        measured AS (
            SELECT f.*, sum(100 + least(octet_length(f.body), 16384) + coalesce(octet_length(f.headers), 0)) OVER so_far AS up_to, row_number() OVER so_far AS place
            FROM (SELECT true AS is_late, l.* FROM late l UNION ALL SELECT false, a.* FROM ahead a) f WINDOW so_far AS (ROWS UNBOUNDED PRECEDING)),
        taken AS MATERIALIZED (SELECT * FROM measured m WHERE m.up_to <= p_bytes OR m.place = 1),
        reached AS (SELECT t.xid, t.id FROM taken t WHERE NOT t.is_late ORDER BY t.place DESC LIMIT 1),
        served AS (
            SELECT t.xid, t.id, (SELECT count(*) FROM late) < v_room AND (SELECT count(*) FROM late) = (SELECT count(*) FROM taken WHERE is_late) AS whole
            FROM taken t WHERE t.is_late ORDER BY t.place DESC LIMIT 1),
        awaited AS (
            SELECT l.xid, CASE WHEN l.xid = (SELECT v.xid FROM served v) THEN (SELECT v.id FROM served v) ELSE l.after END AS after
            FROM unnest(v_cursor.late, v_cursor.late_after) AS l (xid, after)
            WHERE l.xid = ANY ((SELECT o.running FROM others o)::bigint[]) OR EXISTS (SELECT FROM served v WHERE NOT v.whole AND l.xid >= v.xid)
            UNION ALL
            SELECT x, 0 FROM unnest((SELECT o.running FROM others o)) AS x WHERE x > v_cursor.xid AND x < (SELECT p.xid FROM reached p)),
        noted AS (
            INSERT INTO $schema$.claim (ring, node, number, queue, priority, turn, claimed_at, xid, id, late, late_after, lowest_xid, highest_xid, ids)
            SELECT v_lane.ring, p_node, v_number, p_queue, v_lane.priority, v_cursor.turn + 1, $schema$.now(), coalesce((SELECT p.xid FROM reached p), v_cursor.xid), coalesce((SELECT p.id FROM reached p), v_cursor.id),
                coalesce((SELECT array_agg(a.xid ORDER BY a.xid) FROM awaited a), '{}'), coalesce((SELECT array_agg(a.after ORDER BY a.xid) FROM awaited a), '{}'),
                min(t.xid), max(t.xid), array_agg(t.id)
            FROM taken t HAVING count(*) > 0)
        SELECT v_lane.ring, v_number, t.id, v_lane.priority, t.enqueued_at, t.kind, t.version, t.headers, CASE WHEN octet_length(t.body) <= 16384 THEN t.body END
        FROM taken t;

        GET DIAGNOSTICS v_count = ROW_COUNT;
        CONTINUE WHEN v_count = 0;
        v_number := v_number + 1;
        v_room := v_room - v_count;
        EXIT WHEN v_room <= 0;
    END LOOP;
END
$function$;

-- Which of these messages have not left their claim. The caller holds the claim's lock.
CREATE FUNCTION $schema$.unsettled(p_ring smallint, p_node bigint, p_number bigint, p_ids bigint[])
RETURNS bigint[] LANGUAGE plpgsql STABLE SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_incremental_sort = off SET plan_cache_mode = force_generic_plan
AS $function$
DECLARE
    v_ids bigint[];
BEGIN
    SELECT c.ids INTO v_ids FROM $schema$.claim c WHERE c.ring = p_ring AND c.node = p_node AND c.number = p_number;
    IF v_ids IS NULL THEN
        RETURN '{}';
    END IF;

    IF NOT EXISTS (SELECT FROM $schema$.receipt r WHERE r.ring = p_ring AND r.node = p_node AND r.number = p_number) AND (p_ids IS NULL OR p_ids = v_ids) THEN
        RETURN v_ids;
    END IF;

    RETURN ARRAY(
        SELECT unnest(coalesce(p_ids, v_ids)) INTERSECT SELECT unnest(v_ids)
        EXCEPT (
            SELECT r.id FROM $schema$.receipt r WHERE r.ring = p_ring AND r.node = p_node AND r.number = p_number AND r.id > 0
            UNION ALL SELECT unnest(r.ids) FROM $schema$.receipt r WHERE r.ring = p_ring AND r.node = p_node AND r.number = p_number AND r.id < 0)
        ORDER BY 1);
END
$function$;

-- Ends messages of one claim that went well. Answers with those it ended: the others had left the claim before. One receipt for all of them is the cheapest; in the transaction of their effects each
-- has its own, whose key nobody gets past who is just about to end the same message.
CREATE FUNCTION $schema$.settle_segment(p_ring smallint, p_node bigint, p_number bigint, p_ids bigint[], p_each boolean)
RETURNS bigint[] LANGUAGE plpgsql
AS $function$
DECLARE
    v_ids bigint[];
BEGIN
    PERFORM pg_advisory_xact_lock(hashint8extended(p_number, p_node));
    v_ids := $schema$.unsettled(p_ring, p_node, p_number, p_ids);
    IF p_each THEN
        INSERT INTO $schema$.receipt (ring, node, number, id) SELECT p_ring, p_node, p_number, unnest(v_ids);
    ELSIF cardinality(v_ids) > 0 THEN
        INSERT INTO $schema$.receipt (ring, node, number, id, ids) VALUES (p_ring, p_node, p_number, -v_ids[1], v_ids);
    END IF;

    RETURN v_ids;
END
$function$;

-- Ends one message. Others of the claim go on meanwhile: the lock is shared, and the receipt's key keeps out a second settlement of the same message.
-- One function a child, because this is done once a message, and to find the child costs as much as the rest of it.
DO $do$
BEGIN
    FOR child IN 0..3 LOOP
        EXECUTE format($function$
            CREATE FUNCTION $schema$.settle_segment_one_%1$s(p_node bigint, p_number bigint, p_id bigint)
            RETURNS boolean LANGUAGE plpgsql
            AS $body$
            BEGIN
                PERFORM pg_advisory_xact_lock_shared(hashint8extended(p_number, p_node));
                INSERT INTO $schema$.receipt_%1$s (ring, node, number, id)
                SELECT %1$s, p_node, p_number, p_id FROM $schema$.claim_%1$s c
                WHERE c.ring = %1$s AND c.node = p_node AND c.number = p_number AND p_id = ANY (c.ids)
                    AND NOT EXISTS (SELECT FROM $schema$.receipt_%1$s r WHERE r.ring = %1$s AND r.node = p_node AND r.number = p_number AND r.id < 0 AND p_id = ANY (r.ids))
                ON CONFLICT DO NOTHING;
                RETURN FOUND;
            END
            $body$
            $function$, child);
    END LOOP;
END
$do$;

-- Copies running messages of one claim (all, when null) to the table message, where they run on under the same node as their first claim. Answers how many.
CREATE FUNCTION $schema$.take_out(p_ring smallint, p_node bigint, p_number bigint, p_ids bigint[])
RETURNS int LANGUAGE plpgsql
AS $function$
DECLARE
    v_ids bigint[];
BEGIN
    PERFORM pg_advisory_xact_lock(hashint8extended(p_number, p_node));
    v_ids := $schema$.unsettled(p_ring, p_node, p_number, p_ids);
    IF cardinality(v_ids) = 0 THEN
        RETURN 0;
    END IF;

    INSERT INTO $schema$.message (id, state, priority, version, claim, node, enqueued_at, due_at, claimed_at, tracked, queue, kind, headers, body)
    SELECT s.id, 4, s.priority, s.version, 1, p_node, s.enqueued_at, s.enqueued_at, c.claimed_at, false, s.queue, s.kind, s.headers, s.body
    FROM $schema$.claim c JOIN $schema$.segment s ON s.ring = p_ring AND s.queue = c.queue AND s.priority = c.priority AND s.xid BETWEEN c.lowest_xid AND c.highest_xid
    WHERE c.ring = p_ring AND c.node = p_node AND c.number = p_number AND s.id = ANY (v_ids);
    -- Each by itself: whoever is waiting to end one in its effect's transaction does not look again, and meets the key.
    INSERT INTO $schema$.receipt (ring, node, number, id) SELECT p_ring, p_node, p_number, unnest(v_ids);
    RETURN cardinality(v_ids);
END
$function$;

-- Copies one message, ready or running, to the table message. Answers 0 when there is none, 1 when it is done, 2 when to ask again in another transaction.
CREATE FUNCTION $schema$.take_out_one(p_id bigint)
RETURNS int LANGUAGE plpgsql
AS $function$
DECLARE
    v_open record;
BEGIN
    SELECT o.ring, o.queue, o.node, o.number INTO v_open FROM $schema$.segment_open o WHERE o.id = p_id;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;

    IF v_open.node IS NOT NULL THEN
        RETURN $schema$.take_out(v_open.ring, v_open.node, v_open.number, ARRAY[p_id]);
    END IF;

    PERFORM pg_advisory_xact_lock(hashtextextended('$schema$' || v_open.queue, 11));
    INSERT INTO $schema$.message (id, state, priority, version, enqueued_at, due_at, tracked, queue, kind, headers, body)
    SELECT o.id, 1, o.priority, o.version, o.enqueued_at, o.enqueued_at, false, o.queue, o.kind, o.headers, o.body FROM $schema$.segment_open o WHERE o.id = p_id AND o.state = 1;
    IF NOT FOUND THEN
        RETURN 2;
    END IF;

    INSERT INTO $schema$.withdrawn (ring, id) VALUES (v_open.ring, p_id);
    RETURN 1;
END
$function$;

-- Copies what a node (when null, every dead one) holds to the table message, whence it is handed back. A claim that is just being settled is left to the next turn. Answers how many.
CREATE FUNCTION $schema$.take_out_node(p_node bigint, p_limit int)
RETURNS int LANGUAGE plpgsql SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_incremental_sort = off SET plan_cache_mode = force_generic_plan
AS $function$
DECLARE
    v_claim record;
    v_any boolean := false;
    v_count int := 0;
BEGIN
    FOR v_claim IN
        SELECT c.ring, c.node, c.number FROM $schema$.node n CROSS JOIN generate_series(0, 3) AS child (ring) JOIN $schema$.claim c ON c.ring = child.ring AND c.node = n.id
        WHERE (n.id = p_node OR p_node IS NULL AND n.dead_at IS NOT NULL AND NOT n.emptied) AND cardinality(c.ids) > (
            SELECT coalesce(sum(CASE WHEN r.id < 0 THEN cardinality(r.ids) ELSE 1 END), 0) FROM $schema$.receipt r WHERE r.ring = c.ring AND r.node = c.node AND r.number = c.number)
    LOOP
        v_any := true;
        IF pg_try_advisory_xact_lock(hashint8extended(v_claim.number, v_claim.node)) THEN
            v_count := v_count + $schema$.take_out(v_claim.ring, v_claim.node, v_claim.number, NULL);
        END IF;

        EXIT WHEN v_count >= p_limit;
    END LOOP;

    -- A claim that was on its way when its node was presumed dead has arrived a minute later.
    IF p_node IS NULL AND NOT v_any THEN
        UPDATE $schema$.node n SET emptied = true
        WHERE n.dead_at < $schema$.now() - interval '1 minute' AND NOT n.emptied AND NOT EXISTS (SELECT FROM $schema$.message m WHERE m.state = 4 AND m.node = n.id);
    END IF;

    RETURN v_count;
END
$function$;

-- Goes on to the next child when the newest has grown to so many bytes, once that next one is empty: truncates it when all of it has left, takes out a few that hold it up. Answers whether it did.
CREATE FUNCTION $schema$.rotate_segments(p_bytes bigint)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' SET jit = off
AS $function$
DECLARE
    v_newest int;
    v_next smallint;
    v_size bigint;
    v_rows bigint;
    v_left bigint;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('$schema$', 13)) THEN
        RETURN false;
    END IF;

    SELECT last_value INTO v_newest FROM $schema$.segment_newest;
    v_next := (v_newest + 1) % 4;
    v_size := pg_table_size(format('$schema$.segment_%s', v_newest)::regclass);
    IF v_size < p_bytes THEN
        RETURN false;
    END IF;

    IF EXISTS (SELECT FROM $schema$.segment s WHERE s.ring = v_next) THEN
        SELECT count(*) INTO v_rows FROM $schema$.segment s WHERE s.ring = v_next;
        v_left := v_rows - $schema$.segment_done(v_next);
        IF v_left > 0 THEN
            -- What moves will be done soon. What does not (a paused queue, a handler that runs for hours) would hold up the ring.
            IF NOT EXISTS (SELECT FROM $schema$.claim c WHERE c.ring = v_next AND c.claimed_at > $schema$.now() - interval '10 s') AND (v_left * 2 <= v_rows OR v_size >= 8 * p_bytes) THEN
                PERFORM $schema$.take_out_leftovers(v_next, 5000);
            END IF;

            RETURN false;
        END IF;

        BEGIN
            -- In the order in which claims and settlements come to them.
            EXECUTE format('LOCK TABLE ONLY $schema$.claim_%1$s, ONLY $schema$.segment_%1$s, ONLY $schema$.receipt_%1$s, ONLY $schema$.withdrawn_%1$s IN ACCESS EXCLUSIVE MODE', v_next);
            SELECT count(*) INTO v_rows FROM $schema$.segment s WHERE s.ring = v_next;
            IF v_rows <> $schema$.segment_done(v_next) THEN
                RETURN false;
            END IF;

            EXECUTE format('TRUNCATE ONLY $schema$.claim_%1$s, ONLY $schema$.segment_%1$s, ONLY $schema$.receipt_%1$s, ONLY $schema$.withdrawn_%1$s', v_next);
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            RETURN false;
        END;
    END IF;

    PERFORM setval('$schema$.segment_newest', v_next);
    PERFORM brin_summarize_new_values(format('$schema$.segment_%s_id_idx', v_newest)::regclass);
    RETURN true;
END
$function$;

CREATE FUNCTION $schema$.segment_done(p_ring smallint)
RETURNS bigint LANGUAGE sql STABLE
AS $function$
    SELECT coalesce((SELECT sum(CASE WHEN r.id < 0 THEN cardinality(r.ids) ELSE 1 END) FROM $schema$.receipt r WHERE r.ring = p_ring), 0)::bigint
        + (SELECT count(*) FROM $schema$.withdrawn w WHERE w.ring = p_ring)
$function$;

-- Copies messages that hold up a child to the table message.
CREATE FUNCTION $schema$.take_out_leftovers(p_ring smallint, p_limit int)
RETURNS void LANGUAGE plpgsql
AS $function$
DECLARE
    v_claim record;
BEGIN
    FOR v_claim IN SELECT DISTINCT o.node, o.number FROM $schema$.segment_open o WHERE o.ring = p_ring AND o.state = 4 LIMIT p_limit LOOP
        IF pg_try_advisory_xact_lock(hashint8extended(v_claim.number, v_claim.node)) THEN
            PERFORM $schema$.take_out(p_ring, v_claim.node, v_claim.number, NULL);
        END IF;
    END LOOP;

    PERFORM pg_advisory_xact_lock(key) FROM (SELECT DISTINCT hashtextextended('$schema$' || s.queue, 11) AS key FROM $schema$.segment s WHERE s.ring = p_ring ORDER BY 1) AS lanes;
    WITH ready AS (SELECT * FROM $schema$.segment_open o WHERE o.ring = p_ring AND o.state = 1 LIMIT p_limit),
    noted AS (INSERT INTO $schema$.withdrawn (ring, id) SELECT p_ring, r.id FROM ready r)
    INSERT INTO $schema$.message (id, state, priority, version, enqueued_at, due_at, tracked, queue, kind, headers, body)
    SELECT r.id, 1, r.priority, r.version, r.enqueued_at, r.enqueued_at, false, r.queue, r.kind, r.headers, r.body FROM ready r;
END
$function$;
