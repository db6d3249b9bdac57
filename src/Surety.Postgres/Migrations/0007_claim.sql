-- Programs that know version 4 can work with it.
-- Hands the next messages of some queues to a node, queue by queue in the given order: highest priority first (lowest, when asked), oldest segment first. The numbers of its claims count from the given
-- one. Its commit may be lost with the server: then the claim never was.
-- It is put together with every child named outright: while few messages come at a time, to open all four and leave out three costs more than the rest of a claim. claim_segment, which it stands in
-- for, stays for programs of the version before.
DO $do$
DECLARE
    -- Whether a queue has ever had something in this child. Before any lock, so that a look that finds nothing waits for nobody.
    v_look text := $look$ARRAY(
            SELECT q.place FROM unnest(p_queues) WITH ORDINALITY AS q (name, place) CROSS JOIN LATERAL (SELECT FROM $schema$.segment_{ring} s WHERE s.queue = q.name LIMIT 1) s)$look$;
    -- Whether something lies ahead of the cursor of one of its lanes, or may come late.
    v_find text := $find$
    IF v_places_{ring} <> '{}' THEN
        v_lanes := v_lanes || ARRAY(
            SELECT 12 * q.place + 4 * CASE WHEN p_lowest_first[q.place] THEN p.priority ELSE 2 - p.priority END + ({ring} - v_newest + 3) % 4
            FROM unnest(v_places_{ring}) AS q (place) CROSS JOIN (VALUES (0), (1), (2)) AS p (priority) LEFT JOIN LATERAL (
                SELECT c.xid, c.id, c.late FROM $schema$.claim_{ring} c WHERE c.ring = {ring} AND c.queue = p_queues[q.place] AND c.priority = p.priority ORDER BY c.turn DESC LIMIT 1) c ON true
            WHERE c.late <> '{}' OR EXISTS (
                SELECT FROM $schema$.segment_{ring} s WHERE s.queue = p_queues[q.place] AND s.priority = p.priority AND (s.xid, s.id) > (coalesce(c.xid, 0), coalesce(c.id, 0))));
    END IF;
$find$;
    v_take text := $take$
            SELECT coalesce(c.turn, 0), coalesce(c.xid, 0), coalesce(c.id, 0), coalesce(c.late, '{}'), coalesce(c.late_after, '{}'), EXISTS (SELECT FROM $schema$.withdrawn_{ring})
            INTO v_turn, v_xid, v_id, v_late, v_late_after, v_withdrawn
            FROM (SELECT) one LEFT JOIN LATERAL (
                SELECT c.turn, c.xid, c.id, c.late, c.late_after FROM $schema$.claim_{ring} c
                WHERE c.ring = {ring} AND c.queue = v_queue AND c.priority = v_priority ORDER BY c.turn DESC LIMIT 1) c ON true;

            -- In one statement, so of one snapshot: the messages, and which transactions were running that may yet bring more of them. An answer that fits the connection's buffers: a claimant that stops
            -- reading must not keep the queue's lock. Large bodies are asked for later. They come in order (first the late ones) and are not sorted again, which would cost as much as finding them.
            IF v_late = '{}' AND NOT v_withdrawn THEN
                RETURN QUERY
                WITH measured AS (
                    SELECT a.*, sum(100 + least(octet_length(a.body), 16384) + coalesce(octet_length(a.headers), 0)) OVER so_far AS up_to, row_number() OVER so_far AS place
                    FROM (
                        SELECT s.xid, s.id, s.enqueued_at, s.kind, s.version, s.headers, s.body FROM $schema$.segment_{ring} s
                        WHERE s.queue = v_queue AND s.priority = v_priority AND (s.xid, s.id) > (v_xid, v_id) ORDER BY s.xid, s.id LIMIT v_room) a
                    WINDOW so_far AS (ROWS UNBOUNDED PRECEDING)),
                taken AS MATERIALIZED (SELECT * FROM measured m WHERE m.up_to <= p_bytes OR m.place = 1),
                noted AS (
                    INSERT INTO $schema$.claim_{ring} (ring, node, number, queue, priority, turn, claimed_at, xid, id, late, late_after, lowest_xid, highest_xid, ids)
                    SELECT {ring}, p_node, v_number, v_queue, v_priority, v_turn + 1, $schema$.now(), n.highest, n.ids[cardinality(n.ids)],
                        r.late, array_fill(0::bigint, ARRAY[cardinality(r.late)]), n.lowest, n.highest, n.ids
                    FROM (SELECT min(t.xid) AS lowest, max(t.xid) AS highest, array_agg(t.id) AS ids FROM taken t) n CROSS JOIN LATERAL (
                        SELECT coalesce(array_agg(x.xid ORDER BY x.xid), '{}') AS late FROM (SELECT x::text::bigint AS xid FROM pg_snapshot_xip(pg_current_snapshot()) AS x) x
                        WHERE x.xid > v_xid AND x.xid < n.highest) r
                    WHERE n.ids IS NOT NULL)
                SELECT v_place, {ring}::smallint, v_number, t.id, v_priority, t.enqueued_at, t.kind, t.version, t.headers, CASE WHEN octet_length(t.body) <= 16384 THEN t.body END
                FROM taken t;
            ELSE
                RETURN QUERY
                WITH others AS MATERIALIZED (SELECT coalesce((SELECT array_agg(x::text::bigint) FROM pg_snapshot_xip(pg_current_snapshot()) AS x), '{}') AS running),
                late AS MATERIALIZED (
                    SELECT s.xid, s.id, s.enqueued_at, s.kind, s.version, s.headers, s.body
                    FROM unnest(v_late, v_late_after) AS l (xid, after) CROSS JOIN LATERAL (
                        SELECT s.* FROM $schema$.segment_{ring} s
                        WHERE s.queue = v_queue AND s.priority = v_priority AND s.xid = l.xid AND s.id > l.after
                            AND NOT (v_withdrawn AND EXISTS (SELECT FROM $schema$.withdrawn_{ring} w WHERE w.ring = {ring} AND w.id = s.id))
                        ORDER BY s.id LIMIT v_room) s
                    ORDER BY s.xid, s.id LIMIT v_room),
                ahead AS MATERIALIZED (
                    SELECT s.xid, s.id, s.enqueued_at, s.kind, s.version, s.headers, s.body FROM $schema$.segment_{ring} s
                    WHERE s.queue = v_queue AND s.priority = v_priority AND (s.xid, s.id) > (v_xid, v_id)
                        AND NOT (v_withdrawn AND EXISTS (SELECT FROM $schema$.withdrawn_{ring} w WHERE w.ring = {ring} AND w.id = s.id))
                    ORDER BY s.xid, s.id LIMIT v_room - (SELECT count(*) FROM late)),
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
                    FROM unnest(v_late, v_late_after) AS l (xid, after)
                    WHERE l.xid = ANY ((SELECT o.running FROM others o)::bigint[]) OR EXISTS (SELECT FROM served v WHERE NOT v.whole AND l.xid >= v.xid)
                    UNION ALL
                    SELECT x, 0 FROM unnest((SELECT o.running FROM others o)) AS x WHERE x > v_xid AND x < (SELECT p.xid FROM reached p)),
                noted AS (
                    INSERT INTO $schema$.claim_{ring} (ring, node, number, queue, priority, turn, claimed_at, xid, id, late, late_after, lowest_xid, highest_xid, ids)
                    SELECT {ring}, p_node, v_number, v_queue, v_priority, v_turn + 1, $schema$.now(), coalesce((SELECT p.xid FROM reached p), v_xid), coalesce((SELECT p.id FROM reached p), v_id),
                        coalesce((SELECT array_agg(a.xid ORDER BY a.xid) FROM awaited a), '{}'), coalesce((SELECT array_agg(a.after ORDER BY a.xid) FROM awaited a), '{}'),
                        min(t.xid), max(t.xid), array_agg(t.id)
                    FROM taken t HAVING count(*) > 0)
                SELECT v_place, {ring}::smallint, v_number, t.id, v_priority, t.enqueued_at, t.kind, t.version, t.headers, CASE WHEN octet_length(t.body) <= 16384 THEN t.body END
                FROM taken t;
            END IF;

            GET DIAGNOSTICS v_count = ROW_COUNT;
$take$;
    v_body text := $body$
#variable_conflict use_column
DECLARE
    v_newest int;
    {declared}
    -- What to claim from, in this order. A lane is a queue's place, a priority and a child, the oldest first, as one number.
    v_lanes int[] := '{}';
    v_lane int;
    v_place int := 0;
    v_queue text;
    v_priority smallint;
    v_room int;
    v_paused boolean;
    v_number bigint := p_number;
    v_turn bigint;
    v_xid bigint;
    v_id bigint;
    v_late bigint[];
    v_late_after bigint[];
    v_withdrawn boolean;
    v_count int;
BEGIN
    SELECT n.last_value, {looks} INTO v_newest, {places}
    FROM $schema$.segment_newest n WHERE EXISTS (SELECT FROM $schema$.node n WHERE n.id = p_node AND n.dead_at IS NULL);
    IF NOT FOUND THEN
        RETURN;
    END IF;
{finds}
    IF cardinality(v_lanes) > 1 THEN
        v_lanes := ARRAY(SELECT lane FROM unnest(v_lanes) AS lane ORDER BY lane);
    END IF;

    FOREACH v_lane IN ARRAY v_lanes LOOP
        IF v_lane / 12 <> v_place THEN
            v_place := v_lane / 12;
            v_queue := p_queues[v_place];
            v_room := p_limits[v_place];
            -- One claim of a queue at a time. What the next statements see is then the truth about its cursors.
            SELECT EXISTS (SELECT FROM $schema$.queue q WHERE q.name = v_queue AND q.paused_at IS NOT NULL)
            INTO v_paused FROM pg_advisory_xact_lock(hashtextextended('$schema$' || v_queue, 11)), set_config('synchronous_commit', 'off', true);
        END IF;

        CONTINUE WHEN v_paused OR v_room <= 0;
        v_priority := CASE WHEN p_lowest_first[v_place] THEN v_lane % 12 / 4 ELSE 2 - v_lane % 12 / 4 END;
        CASE (v_newest + 1 + v_lane) % 4{takes}
        END CASE;
        IF v_count > 0 THEN
            v_number := v_number + 1;
            v_room := v_room - v_count;
        END IF;
    END LOOP;
END
$body$;
    v_looks text[];
    v_places text[];
    v_finds text := '';
    v_takes text := '';
BEGIN
    FOR ring IN 0..3 LOOP
        v_looks := v_looks || replace(v_look, '{ring}', ring::text);
        v_places := v_places || format('v_places_%s', ring);
        v_finds := v_finds || replace(v_find, '{ring}', ring::text);
        v_takes := v_takes || format('
            WHEN %s THEN', ring) || replace(v_take, '{ring}', ring::text);
    END LOOP;

    v_body := replace(replace(replace(replace(replace(v_body,
        '{looks}', array_to_string(v_looks, ', ')), '{places}', array_to_string(v_places, ', ')), '{declared}', array_to_string(v_places, ' int[];
    ') || ' int[];'), '{finds}', v_finds), '{takes}', v_takes);
    EXECUTE format($function$
        CREATE FUNCTION $schema$.claim_segments(p_node bigint, p_number bigint, p_queues text[], p_limits int[], p_lowest_first boolean[], p_bytes int)
        RETURNS TABLE (place int, ring smallint, number bigint, id bigint, priority smallint, enqueued_at timestamptz, kind text, version int, headers text, body bytea)
        LANGUAGE plpgsql SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_incremental_sort = off SET plan_cache_mode = force_generic_plan
        AS %L
        $function$, v_body);
END
$do$;

-- A list of hundreds of ids is stored as it is: to squeeze it took an eighth of a claim's time.
DO $do$
BEGIN
    FOR ring IN 0..3 LOOP
        EXECUTE format('ALTER TABLE $schema$.claim_%1$s SET (toast_tuple_target = 8160)', ring);
        EXECUTE format('ALTER TABLE $schema$.receipt_%1$s SET (toast_tuple_target = 8160)', ring);
    END LOOP;
END
$do$;
