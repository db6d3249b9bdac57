CREATE SCHEMA $schema$;

CREATE FUNCTION $schema$.claim_messages(p_node bigint, p_number bigint, p_queues text[], p_limits integer[], p_lowest_first boolean[], p_bytes integer, p_oldest integer) RETURNS TABLE(lane integer, id bigint, enqueued_at timestamp with time zone, kind text, version integer, headers text, body bytea)
    LANGUAGE plpgsql
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    SET enable_incremental_sort TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
DECLARE
    v_newest int;
    -- What to claim from, in this order. A lane is here a queue's place from 1, how late its priority comes, and the age of a segment, as
    -- one number that sorts: 12 * place + 4 * lateness + age. 3 is the age of the newest.
    v_lanes int[] := '{}';
    v_lane int;
    v_segment int;
    v_before int;
    v_had boolean := false;
    v_oldest int;
    v_out int;
    v_place int := 0;
    v_queue text;
    v_priority smallint;
    v_room int;
    v_paused boolean;
    v_turn bigint;
    v_xid bigint;
    v_id bigint;
    v_late bigint[];
    v_late_after bigint[];
    v_running bigint[];
    v_ended bigint[];
    v_ended_after bigint[];
    v_withdrawn boolean;
    v_count int;
BEGIN
    SELECT n.last_value INTO v_newest FROM $schema$.segment_newest n WHERE EXISTS (SELECT FROM $schema$.node n
        WHERE n.id = p_node AND n.dead_at IS NULL);
    IF NOT FOUND THEN
        RETURN;
    END IF;

    FOR v_pass IN 0..1 LOOP
        FOR v_age IN 0..3 LOOP
            v_segment := (v_newest + 1 + v_age) % 4;
            CONTINUE WHEN p_oldest >= 0 AND (v_segment = p_oldest OR v_age = 3) <> (v_pass = 0);
            v_before := cardinality(v_lanes);
            -- Lanes of a segment with something ahead of their cursor, or of a transaction that ended after it was passed. Before any lock,
            -- so that a look that finds nothing waits for nobody.
            CASE v_segment
            WHEN 0 THEN
                v_lanes := v_lanes || ARRAY(
                    SELECT l.lane + v_age
                    FROM (
                        -- Of many queues, few have ever had something in this segment. Of few, that would be one more page to read.
                        SELECT * FROM unnest(p_queues) WITH ORDINALITY AS q (name, place)
                            WHERE cardinality(p_queues) < 8 OR EXISTS (SELECT FROM $schema$.segment_0 s
                            WHERE s.queue = q.name OFFSET 0)) q
                    CROSS JOIN (VALUES (0), (1), (2)) AS p (priority)
                    CROSS JOIN LATERAL (SELECT 12 * q.place::int + 4 * CASE WHEN p_lowest_first[q.place] THEN p.priority
                        ELSE 2 - p.priority END) AS l (lane)
                    LEFT JOIN LATERAL (
                        SELECT c.xid, c.id, c.late, c.late_after FROM $schema$.claim_0 c
                            WHERE c.segment = 0 AND c.queue = q.name AND c.priority = p.priority
                            ORDER BY c.turn DESC LIMIT 1) c ON true
                    WHERE NOT ARRAY[l.lane, l.lane + 1, l.lane + 2] && v_lanes AND (
                        EXISTS (SELECT FROM $schema$.segment_0 s
                            WHERE s.queue = q.name AND s.priority = p.priority AND (s.xid, s.id) > (coalesce(c.xid, 0), coalesce(c.id, 0)))
                        OR c.late <> '{}' AND EXISTS (
                            SELECT FROM unnest(c.late, c.late_after) AS e (xid, after)
                            WHERE e.xid <> ALL ((SELECT ARRAY(SELECT x::text::bigint
                                FROM pg_snapshot_xip(pg_current_snapshot()) AS x))::bigint[])
                                -- Without the OFFSET it would become a join that reads the whole lane.
                                AND EXISTS (SELECT FROM $schema$.segment_0 s
                                    WHERE s.queue = q.name AND s.priority = p.priority AND s.xid = e.xid AND s.id > e.after OFFSET 0))));
            WHEN 1 THEN
                v_lanes := v_lanes || ARRAY(
                    SELECT l.lane + v_age
                    FROM (
                        -- Of many queues, few have ever had something in this segment. Of few, that would be one more page to read.
                        SELECT * FROM unnest(p_queues) WITH ORDINALITY AS q (name, place)
                            WHERE cardinality(p_queues) < 8 OR EXISTS (SELECT FROM $schema$.segment_1 s
                            WHERE s.queue = q.name OFFSET 0)) q
                    CROSS JOIN (VALUES (0), (1), (2)) AS p (priority)
                    CROSS JOIN LATERAL (SELECT 12 * q.place::int + 4 * CASE WHEN p_lowest_first[q.place] THEN p.priority
                        ELSE 2 - p.priority END) AS l (lane)
                    LEFT JOIN LATERAL (
                        SELECT c.xid, c.id, c.late, c.late_after FROM $schema$.claim_1 c
                            WHERE c.segment = 1 AND c.queue = q.name AND c.priority = p.priority
                            ORDER BY c.turn DESC LIMIT 1) c ON true
                    WHERE NOT ARRAY[l.lane, l.lane + 1, l.lane + 2] && v_lanes AND (
                        EXISTS (SELECT FROM $schema$.segment_1 s
                            WHERE s.queue = q.name AND s.priority = p.priority AND (s.xid, s.id) > (coalesce(c.xid, 0), coalesce(c.id, 0)))
                        OR c.late <> '{}' AND EXISTS (
                            SELECT FROM unnest(c.late, c.late_after) AS e (xid, after)
                            WHERE e.xid <> ALL ((SELECT ARRAY(SELECT x::text::bigint
                                FROM pg_snapshot_xip(pg_current_snapshot()) AS x))::bigint[])
                                -- Without the OFFSET it would become a join that reads the whole lane.
                                AND EXISTS (SELECT FROM $schema$.segment_1 s
                                    WHERE s.queue = q.name AND s.priority = p.priority AND s.xid = e.xid AND s.id > e.after OFFSET 0))));
            WHEN 2 THEN
                v_lanes := v_lanes || ARRAY(
                    SELECT l.lane + v_age
                    FROM (
                        -- Of many queues, few have ever had something in this segment. Of few, that would be one more page to read.
                        SELECT * FROM unnest(p_queues) WITH ORDINALITY AS q (name, place)
                            WHERE cardinality(p_queues) < 8 OR EXISTS (SELECT FROM $schema$.segment_2 s
                            WHERE s.queue = q.name OFFSET 0)) q
                    CROSS JOIN (VALUES (0), (1), (2)) AS p (priority)
                    CROSS JOIN LATERAL (SELECT 12 * q.place::int + 4 * CASE WHEN p_lowest_first[q.place] THEN p.priority
                        ELSE 2 - p.priority END) AS l (lane)
                    LEFT JOIN LATERAL (
                        SELECT c.xid, c.id, c.late, c.late_after FROM $schema$.claim_2 c
                            WHERE c.segment = 2 AND c.queue = q.name AND c.priority = p.priority
                            ORDER BY c.turn DESC LIMIT 1) c ON true
                    WHERE NOT ARRAY[l.lane, l.lane + 1, l.lane + 2] && v_lanes AND (
                        EXISTS (SELECT FROM $schema$.segment_2 s
                            WHERE s.queue = q.name AND s.priority = p.priority AND (s.xid, s.id) > (coalesce(c.xid, 0), coalesce(c.id, 0)))
                        OR c.late <> '{}' AND EXISTS (
                            SELECT FROM unnest(c.late, c.late_after) AS e (xid, after)
                            WHERE e.xid <> ALL ((SELECT ARRAY(SELECT x::text::bigint
                                FROM pg_snapshot_xip(pg_current_snapshot()) AS x))::bigint[])
                                -- Without the OFFSET it would become a join that reads the whole lane.
                                AND EXISTS (SELECT FROM $schema$.segment_2 s
                                    WHERE s.queue = q.name AND s.priority = p.priority AND s.xid = e.xid AND s.id > e.after OFFSET 0))));
            WHEN 3 THEN
                v_lanes := v_lanes || ARRAY(
                    SELECT l.lane + v_age
                    FROM (
                        -- Of many queues, few have ever had something in this segment. Of few, that would be one more page to read.
                        SELECT * FROM unnest(p_queues) WITH ORDINALITY AS q (name, place)
                            WHERE cardinality(p_queues) < 8 OR EXISTS (SELECT FROM $schema$.segment_3 s
                            WHERE s.queue = q.name OFFSET 0)) q
                    CROSS JOIN (VALUES (0), (1), (2)) AS p (priority)
                    CROSS JOIN LATERAL (SELECT 12 * q.place::int + 4 * CASE WHEN p_lowest_first[q.place] THEN p.priority
                        ELSE 2 - p.priority END) AS l (lane)
                    LEFT JOIN LATERAL (
                        SELECT c.xid, c.id, c.late, c.late_after FROM $schema$.claim_3 c
                            WHERE c.segment = 3 AND c.queue = q.name AND c.priority = p.priority
                            ORDER BY c.turn DESC LIMIT 1) c ON true
                    WHERE NOT ARRAY[l.lane, l.lane + 1, l.lane + 2] && v_lanes AND (
                        EXISTS (SELECT FROM $schema$.segment_3 s
                            WHERE s.queue = q.name AND s.priority = p.priority AND (s.xid, s.id) > (coalesce(c.xid, 0), coalesce(c.id, 0)))
                        OR c.late <> '{}' AND EXISTS (
                            SELECT FROM unnest(c.late, c.late_after) AS e (xid, after)
                            WHERE e.xid <> ALL ((SELECT ARRAY(SELECT x::text::bigint
                                FROM pg_snapshot_xip(pg_current_snapshot()) AS x))::bigint[])
                                -- Without the OFFSET it would become a join that reads the whole lane.
                                AND EXISTS (SELECT FROM $schema$.segment_3 s
                                    WHERE s.queue = q.name AND s.priority = p.priority AND s.xid = e.xid AND s.id > e.after OFFSET 0))));
            END CASE;
            IF cardinality(v_lanes) > v_before THEN
                v_had := v_had OR v_segment = p_oldest;
                IF v_age < 3 THEN
                    v_oldest := CASE WHEN v_oldest IS NULL THEN v_segment ELSE 4 END;
                END IF;
            END IF;
        END LOOP;
        EXIT WHEN v_had OR p_oldest < 0;
    END LOOP;

    IF cardinality(v_lanes) > 1 THEN
        v_lanes := ARRAY(SELECT lane FROM unnest(v_lanes) AS lane ORDER BY lane);
    END IF;

    WHILE v_lanes <> '{}' LOOP
        v_lane := v_lanes[1];
        v_lanes := v_lanes[2:];
        IF v_lane / 12 <> v_place THEN
            v_place := v_lane / 12;
            v_queue := p_queues[v_place];
            v_room := p_limits[v_place];
            -- One claim of a queue at a time. What the next statements see is then the truth about its cursors.
            SELECT EXISTS (SELECT FROM $schema$.queue q WHERE q.name = v_queue AND q.paused_at IS NOT NULL)
            INTO v_paused FROM pg_advisory_xact_lock(hashtextextended('$schema$' || v_queue, 11)), set_config('synchronous_commit', 'off',
                true);
        END IF;

        CONTINUE WHEN v_paused OR v_room <= 0;
        v_priority := CASE WHEN p_lowest_first[v_place] THEN v_lane % 12 / 4 ELSE 2 - v_lane % 12 / 4 END;
        v_out := 8 * (12 * (v_place - 1) + 4 * v_priority + (v_newest + 1 + v_lane) % 4) + coalesce(v_oldest, v_newest);
        CASE (v_newest + 1 + v_lane) % 4
            WHEN 0 THEN
                SELECT coalesce(c.turn, 0), coalesce(c.xid, 0), coalesce(c.id, 0), coalesce(c.late, '{}'), coalesce(c.late_after, '{}'),
                    EXISTS (SELECT FROM $schema$.withdrawn_0)
                INTO v_turn, v_xid, v_id, v_late, v_late_after, v_withdrawn
                FROM (SELECT) one LEFT JOIN LATERAL (
                    SELECT c.turn, c.xid, c.id, c.late, c.late_after FROM $schema$.claim_0 c
                    WHERE c.segment = 0 AND c.queue = v_queue AND c.priority = v_priority ORDER BY c.turn DESC LIMIT 1) c ON true;
                v_ended := '{}';
                v_ended_after := '{}';
                IF v_late <> '{}' THEN
                    -- Who still runs is waited for on. What the others have brought comes first.
                    v_running := ARRAY(SELECT x::text::bigint FROM pg_snapshot_xip(pg_current_snapshot()) AS x);
                    IF NOT v_late <@ v_running THEN
                        SELECT coalesce(array_agg(l.xid) FILTER (WHERE l.runs), '{}'), coalesce(array_agg(l.after) FILTER (WHERE l.runs),
                            '{}'),
                            coalesce(array_agg(l.xid) FILTER (WHERE NOT l.runs), '{}'),
                                coalesce(array_agg(l.after) FILTER (WHERE NOT l.runs), '{}')
                        INTO v_late, v_late_after, v_ended, v_ended_after
                        FROM (SELECT l.xid, l.after, l.xid = ANY (v_running) AS runs FROM unnest(v_late, v_late_after) AS l (xid, after)) l;
                    END IF;
                END IF;

                -- In one statement, so of one snapshot: the messages, and which transactions were running that may yet bring more of them.
                -- An answer that fits the connection's buffers: a claimant that stops reading must not keep the queue's lock. Large bodies
                -- are asked for later. They come in order (first of those that ended late) and are not sorted again, which would cost as
                -- much as finding them. Twice, because one range is read faster than several.
                IF v_ended = '{}' AND NOT v_withdrawn THEN
                    RETURN QUERY
                    WITH measured AS (
                        SELECT a.*, sum(100 + least(octet_length(a.body), 16384) + coalesce(octet_length(a.headers),
                            0)) OVER so_far AS up_to, row_number() OVER so_far AS place
                        FROM (
                            SELECT s.xid, s.id, s.enqueued_at, s.kind, s.version, s.headers, s.body FROM $schema$.segment_0 s
                            WHERE s.queue = v_queue AND s.priority = v_priority AND (s.xid, s.id) > (v_xid, v_id)
                                ORDER BY s.xid, s.id LIMIT v_room) a
                        WINDOW so_far AS (ROWS UNBOUNDED PRECEDING)),
                    taken AS MATERIALIZED (SELECT * FROM measured m WHERE m.up_to <= p_bytes OR m.place = 1),
                    noted AS (
                        INSERT INTO $schema$.claim_0 (segment, node, number, queue, priority, turn, claimed_at, xid, id, late,
                            late_after, lowest_xid, highest_xid, ids)
                        SELECT 0, p_node, p_number + v_out / 8, v_queue, v_priority, v_turn + 1, $schema$.now(), n.highest,
                            n.ids[cardinality(n.ids)],
                            v_late || r.late, v_late_after || array_fill(0::bigint, ARRAY[cardinality(r.late)]), n.lowest, n.highest, n.ids
                        FROM (SELECT min(t.xid) AS lowest, max(t.xid) AS highest, array_agg(t.id) AS ids FROM taken t) n CROSS
                            JOIN LATERAL (
                            SELECT coalesce(array_agg(x.xid ORDER BY x.xid), '{}') AS late FROM (SELECT x::text::bigint AS xid
                                FROM pg_snapshot_xip(pg_current_snapshot()) AS x) x
                            WHERE x.xid > v_xid AND x.xid < n.highest) r
                        WHERE n.ids IS NOT NULL)
                    SELECT v_out, t.id, t.enqueued_at, t.kind, t.version, t.headers, CASE WHEN octet_length(t.body) <= 16384 THEN t.body END
                    FROM taken t;
                ELSE
                    RETURN QUERY
                    WITH measured AS (
                        SELECT a.*, sum(100 + least(octet_length(a.body), 16384) + coalesce(octet_length(a.headers),
                            0)) OVER so_far AS up_to, row_number() OVER so_far AS place
                        FROM (
                            SELECT s.* FROM (SELECT * FROM unnest(v_ended, v_ended_after, v_ended) AS e (xid, after, up_to)
                                UNION ALL SELECT v_xid, v_id, 9223372036854775807) l CROSS JOIN LATERAL (
                                SELECT s.xid, s.id, s.enqueued_at, s.kind, s.version, s.headers, s.body FROM $schema$.segment_0 s
                                WHERE s.queue = v_queue AND s.priority = v_priority AND (s.xid, s.id) > (l.xid, l.after)
                                    AND s.xid <= l.up_to
                                    AND NOT (v_withdrawn AND EXISTS (SELECT FROM $schema$.withdrawn_0 w
                                        WHERE w.segment = 0 AND w.id = s.id))
                                ORDER BY s.xid, s.id LIMIT v_room) s
                            LIMIT v_room) a
                        WINDOW so_far AS (ROWS UNBOUNDED PRECEDING)),
                    taken AS MATERIALIZED (SELECT * FROM measured m WHERE m.up_to <= p_bytes OR m.place = 1),
                    noted AS (
                        INSERT INTO $schema$.claim_0 (segment, node, number, queue, priority, turn, claimed_at, xid, id, late,
                            late_after, lowest_xid, highest_xid, ids)
                        SELECT 0, p_node, p_number + v_out / 8, v_queue, v_priority, v_turn + 1, $schema$.now(),
                            greatest(n.highest, v_xid), CASE WHEN n.highest < v_xid THEN v_id
                                ELSE n.ids[cardinality(n.ids)] END, r.late, r.late_after, n.lowest, n.highest, n.ids
                        FROM (SELECT min(t.xid) AS lowest, max(t.xid) AS highest, array_agg(t.id) AS ids FROM taken t) n CROSS
                            JOIN LATERAL (
                            SELECT coalesce(array_agg(l.xid ORDER BY l.xid), '{}') AS late, coalesce(array_agg(l.after
                                ORDER BY l.xid), '{}') AS late_after
                            FROM (
                                SELECT * FROM unnest(v_late, v_late_after) AS l (xid, after)
                                -- One that ended late may be cut off in its middle, those after it were not come to.
                                UNION ALL SELECT e.xid, CASE WHEN e.xid = n.highest THEN n.ids[cardinality(n.ids)] ELSE e.after END
                                FROM unnest(v_ended, v_ended_after) AS e (xid, after) WHERE n.highest < v_xid AND e.xid >= n.highest
                                UNION ALL SELECT x.xid, 0 FROM (SELECT x::text::bigint AS xid
                                    FROM pg_snapshot_xip(pg_current_snapshot()) AS x) x WHERE x.xid > v_xid AND x.xid < n.highest) l) r
                        WHERE n.ids IS NOT NULL)
                    SELECT v_out, t.id, t.enqueued_at, t.kind, t.version, t.headers, CASE WHEN octet_length(t.body) <= 16384 THEN t.body END
                    FROM taken t;
                END IF;

                GET DIAGNOSTICS v_count = ROW_COUNT;
            WHEN 1 THEN
                SELECT coalesce(c.turn, 0), coalesce(c.xid, 0), coalesce(c.id, 0), coalesce(c.late, '{}'), coalesce(c.late_after, '{}'),
                    EXISTS (SELECT FROM $schema$.withdrawn_1)
                INTO v_turn, v_xid, v_id, v_late, v_late_after, v_withdrawn
                FROM (SELECT) one LEFT JOIN LATERAL (
                    SELECT c.turn, c.xid, c.id, c.late, c.late_after FROM $schema$.claim_1 c
                    WHERE c.segment = 1 AND c.queue = v_queue AND c.priority = v_priority ORDER BY c.turn DESC LIMIT 1) c ON true;
                v_ended := '{}';
                v_ended_after := '{}';
                IF v_late <> '{}' THEN
                    -- Who still runs is waited for on. What the others have brought comes first.
                    v_running := ARRAY(SELECT x::text::bigint FROM pg_snapshot_xip(pg_current_snapshot()) AS x);
                    IF NOT v_late <@ v_running THEN
                        SELECT coalesce(array_agg(l.xid) FILTER (WHERE l.runs), '{}'), coalesce(array_agg(l.after) FILTER (WHERE l.runs),
                            '{}'),
                            coalesce(array_agg(l.xid) FILTER (WHERE NOT l.runs), '{}'),
                                coalesce(array_agg(l.after) FILTER (WHERE NOT l.runs), '{}')
                        INTO v_late, v_late_after, v_ended, v_ended_after
                        FROM (SELECT l.xid, l.after, l.xid = ANY (v_running) AS runs FROM unnest(v_late, v_late_after) AS l (xid, after)) l;
                    END IF;
                END IF;

                -- In one statement, so of one snapshot: the messages, and which transactions were running that may yet bring more of them.
                -- An answer that fits the connection's buffers: a claimant that stops reading must not keep the queue's lock. Large bodies
                -- are asked for later. They come in order (first of those that ended late) and are not sorted again, which would cost as
                -- much as finding them. Twice, because one range is read faster than several.
                IF v_ended = '{}' AND NOT v_withdrawn THEN
                    RETURN QUERY
                    WITH measured AS (
                        SELECT a.*, sum(100 + least(octet_length(a.body), 16384) + coalesce(octet_length(a.headers),
                            0)) OVER so_far AS up_to, row_number() OVER so_far AS place
                        FROM (
                            SELECT s.xid, s.id, s.enqueued_at, s.kind, s.version, s.headers, s.body FROM $schema$.segment_1 s
                            WHERE s.queue = v_queue AND s.priority = v_priority AND (s.xid, s.id) > (v_xid, v_id)
                                ORDER BY s.xid, s.id LIMIT v_room) a
                        WINDOW so_far AS (ROWS UNBOUNDED PRECEDING)),
                    taken AS MATERIALIZED (SELECT * FROM measured m WHERE m.up_to <= p_bytes OR m.place = 1),
                    noted AS (
                        INSERT INTO $schema$.claim_1 (segment, node, number, queue, priority, turn, claimed_at, xid, id, late,
                            late_after, lowest_xid, highest_xid, ids)
                        SELECT 1, p_node, p_number + v_out / 8, v_queue, v_priority, v_turn + 1, $schema$.now(), n.highest,
                            n.ids[cardinality(n.ids)],
                            v_late || r.late, v_late_after || array_fill(0::bigint, ARRAY[cardinality(r.late)]), n.lowest, n.highest, n.ids
                        FROM (SELECT min(t.xid) AS lowest, max(t.xid) AS highest, array_agg(t.id) AS ids FROM taken t) n CROSS
                            JOIN LATERAL (
                            SELECT coalesce(array_agg(x.xid ORDER BY x.xid), '{}') AS late FROM (SELECT x::text::bigint AS xid
                                FROM pg_snapshot_xip(pg_current_snapshot()) AS x) x
                            WHERE x.xid > v_xid AND x.xid < n.highest) r
                        WHERE n.ids IS NOT NULL)
                    SELECT v_out, t.id, t.enqueued_at, t.kind, t.version, t.headers, CASE WHEN octet_length(t.body) <= 16384 THEN t.body END
                    FROM taken t;
                ELSE
                    RETURN QUERY
                    WITH measured AS (
                        SELECT a.*, sum(100 + least(octet_length(a.body), 16384) + coalesce(octet_length(a.headers),
                            0)) OVER so_far AS up_to, row_number() OVER so_far AS place
                        FROM (
                            SELECT s.* FROM (SELECT * FROM unnest(v_ended, v_ended_after, v_ended) AS e (xid, after, up_to)
                                UNION ALL SELECT v_xid, v_id, 9223372036854775807) l CROSS JOIN LATERAL (
                                SELECT s.xid, s.id, s.enqueued_at, s.kind, s.version, s.headers, s.body FROM $schema$.segment_1 s
                                WHERE s.queue = v_queue AND s.priority = v_priority AND (s.xid, s.id) > (l.xid, l.after)
                                    AND s.xid <= l.up_to
                                    AND NOT (v_withdrawn AND EXISTS (SELECT FROM $schema$.withdrawn_1 w
                                        WHERE w.segment = 1 AND w.id = s.id))
                                ORDER BY s.xid, s.id LIMIT v_room) s
                            LIMIT v_room) a
                        WINDOW so_far AS (ROWS UNBOUNDED PRECEDING)),
                    taken AS MATERIALIZED (SELECT * FROM measured m WHERE m.up_to <= p_bytes OR m.place = 1),
                    noted AS (
                        INSERT INTO $schema$.claim_1 (segment, node, number, queue, priority, turn, claimed_at, xid, id, late,
                            late_after, lowest_xid, highest_xid, ids)
                        SELECT 1, p_node, p_number + v_out / 8, v_queue, v_priority, v_turn + 1, $schema$.now(),
                            greatest(n.highest, v_xid), CASE WHEN n.highest < v_xid THEN v_id
                                ELSE n.ids[cardinality(n.ids)] END, r.late, r.late_after, n.lowest, n.highest, n.ids
                        FROM (SELECT min(t.xid) AS lowest, max(t.xid) AS highest, array_agg(t.id) AS ids FROM taken t) n CROSS
                            JOIN LATERAL (
                            SELECT coalesce(array_agg(l.xid ORDER BY l.xid), '{}') AS late, coalesce(array_agg(l.after
                                ORDER BY l.xid), '{}') AS late_after
                            FROM (
                                SELECT * FROM unnest(v_late, v_late_after) AS l (xid, after)
                                -- One that ended late may be cut off in its middle, those after it were not come to.
                                UNION ALL SELECT e.xid, CASE WHEN e.xid = n.highest THEN n.ids[cardinality(n.ids)] ELSE e.after END
                                FROM unnest(v_ended, v_ended_after) AS e (xid, after) WHERE n.highest < v_xid AND e.xid >= n.highest
                                UNION ALL SELECT x.xid, 0 FROM (SELECT x::text::bigint AS xid
                                    FROM pg_snapshot_xip(pg_current_snapshot()) AS x) x WHERE x.xid > v_xid AND x.xid < n.highest) l) r
                        WHERE n.ids IS NOT NULL)
                    SELECT v_out, t.id, t.enqueued_at, t.kind, t.version, t.headers, CASE WHEN octet_length(t.body) <= 16384 THEN t.body END
                    FROM taken t;
                END IF;

                GET DIAGNOSTICS v_count = ROW_COUNT;
            WHEN 2 THEN
                SELECT coalesce(c.turn, 0), coalesce(c.xid, 0), coalesce(c.id, 0), coalesce(c.late, '{}'), coalesce(c.late_after, '{}'),
                    EXISTS (SELECT FROM $schema$.withdrawn_2)
                INTO v_turn, v_xid, v_id, v_late, v_late_after, v_withdrawn
                FROM (SELECT) one LEFT JOIN LATERAL (
                    SELECT c.turn, c.xid, c.id, c.late, c.late_after FROM $schema$.claim_2 c
                    WHERE c.segment = 2 AND c.queue = v_queue AND c.priority = v_priority ORDER BY c.turn DESC LIMIT 1) c ON true;
                v_ended := '{}';
                v_ended_after := '{}';
                IF v_late <> '{}' THEN
                    -- Who still runs is waited for on. What the others have brought comes first.
                    v_running := ARRAY(SELECT x::text::bigint FROM pg_snapshot_xip(pg_current_snapshot()) AS x);
                    IF NOT v_late <@ v_running THEN
                        SELECT coalesce(array_agg(l.xid) FILTER (WHERE l.runs), '{}'), coalesce(array_agg(l.after) FILTER (WHERE l.runs),
                            '{}'),
                            coalesce(array_agg(l.xid) FILTER (WHERE NOT l.runs), '{}'),
                                coalesce(array_agg(l.after) FILTER (WHERE NOT l.runs), '{}')
                        INTO v_late, v_late_after, v_ended, v_ended_after
                        FROM (SELECT l.xid, l.after, l.xid = ANY (v_running) AS runs FROM unnest(v_late, v_late_after) AS l (xid, after)) l;
                    END IF;
                END IF;

                -- In one statement, so of one snapshot: the messages, and which transactions were running that may yet bring more of them.
                -- An answer that fits the connection's buffers: a claimant that stops reading must not keep the queue's lock. Large bodies
                -- are asked for later. They come in order (first of those that ended late) and are not sorted again, which would cost as
                -- much as finding them. Twice, because one range is read faster than several.
                IF v_ended = '{}' AND NOT v_withdrawn THEN
                    RETURN QUERY
                    WITH measured AS (
                        SELECT a.*, sum(100 + least(octet_length(a.body), 16384) + coalesce(octet_length(a.headers),
                            0)) OVER so_far AS up_to, row_number() OVER so_far AS place
                        FROM (
                            SELECT s.xid, s.id, s.enqueued_at, s.kind, s.version, s.headers, s.body FROM $schema$.segment_2 s
                            WHERE s.queue = v_queue AND s.priority = v_priority AND (s.xid, s.id) > (v_xid, v_id)
                                ORDER BY s.xid, s.id LIMIT v_room) a
                        WINDOW so_far AS (ROWS UNBOUNDED PRECEDING)),
                    taken AS MATERIALIZED (SELECT * FROM measured m WHERE m.up_to <= p_bytes OR m.place = 1),
                    noted AS (
                        INSERT INTO $schema$.claim_2 (segment, node, number, queue, priority, turn, claimed_at, xid, id, late,
                            late_after, lowest_xid, highest_xid, ids)
                        SELECT 2, p_node, p_number + v_out / 8, v_queue, v_priority, v_turn + 1, $schema$.now(), n.highest,
                            n.ids[cardinality(n.ids)],
                            v_late || r.late, v_late_after || array_fill(0::bigint, ARRAY[cardinality(r.late)]), n.lowest, n.highest, n.ids
                        FROM (SELECT min(t.xid) AS lowest, max(t.xid) AS highest, array_agg(t.id) AS ids FROM taken t) n CROSS
                            JOIN LATERAL (
                            SELECT coalesce(array_agg(x.xid ORDER BY x.xid), '{}') AS late FROM (SELECT x::text::bigint AS xid
                                FROM pg_snapshot_xip(pg_current_snapshot()) AS x) x
                            WHERE x.xid > v_xid AND x.xid < n.highest) r
                        WHERE n.ids IS NOT NULL)
                    SELECT v_out, t.id, t.enqueued_at, t.kind, t.version, t.headers, CASE WHEN octet_length(t.body) <= 16384 THEN t.body END
                    FROM taken t;
                ELSE
                    RETURN QUERY
                    WITH measured AS (
                        SELECT a.*, sum(100 + least(octet_length(a.body), 16384) + coalesce(octet_length(a.headers),
                            0)) OVER so_far AS up_to, row_number() OVER so_far AS place
                        FROM (
                            SELECT s.* FROM (SELECT * FROM unnest(v_ended, v_ended_after, v_ended) AS e (xid, after, up_to)
                                UNION ALL SELECT v_xid, v_id, 9223372036854775807) l CROSS JOIN LATERAL (
                                SELECT s.xid, s.id, s.enqueued_at, s.kind, s.version, s.headers, s.body FROM $schema$.segment_2 s
                                WHERE s.queue = v_queue AND s.priority = v_priority AND (s.xid, s.id) > (l.xid, l.after)
                                    AND s.xid <= l.up_to
                                    AND NOT (v_withdrawn AND EXISTS (SELECT FROM $schema$.withdrawn_2 w
                                        WHERE w.segment = 2 AND w.id = s.id))
                                ORDER BY s.xid, s.id LIMIT v_room) s
                            LIMIT v_room) a
                        WINDOW so_far AS (ROWS UNBOUNDED PRECEDING)),
                    taken AS MATERIALIZED (SELECT * FROM measured m WHERE m.up_to <= p_bytes OR m.place = 1),
                    noted AS (
                        INSERT INTO $schema$.claim_2 (segment, node, number, queue, priority, turn, claimed_at, xid, id, late,
                            late_after, lowest_xid, highest_xid, ids)
                        SELECT 2, p_node, p_number + v_out / 8, v_queue, v_priority, v_turn + 1, $schema$.now(),
                            greatest(n.highest, v_xid), CASE WHEN n.highest < v_xid THEN v_id
                                ELSE n.ids[cardinality(n.ids)] END, r.late, r.late_after, n.lowest, n.highest, n.ids
                        FROM (SELECT min(t.xid) AS lowest, max(t.xid) AS highest, array_agg(t.id) AS ids FROM taken t) n CROSS
                            JOIN LATERAL (
                            SELECT coalesce(array_agg(l.xid ORDER BY l.xid), '{}') AS late, coalesce(array_agg(l.after
                                ORDER BY l.xid), '{}') AS late_after
                            FROM (
                                SELECT * FROM unnest(v_late, v_late_after) AS l (xid, after)
                                -- One that ended late may be cut off in its middle, those after it were not come to.
                                UNION ALL SELECT e.xid, CASE WHEN e.xid = n.highest THEN n.ids[cardinality(n.ids)] ELSE e.after END
                                FROM unnest(v_ended, v_ended_after) AS e (xid, after) WHERE n.highest < v_xid AND e.xid >= n.highest
                                UNION ALL SELECT x.xid, 0 FROM (SELECT x::text::bigint AS xid
                                    FROM pg_snapshot_xip(pg_current_snapshot()) AS x) x WHERE x.xid > v_xid AND x.xid < n.highest) l) r
                        WHERE n.ids IS NOT NULL)
                    SELECT v_out, t.id, t.enqueued_at, t.kind, t.version, t.headers, CASE WHEN octet_length(t.body) <= 16384 THEN t.body END
                    FROM taken t;
                END IF;

                GET DIAGNOSTICS v_count = ROW_COUNT;
            WHEN 3 THEN
                SELECT coalesce(c.turn, 0), coalesce(c.xid, 0), coalesce(c.id, 0), coalesce(c.late, '{}'), coalesce(c.late_after, '{}'),
                    EXISTS (SELECT FROM $schema$.withdrawn_3)
                INTO v_turn, v_xid, v_id, v_late, v_late_after, v_withdrawn
                FROM (SELECT) one LEFT JOIN LATERAL (
                    SELECT c.turn, c.xid, c.id, c.late, c.late_after FROM $schema$.claim_3 c
                    WHERE c.segment = 3 AND c.queue = v_queue AND c.priority = v_priority ORDER BY c.turn DESC LIMIT 1) c ON true;
                v_ended := '{}';
                v_ended_after := '{}';
                IF v_late <> '{}' THEN
                    -- Who still runs is waited for on. What the others have brought comes first.
                    v_running := ARRAY(SELECT x::text::bigint FROM pg_snapshot_xip(pg_current_snapshot()) AS x);
                    IF NOT v_late <@ v_running THEN
                        SELECT coalesce(array_agg(l.xid) FILTER (WHERE l.runs), '{}'), coalesce(array_agg(l.after) FILTER (WHERE l.runs),
                            '{}'),
                            coalesce(array_agg(l.xid) FILTER (WHERE NOT l.runs), '{}'),
                                coalesce(array_agg(l.after) FILTER (WHERE NOT l.runs), '{}')
                        INTO v_late, v_late_after, v_ended, v_ended_after
                        FROM (SELECT l.xid, l.after, l.xid = ANY (v_running) AS runs FROM unnest(v_late, v_late_after) AS l (xid, after)) l;
                    END IF;
                END IF;

                -- In one statement, so of one snapshot: the messages, and which transactions were running that may yet bring more of them.
                -- An answer that fits the connection's buffers: a claimant that stops reading must not keep the queue's lock. Large bodies
                -- are asked for later. They come in order (first of those that ended late) and are not sorted again, which would cost as
                -- much as finding them. Twice, because one range is read faster than several.
                IF v_ended = '{}' AND NOT v_withdrawn THEN
                    RETURN QUERY
                    WITH measured AS (
                        SELECT a.*, sum(100 + least(octet_length(a.body), 16384) + coalesce(octet_length(a.headers),
                            0)) OVER so_far AS up_to, row_number() OVER so_far AS place
                        FROM (
                            SELECT s.xid, s.id, s.enqueued_at, s.kind, s.version, s.headers, s.body FROM $schema$.segment_3 s
                            WHERE s.queue = v_queue AND s.priority = v_priority AND (s.xid, s.id) > (v_xid, v_id)
                                ORDER BY s.xid, s.id LIMIT v_room) a
                        WINDOW so_far AS (ROWS UNBOUNDED PRECEDING)),
                    taken AS MATERIALIZED (SELECT * FROM measured m WHERE m.up_to <= p_bytes OR m.place = 1),
                    noted AS (
                        INSERT INTO $schema$.claim_3 (segment, node, number, queue, priority, turn, claimed_at, xid, id, late,
                            late_after, lowest_xid, highest_xid, ids)
                        SELECT 3, p_node, p_number + v_out / 8, v_queue, v_priority, v_turn + 1, $schema$.now(), n.highest,
                            n.ids[cardinality(n.ids)],
                            v_late || r.late, v_late_after || array_fill(0::bigint, ARRAY[cardinality(r.late)]), n.lowest, n.highest, n.ids
                        FROM (SELECT min(t.xid) AS lowest, max(t.xid) AS highest, array_agg(t.id) AS ids FROM taken t) n CROSS
                            JOIN LATERAL (
                            SELECT coalesce(array_agg(x.xid ORDER BY x.xid), '{}') AS late FROM (SELECT x::text::bigint AS xid
                                FROM pg_snapshot_xip(pg_current_snapshot()) AS x) x
                            WHERE x.xid > v_xid AND x.xid < n.highest) r
                        WHERE n.ids IS NOT NULL)
                    SELECT v_out, t.id, t.enqueued_at, t.kind, t.version, t.headers, CASE WHEN octet_length(t.body) <= 16384 THEN t.body END
                    FROM taken t;
                ELSE
                    RETURN QUERY
                    WITH measured AS (
                        SELECT a.*, sum(100 + least(octet_length(a.body), 16384) + coalesce(octet_length(a.headers),
                            0)) OVER so_far AS up_to, row_number() OVER so_far AS place
                        FROM (
                            SELECT s.* FROM (SELECT * FROM unnest(v_ended, v_ended_after, v_ended) AS e (xid, after, up_to)
                                UNION ALL SELECT v_xid, v_id, 9223372036854775807) l CROSS JOIN LATERAL (
                                SELECT s.xid, s.id, s.enqueued_at, s.kind, s.version, s.headers, s.body FROM $schema$.segment_3 s
                                WHERE s.queue = v_queue AND s.priority = v_priority AND (s.xid, s.id) > (l.xid, l.after)
                                    AND s.xid <= l.up_to
                                    AND NOT (v_withdrawn AND EXISTS (SELECT FROM $schema$.withdrawn_3 w
                                        WHERE w.segment = 3 AND w.id = s.id))
                                ORDER BY s.xid, s.id LIMIT v_room) s
                            LIMIT v_room) a
                        WINDOW so_far AS (ROWS UNBOUNDED PRECEDING)),
                    taken AS MATERIALIZED (SELECT * FROM measured m WHERE m.up_to <= p_bytes OR m.place = 1),
                    noted AS (
                        INSERT INTO $schema$.claim_3 (segment, node, number, queue, priority, turn, claimed_at, xid, id, late,
                            late_after, lowest_xid, highest_xid, ids)
                        SELECT 3, p_node, p_number + v_out / 8, v_queue, v_priority, v_turn + 1, $schema$.now(),
                            greatest(n.highest, v_xid), CASE WHEN n.highest < v_xid THEN v_id
                                ELSE n.ids[cardinality(n.ids)] END, r.late, r.late_after, n.lowest, n.highest, n.ids
                        FROM (SELECT min(t.xid) AS lowest, max(t.xid) AS highest, array_agg(t.id) AS ids FROM taken t) n CROSS
                            JOIN LATERAL (
                            SELECT coalesce(array_agg(l.xid ORDER BY l.xid), '{}') AS late, coalesce(array_agg(l.after
                                ORDER BY l.xid), '{}') AS late_after
                            FROM (
                                SELECT * FROM unnest(v_late, v_late_after) AS l (xid, after)
                                -- One that ended late may be cut off in its middle, those after it were not come to.
                                UNION ALL SELECT e.xid, CASE WHEN e.xid = n.highest THEN n.ids[cardinality(n.ids)] ELSE e.after END
                                FROM unnest(v_ended, v_ended_after) AS e (xid, after) WHERE n.highest < v_xid AND e.xid >= n.highest
                                UNION ALL SELECT x.xid, 0 FROM (SELECT x::text::bigint AS xid
                                    FROM pg_snapshot_xip(pg_current_snapshot()) AS x) x WHERE x.xid > v_xid AND x.xid < n.highest) l) r
                        WHERE n.ids IS NOT NULL)
                    SELECT v_out, t.id, t.enqueued_at, t.kind, t.version, t.headers, CASE WHEN octet_length(t.body) <= 16384 THEN t.body END
                    FROM taken t;
                END IF;

                GET DIAGNOSTICS v_count = ROW_COUNT;
        END CASE;
        v_room := v_room - v_count;
        -- What lay ahead was withdrawn, or somebody else has it by now. A younger segment, which was not looked at because this one came
        -- first, may have more.
        IF v_count = 0 AND v_lane % 4 < 3 AND v_lanes[1] IS DISTINCT FROM v_lane + 1 THEN
            v_lanes := v_lane + 1 || v_lanes;
        END IF;
    END LOOP;
END
$$;

CREATE FUNCTION $schema$.now() RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$SELECT statement_timestamp()$$;

CREATE FUNCTION $schema$.rotate_segments(p_bytes bigint) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '20ms'
    SET jit TO 'off'
    AS $_$
DECLARE
    v_newest int;
    v_next smallint;
    v_size bigint;
    v_rows bigint;
    v_left bigint;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('$schema$', 13)) THEN
        RETURN 0;
    END IF;

    SELECT last_value INTO v_newest FROM $schema$.segment_newest;
    v_next := (v_newest + 1) % 4;
    v_size := pg_table_size(format('$schema$.segment_%s', v_newest)::regclass);
    IF v_size < p_bytes THEN
        RETURN 0;
    END IF;

    IF EXISTS (SELECT FROM $schema$.segment s WHERE s.segment = v_next) THEN
        SELECT count(*) INTO v_rows FROM $schema$.segment s WHERE s.segment = v_next;
        v_left := v_rows - $schema$.segment_done(v_next);
        IF v_left > 0 THEN
            -- What moves will be done soon. What does not (a paused queue, a handler that runs for hours) would hold up
            -- the others.
            IF NOT EXISTS (SELECT FROM $schema$.claim c WHERE c.segment = v_next AND c.claimed_at > $schema$.now() - interval '10 s')
                AND (v_left * 2 <= v_rows OR v_size >= 8 * p_bytes) THEN
                PERFORM $schema$.take_out_leftovers(v_next, 5000);
            END IF;

            RETURN 0;
        END IF;

        BEGIN
            -- In the order in which claims and settlements come to them.
            EXECUTE format(
                'LOCK TABLE ONLY $schema$.claim_%1$s, ONLY $schema$.segment_%1$s, ONLY $schema$.receipt_%1$s, ONLY $schema$.withdrawn_%1$s '
                'IN ACCESS EXCLUSIVE MODE', v_next);
            SELECT count(*) INTO v_rows FROM $schema$.segment s WHERE s.segment = v_next;
            IF v_rows <> $schema$.segment_done(v_next) THEN
                RETURN 0;
            END IF;

            EXECUTE format(
                'TRUNCATE ONLY $schema$.claim_%1$s, ONLY $schema$.segment_%1$s, ONLY $schema$.receipt_%1$s, ONLY $schema$.withdrawn_%1$s',
                v_next);
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            RETURN 2;
        END;
    END IF;

    PERFORM setval('$schema$.segment_newest', v_next);
    PERFORM brin_summarize_new_values(format('$schema$.segment_%s_id_idx', v_newest)::regclass);
    RETURN 1;
END
$_$;

CREATE FUNCTION $schema$.segment_counts() RETURNS TABLE(queue text, ready bigint, running bigint, oldest timestamp with time zone)
    LANGUAGE sql STABLE
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    SET enable_incremental_sort TO 'off'
    AS $$
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
$$;

CREATE FUNCTION $schema$.segment_done(p_segment smallint) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((SELECT sum(CASE WHEN r.id < 0 THEN cardinality(r.ids) ELSE 1 END) FROM $schema$.receipt r
        WHERE r.segment = p_segment), 0)::bigint
        + (SELECT count(*) FROM $schema$.withdrawn w WHERE w.segment = p_segment)
$$;

CREATE FUNCTION $schema$.settle_segment(p_segment smallint, p_node bigint, p_number bigint, p_ids bigint[], p_each boolean) RETURNS bigint[]
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_ids bigint[];
BEGIN
    PERFORM pg_advisory_xact_lock(hashint8extended(p_number, p_node));
    v_ids := $schema$.unsettled(p_segment, p_node, p_number, p_ids);
    IF p_each THEN
        INSERT INTO $schema$.receipt (segment, node, number, id) SELECT p_segment, p_node, p_number, unnest(v_ids);
    ELSIF cardinality(v_ids) > 0 THEN
        INSERT INTO $schema$.receipt (segment, node, number, id, ids) VALUES (p_segment, p_node, p_number, -v_ids[1], v_ids);
    END IF;

    RETURN v_ids;
END
$$;

CREATE FUNCTION $schema$.settle_segment_one_0(p_node bigint, p_number bigint, p_id bigint) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashint8extended(p_number, p_node));
    INSERT INTO $schema$.receipt_0 (segment, node, number, id)
    SELECT 0, p_node, p_number, p_id FROM $schema$.claim_0 c
    WHERE c.segment = 0 AND c.node = p_node AND c.number = p_number AND p_id = ANY (c.ids)
        AND NOT EXISTS (
            SELECT FROM $schema$.receipt_0 r
            WHERE r.segment = 0 AND r.node = p_node AND r.number = p_number AND r.id < 0 AND p_id = ANY (r.ids))
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$$;

CREATE FUNCTION $schema$.settle_segment_one_1(p_node bigint, p_number bigint, p_id bigint) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashint8extended(p_number, p_node));
    INSERT INTO $schema$.receipt_1 (segment, node, number, id)
    SELECT 1, p_node, p_number, p_id FROM $schema$.claim_1 c
    WHERE c.segment = 1 AND c.node = p_node AND c.number = p_number AND p_id = ANY (c.ids)
        AND NOT EXISTS (
            SELECT FROM $schema$.receipt_1 r
            WHERE r.segment = 1 AND r.node = p_node AND r.number = p_number AND r.id < 0 AND p_id = ANY (r.ids))
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$$;

CREATE FUNCTION $schema$.settle_segment_one_2(p_node bigint, p_number bigint, p_id bigint) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashint8extended(p_number, p_node));
    INSERT INTO $schema$.receipt_2 (segment, node, number, id)
    SELECT 2, p_node, p_number, p_id FROM $schema$.claim_2 c
    WHERE c.segment = 2 AND c.node = p_node AND c.number = p_number AND p_id = ANY (c.ids)
        AND NOT EXISTS (
            SELECT FROM $schema$.receipt_2 r
            WHERE r.segment = 2 AND r.node = p_node AND r.number = p_number AND r.id < 0 AND p_id = ANY (r.ids))
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$$;

CREATE FUNCTION $schema$.settle_segment_one_3(p_node bigint, p_number bigint, p_id bigint) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashint8extended(p_number, p_node));
    INSERT INTO $schema$.receipt_3 (segment, node, number, id)
    SELECT 3, p_node, p_number, p_id FROM $schema$.claim_3 c
    WHERE c.segment = 3 AND c.node = p_node AND c.number = p_number AND p_id = ANY (c.ids)
        AND NOT EXISTS (
            SELECT FROM $schema$.receipt_3 r
            WHERE r.segment = 3 AND r.node = p_node AND r.number = p_number AND r.id < 0 AND p_id = ANY (r.ids))
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$$;

CREATE FUNCTION $schema$.take_out(p_segment smallint, p_node bigint, p_number bigint, p_ids bigint[]) RETURNS integer
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_ids bigint[];
BEGIN
    PERFORM pg_advisory_xact_lock(hashint8extended(p_number, p_node));
    v_ids := $schema$.unsettled(p_segment, p_node, p_number, p_ids);
    IF cardinality(v_ids) = 0 THEN
        RETURN 0;
    END IF;

    INSERT INTO $schema$.message (id, state, priority, version, claim, node, enqueued_at, due_at, claimed_at, tracked, queue, kind,
        headers, body)
    SELECT s.id, 4, s.priority, s.version, 1, p_node, s.enqueued_at, s.enqueued_at, c.claimed_at, false, s.queue, s.kind, s.headers, s.body
    FROM $schema$.claim c JOIN $schema$.segment s ON s.segment = p_segment AND s.queue = c.queue AND s.priority = c.priority
        AND s.xid BETWEEN c.lowest_xid AND c.highest_xid
    WHERE c.segment = p_segment AND c.node = p_node AND c.number = p_number AND s.id = ANY (v_ids);
    -- Each by itself: a transaction that waits to end one with its effect does not look again, and meets the key.
    INSERT INTO $schema$.receipt (segment, node, number, id) SELECT p_segment, p_node, p_number, unnest(v_ids);
    RETURN cardinality(v_ids);
END
$$;

CREATE FUNCTION $schema$.take_out_leftovers(p_segment smallint, p_limit integer) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_claim record;
BEGIN
    FOR v_claim IN SELECT DISTINCT o.node, o.number FROM $schema$.segment_open o
        WHERE o.segment = p_segment AND o.state = 4 LIMIT p_limit
    LOOP
        IF pg_try_advisory_xact_lock(hashint8extended(v_claim.number, v_claim.node)) THEN
            PERFORM $schema$.take_out(p_segment, v_claim.node, v_claim.number, NULL);
        END IF;
    END LOOP;

    PERFORM pg_advisory_xact_lock(key) FROM (SELECT DISTINCT hashtextextended('$schema$' || s.queue, 11) AS key FROM $schema$.segment s
        WHERE s.segment = p_segment ORDER BY 1) AS lanes;
    WITH ready AS (SELECT * FROM $schema$.segment_open o WHERE o.segment = p_segment AND o.state = 1 LIMIT p_limit),
    noted AS (INSERT INTO $schema$.withdrawn (segment, id) SELECT p_segment, r.id FROM ready r)
    INSERT INTO $schema$.message (id, state, priority, version, enqueued_at, due_at, tracked, queue, kind, headers, body)
    SELECT r.id, 1, r.priority, r.version, r.enqueued_at, r.enqueued_at, false, r.queue, r.kind, r.headers, r.body FROM ready r;
END
$$;

CREATE FUNCTION $schema$.take_out_node(p_node bigint, p_limit integer) RETURNS integer
    LANGUAGE plpgsql
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    SET enable_incremental_sort TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
    v_claim record;
    v_any boolean := false;
    v_count int := 0;
BEGIN
    FOR v_claim IN
        SELECT c.segment, c.node, c.number FROM $schema$.node n CROSS JOIN generate_series(0, 3) AS g (segment)
            JOIN $schema$.claim c ON c.segment = g.segment AND c.node = n.id
        WHERE (n.id = p_node OR p_node IS NULL AND n.dead_at IS NOT NULL AND NOT n.emptied) AND cardinality(c.ids) > (
            SELECT coalesce(sum(CASE WHEN r.id < 0 THEN cardinality(r.ids) ELSE 1 END), 0) FROM $schema$.receipt r
                WHERE r.segment = c.segment AND r.node = c.node AND r.number = c.number)
    LOOP
        v_any := true;
        IF pg_try_advisory_xact_lock(hashint8extended(v_claim.number, v_claim.node)) THEN
            v_count := v_count + $schema$.take_out(v_claim.segment, v_claim.node, v_claim.number, NULL);
        END IF;

        EXIT WHEN v_count >= p_limit;
    END LOOP;

    -- A claim that was on its way when its node was presumed dead has arrived a minute later.
    IF p_node IS NULL AND NOT v_any THEN
        UPDATE $schema$.node n SET emptied = true
        WHERE n.dead_at < $schema$.now() - interval '1 minute' AND NOT n.emptied AND NOT EXISTS (SELECT FROM $schema$.message m
            WHERE m.state = 4 AND m.node = n.id);
    END IF;

    RETURN v_count;
END
$$;

CREATE FUNCTION $schema$.take_out_one(p_id bigint) RETURNS integer
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_open record;
BEGIN
    SELECT o.segment, o.queue, o.node, o.number INTO v_open FROM $schema$.segment_open o WHERE o.id = p_id;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;

    IF v_open.node IS NOT NULL THEN
        RETURN $schema$.take_out(v_open.segment, v_open.node, v_open.number, ARRAY[p_id]);
    END IF;

    PERFORM pg_advisory_xact_lock(hashtextextended('$schema$' || v_open.queue, 11));
    INSERT INTO $schema$.message (id, state, priority, version, enqueued_at, due_at, tracked, queue, kind, headers, body)
    SELECT o.id, 1, o.priority, o.version, o.enqueued_at, o.enqueued_at, false, o.queue, o.kind, o.headers, o.body
        FROM $schema$.segment_open o WHERE o.id = p_id AND o.state = 1;
    IF NOT FOUND THEN
        RETURN 2;
    END IF;

    INSERT INTO $schema$.withdrawn (segment, id) VALUES (v_open.segment, p_id);
    RETURN 1;
END
$$;

CREATE FUNCTION $schema$.unsettled(p_segment smallint, p_node bigint, p_number bigint, p_ids bigint[]) RETURNS bigint[]
    LANGUAGE plpgsql STABLE
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    SET enable_incremental_sort TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
    v_ids bigint[];
BEGIN
    SELECT c.ids INTO v_ids FROM $schema$.claim c WHERE c.segment = p_segment AND c.node = p_node AND c.number = p_number;
    IF v_ids IS NULL THEN
        RETURN '{}';
    END IF;

    IF NOT EXISTS (SELECT FROM $schema$.receipt r WHERE r.segment = p_segment AND r.node = p_node AND r.number = p_number)
        AND (p_ids IS NULL OR p_ids = v_ids) THEN
        RETURN v_ids;
    END IF;

    RETURN ARRAY(
        SELECT unnest(coalesce(p_ids, v_ids)) INTERSECT SELECT unnest(v_ids)
        EXCEPT (
            SELECT r.id FROM $schema$.receipt r WHERE r.segment = p_segment AND r.node = p_node AND r.number = p_number AND r.id > 0
            UNION ALL SELECT unnest(r.ids) FROM $schema$.receipt r
                WHERE r.segment = p_segment AND r.node = p_node AND r.number = p_number AND r.id < 0)
        ORDER BY 1);
END
$$;

CREATE TABLE $schema$.api_key (
    prefix text NOT NULL,
    digest bytea NOT NULL,
    principal text NOT NULL,
    scopes text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    used_at timestamp with time zone,
    expired boolean DEFAULT false NOT NULL
);

CREATE TABLE $schema$.attempt (
    message_id bigint NOT NULL,
    number integer NOT NULL,
    claim bigint NOT NULL,
    outcome text NOT NULL,
    error text,
    node text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone NOT NULL
);

CREATE TABLE $schema$.claim (
    segment smallint NOT NULL,
    node bigint NOT NULL,
    number bigint NOT NULL,
    queue text NOT NULL COLLATE pg_catalog."C",
    priority smallint NOT NULL,
    turn bigint NOT NULL,
    claimed_at timestamp with time zone NOT NULL,
    xid bigint NOT NULL,
    id bigint NOT NULL,
    late bigint[] NOT NULL,
    late_after bigint[] NOT NULL,
    lowest_xid bigint NOT NULL,
    highest_xid bigint NOT NULL,
    ids bigint[] NOT NULL
)
PARTITION BY LIST (segment);

CREATE TABLE $schema$.claim_0 (
    segment smallint NOT NULL,
    node bigint NOT NULL,
    number bigint NOT NULL,
    queue text NOT NULL COLLATE pg_catalog."C",
    priority smallint NOT NULL,
    turn bigint NOT NULL,
    claimed_at timestamp with time zone NOT NULL,
    xid bigint NOT NULL,
    id bigint NOT NULL,
    late bigint[] NOT NULL,
    late_after bigint[] NOT NULL,
    lowest_xid bigint NOT NULL,
    highest_xid bigint NOT NULL,
    ids bigint[] NOT NULL
)
WITH (autovacuum_enabled='false', toast_tuple_target='8160', toast.autovacuum_enabled='false');

CREATE TABLE $schema$.claim_1 (
    segment smallint NOT NULL,
    node bigint NOT NULL,
    number bigint NOT NULL,
    queue text NOT NULL COLLATE pg_catalog."C",
    priority smallint NOT NULL,
    turn bigint NOT NULL,
    claimed_at timestamp with time zone NOT NULL,
    xid bigint NOT NULL,
    id bigint NOT NULL,
    late bigint[] NOT NULL,
    late_after bigint[] NOT NULL,
    lowest_xid bigint NOT NULL,
    highest_xid bigint NOT NULL,
    ids bigint[] NOT NULL
)
WITH (autovacuum_enabled='false', toast_tuple_target='8160', toast.autovacuum_enabled='false');

CREATE TABLE $schema$.claim_2 (
    segment smallint NOT NULL,
    node bigint NOT NULL,
    number bigint NOT NULL,
    queue text NOT NULL COLLATE pg_catalog."C",
    priority smallint NOT NULL,
    turn bigint NOT NULL,
    claimed_at timestamp with time zone NOT NULL,
    xid bigint NOT NULL,
    id bigint NOT NULL,
    late bigint[] NOT NULL,
    late_after bigint[] NOT NULL,
    lowest_xid bigint NOT NULL,
    highest_xid bigint NOT NULL,
    ids bigint[] NOT NULL
)
WITH (autovacuum_enabled='false', toast_tuple_target='8160', toast.autovacuum_enabled='false');

CREATE TABLE $schema$.claim_3 (
    segment smallint NOT NULL,
    node bigint NOT NULL,
    number bigint NOT NULL,
    queue text NOT NULL COLLATE pg_catalog."C",
    priority smallint NOT NULL,
    turn bigint NOT NULL,
    claimed_at timestamp with time zone NOT NULL,
    xid bigint NOT NULL,
    id bigint NOT NULL,
    late bigint[] NOT NULL,
    late_after bigint[] NOT NULL,
    lowest_xid bigint NOT NULL,
    highest_xid bigint NOT NULL,
    ids bigint[] NOT NULL
)
WITH (autovacuum_enabled='false', toast_tuple_target='8160', toast.autovacuum_enabled='false');

CREATE TABLE $schema$.idempotency (
    key bytea NOT NULL,
    fingerprint bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    status integer,
    headers text,
    body bytea
);

CREATE TABLE $schema$.message (
    id bigint NOT NULL,
    state smallint NOT NULL,
    priority smallint NOT NULL,
    version integer NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    deaths integer DEFAULT 0 NOT NULL,
    claim bigint DEFAULT 0 NOT NULL,
    started bigint DEFAULT 0 NOT NULL,
    alone bigint DEFAULT 0 NOT NULL,
    died_alone boolean DEFAULT false NOT NULL,
    node bigint,
    revision bigint DEFAULT 1 NOT NULL,
    enqueued_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    claimed_at timestamp with time zone,
    ended_at timestamp with time zone,
    keep_until timestamp with time zone,
    tracked boolean NOT NULL,
    holds_unique_key boolean DEFAULT false NOT NULL,
    queue text NOT NULL,
    kind text NOT NULL,
    ordering_key text,
    owner text,
    headers text,
    reason text,
    cause text,
    cancel_reason text,
    progress_done bigint,
    progress_total bigint,
    progress_unit text,
    progress_message text,
    body bytea NOT NULL,
    result text,
    result_type text
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='5000', autovacuum_vacuum_cost_delay='0');

ALTER TABLE $schema$.message ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME $schema$.message_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE $schema$.meta (
    name text NOT NULL,
    value text NOT NULL
);

CREATE TABLE $schema$.migration (
    version integer NOT NULL,
    name text NOT NULL,
    oldest integer NOT NULL,
    applied_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL
);

CREATE TABLE $schema$.node (
    id bigint NOT NULL,
    name text NOT NULL,
    joined_at timestamp with time zone NOT NULL,
    lease_until timestamp with time zone NOT NULL,
    dead_at timestamp with time zone,
    emptied boolean DEFAULT false NOT NULL
);

ALTER TABLE $schema$.node ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME $schema$.node_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE $schema$.queue (
    name text NOT NULL,
    paused_reason text,
    paused_at timestamp with time zone
);

CREATE TABLE $schema$.quota (
    key bytea NOT NULL,
    window_start timestamp with time zone NOT NULL,
    window_end timestamp with time zone NOT NULL,
    leased integer NOT NULL,
    granted integer NOT NULL
);

CREATE TABLE $schema$.receipt (
    segment smallint NOT NULL,
    node bigint NOT NULL,
    number bigint NOT NULL,
    id bigint NOT NULL,
    ids bigint[]
)
PARTITION BY LIST (segment);

CREATE TABLE $schema$.receipt_0 (
    segment smallint NOT NULL,
    node bigint NOT NULL,
    number bigint NOT NULL,
    id bigint NOT NULL,
    ids bigint[]
)
WITH (autovacuum_enabled='false', toast_tuple_target='8160', toast.autovacuum_enabled='false');

CREATE TABLE $schema$.receipt_1 (
    segment smallint NOT NULL,
    node bigint NOT NULL,
    number bigint NOT NULL,
    id bigint NOT NULL,
    ids bigint[]
)
WITH (autovacuum_enabled='false', toast_tuple_target='8160', toast.autovacuum_enabled='false');

CREATE TABLE $schema$.receipt_2 (
    segment smallint NOT NULL,
    node bigint NOT NULL,
    number bigint NOT NULL,
    id bigint NOT NULL,
    ids bigint[]
)
WITH (autovacuum_enabled='false', toast_tuple_target='8160', toast.autovacuum_enabled='false');

CREATE TABLE $schema$.receipt_3 (
    segment smallint NOT NULL,
    node bigint NOT NULL,
    number bigint NOT NULL,
    id bigint NOT NULL,
    ids bigint[]
)
WITH (autovacuum_enabled='false', toast_tuple_target='8160', toast.autovacuum_enabled='false');

CREATE TABLE $schema$.segment (
    segment smallint NOT NULL,
    priority smallint NOT NULL,
    version integer NOT NULL,
    xid bigint NOT NULL,
    id bigint NOT NULL,
    enqueued_at timestamp with time zone NOT NULL,
    queue text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL,
    headers text,
    body bytea NOT NULL
)
PARTITION BY LIST (segment);

CREATE TABLE $schema$.segment_0 (
    segment smallint NOT NULL,
    priority smallint NOT NULL,
    version integer NOT NULL,
    xid bigint NOT NULL,
    id bigint NOT NULL,
    enqueued_at timestamp with time zone NOT NULL,
    queue text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL,
    headers text,
    body bytea NOT NULL
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');

CREATE TABLE $schema$.segment_1 (
    segment smallint NOT NULL,
    priority smallint NOT NULL,
    version integer NOT NULL,
    xid bigint NOT NULL,
    id bigint NOT NULL,
    enqueued_at timestamp with time zone NOT NULL,
    queue text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL,
    headers text,
    body bytea NOT NULL
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');

CREATE TABLE $schema$.segment_2 (
    segment smallint NOT NULL,
    priority smallint NOT NULL,
    version integer NOT NULL,
    xid bigint NOT NULL,
    id bigint NOT NULL,
    enqueued_at timestamp with time zone NOT NULL,
    queue text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL,
    headers text,
    body bytea NOT NULL
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');

CREATE TABLE $schema$.segment_3 (
    segment smallint NOT NULL,
    priority smallint NOT NULL,
    version integer NOT NULL,
    xid bigint NOT NULL,
    id bigint NOT NULL,
    enqueued_at timestamp with time zone NOT NULL,
    queue text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL,
    headers text,
    body bytea NOT NULL
)
WITH (autovacuum_enabled='false', toast.autovacuum_enabled='false');

CREATE SEQUENCE $schema$.segment_newest
    AS integer
    START WITH 0
    INCREMENT BY 1
    MINVALUE 0
    MAXVALUE 3
    CACHE 1;

CREATE TABLE $schema$.withdrawn (
    segment smallint NOT NULL,
    id bigint NOT NULL
)
PARTITION BY LIST (segment);

CREATE VIEW $schema$.segment_open AS
 WITH lane AS (
         SELECT DISTINCT ON (claim.segment, claim.queue, claim.priority) claim.segment,
            claim.queue,
            claim.priority,
            claim.xid,
            claim.id,
            claim.late,
            claim.late_after
           FROM $schema$.claim
          ORDER BY claim.segment, claim.queue, claim.priority, claim.turn DESC
        )
 SELECT s.segment,
    s.id,
    (1)::smallint AS state,
    s.priority,
    s.version,
    NULL::bigint AS node,
    NULL::bigint AS number,
    s.enqueued_at,
    NULL::timestamp with time zone AS claimed_at,
    s.queue,
    s.kind,
    s.headers,
    s.body
   FROM ($schema$.segment s
     LEFT JOIN lane l ON (((l.segment = s.segment) AND (l.queue = s.queue) AND (l.priority = s.priority))))
  WHERE (((l.segment IS NULL) OR (ROW(s.xid, s.id) > ROW(l.xid, l.id)) OR (s.id > l.late_after[array_position(l.late, s.xid)])) AND (NOT (EXISTS ( SELECT
           FROM $schema$.withdrawn w
          WHERE ((w.segment = s.segment) AND (w.id = s.id))))))
UNION ALL
 SELECT s.segment,
    s.id,
    (4)::smallint AS state,
    s.priority,
    s.version,
    c.node,
    c.number,
    s.enqueued_at,
    c.claimed_at,
    s.queue,
    s.kind,
    s.headers,
    s.body
   FROM (($schema$.claim c
     CROSS JOIN LATERAL unnest(c.ids) claimed(id))
     JOIN $schema$.segment s ON (((s.segment = c.segment) AND (s.queue = c.queue) AND (s.priority = c.priority) AND ((s.xid >= c.lowest_xid) AND (s.xid <= c.highest_xid)) AND (s.id = claimed.id))))
  WHERE (NOT (EXISTS ( SELECT
           FROM $schema$.receipt r
          WHERE ((r.segment = c.segment) AND (r.node = c.node) AND (r.number = c.number) AND ((r.id = claimed.id) OR (claimed.id = ANY (r.ids)))))));

CREATE TABLE $schema$.unique_key (
    kind text NOT NULL,
    key text NOT NULL,
    message_id bigint NOT NULL,
    until timestamp with time zone
);

CREATE TABLE $schema$.upload (
    id text NOT NULL,
    route text NOT NULL,
    owner text NOT NULL,
    state smallint NOT NULL,
    durable bigint DEFAULT 0 NOT NULL,
    writer bigint DEFAULT 0 NOT NULL,
    closed bigint DEFAULT 0 NOT NULL,
    length bigint,
    message_id bigint,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    look_at timestamp with time zone NOT NULL,
    metadata text,
    blob text,
    sha256 bytea
);

CREATE TABLE $schema$.withdrawn_0 (
    segment smallint NOT NULL,
    id bigint NOT NULL
)
WITH (autovacuum_enabled='false');

CREATE TABLE $schema$.withdrawn_1 (
    segment smallint NOT NULL,
    id bigint NOT NULL
)
WITH (autovacuum_enabled='false');

CREATE TABLE $schema$.withdrawn_2 (
    segment smallint NOT NULL,
    id bigint NOT NULL
)
WITH (autovacuum_enabled='false');

CREATE TABLE $schema$.withdrawn_3 (
    segment smallint NOT NULL,
    id bigint NOT NULL
)
WITH (autovacuum_enabled='false');

ALTER TABLE ONLY $schema$.claim ATTACH PARTITION $schema$.claim_0 FOR VALUES IN ('0');

ALTER TABLE ONLY $schema$.claim ATTACH PARTITION $schema$.claim_1 FOR VALUES IN ('1');

ALTER TABLE ONLY $schema$.claim ATTACH PARTITION $schema$.claim_2 FOR VALUES IN ('2');

ALTER TABLE ONLY $schema$.claim ATTACH PARTITION $schema$.claim_3 FOR VALUES IN ('3');

ALTER TABLE ONLY $schema$.receipt ATTACH PARTITION $schema$.receipt_0 FOR VALUES IN ('0');

ALTER TABLE ONLY $schema$.receipt ATTACH PARTITION $schema$.receipt_1 FOR VALUES IN ('1');

ALTER TABLE ONLY $schema$.receipt ATTACH PARTITION $schema$.receipt_2 FOR VALUES IN ('2');

ALTER TABLE ONLY $schema$.receipt ATTACH PARTITION $schema$.receipt_3 FOR VALUES IN ('3');

ALTER TABLE ONLY $schema$.segment ATTACH PARTITION $schema$.segment_0 FOR VALUES IN ('0');

ALTER TABLE ONLY $schema$.segment ATTACH PARTITION $schema$.segment_1 FOR VALUES IN ('1');

ALTER TABLE ONLY $schema$.segment ATTACH PARTITION $schema$.segment_2 FOR VALUES IN ('2');

ALTER TABLE ONLY $schema$.segment ATTACH PARTITION $schema$.segment_3 FOR VALUES IN ('3');

ALTER TABLE ONLY $schema$.withdrawn ATTACH PARTITION $schema$.withdrawn_0 FOR VALUES IN ('0');

ALTER TABLE ONLY $schema$.withdrawn ATTACH PARTITION $schema$.withdrawn_1 FOR VALUES IN ('1');

ALTER TABLE ONLY $schema$.withdrawn ATTACH PARTITION $schema$.withdrawn_2 FOR VALUES IN ('2');

ALTER TABLE ONLY $schema$.withdrawn ATTACH PARTITION $schema$.withdrawn_3 FOR VALUES IN ('3');

ALTER TABLE ONLY $schema$.api_key
    ADD CONSTRAINT api_key_pkey PRIMARY KEY (prefix);

ALTER TABLE ONLY $schema$.attempt
    ADD CONSTRAINT attempt_pkey PRIMARY KEY (message_id, number);

ALTER TABLE ONLY $schema$.claim
    ADD CONSTRAINT claim_pkey PRIMARY KEY (segment, node, number);

ALTER TABLE ONLY $schema$.claim_0
    ADD CONSTRAINT claim_0_pkey PRIMARY KEY (segment, node, number);

ALTER TABLE ONLY $schema$.claim_1
    ADD CONSTRAINT claim_1_pkey PRIMARY KEY (segment, node, number);

ALTER TABLE ONLY $schema$.claim_2
    ADD CONSTRAINT claim_2_pkey PRIMARY KEY (segment, node, number);

ALTER TABLE ONLY $schema$.claim_3
    ADD CONSTRAINT claim_3_pkey PRIMARY KEY (segment, node, number);

ALTER TABLE ONLY $schema$.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (key);

ALTER TABLE ONLY $schema$.message
    ADD CONSTRAINT message_pkey PRIMARY KEY (id);

ALTER TABLE ONLY $schema$.meta
    ADD CONSTRAINT meta_pkey PRIMARY KEY (name);

ALTER TABLE ONLY $schema$.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (version);

ALTER TABLE ONLY $schema$.node
    ADD CONSTRAINT node_pkey PRIMARY KEY (id);

ALTER TABLE ONLY $schema$.queue
    ADD CONSTRAINT queue_pkey PRIMARY KEY (name);

ALTER TABLE ONLY $schema$.quota
    ADD CONSTRAINT quota_pkey PRIMARY KEY (key);

ALTER TABLE ONLY $schema$.receipt
    ADD CONSTRAINT receipt_pkey PRIMARY KEY (segment, node, number, id);

ALTER TABLE ONLY $schema$.receipt_0
    ADD CONSTRAINT receipt_0_pkey PRIMARY KEY (segment, node, number, id);

ALTER TABLE ONLY $schema$.receipt_1
    ADD CONSTRAINT receipt_1_pkey PRIMARY KEY (segment, node, number, id);

ALTER TABLE ONLY $schema$.receipt_2
    ADD CONSTRAINT receipt_2_pkey PRIMARY KEY (segment, node, number, id);

ALTER TABLE ONLY $schema$.receipt_3
    ADD CONSTRAINT receipt_3_pkey PRIMARY KEY (segment, node, number, id);

ALTER TABLE ONLY $schema$.unique_key
    ADD CONSTRAINT unique_key_pkey PRIMARY KEY (kind, key);

ALTER TABLE ONLY $schema$.upload
    ADD CONSTRAINT upload_pkey PRIMARY KEY (id);

ALTER TABLE ONLY $schema$.withdrawn
    ADD CONSTRAINT withdrawn_pkey PRIMARY KEY (segment, id);

ALTER TABLE ONLY $schema$.withdrawn_0
    ADD CONSTRAINT withdrawn_0_pkey PRIMARY KEY (segment, id);

ALTER TABLE ONLY $schema$.withdrawn_1
    ADD CONSTRAINT withdrawn_1_pkey PRIMARY KEY (segment, id);

ALTER TABLE ONLY $schema$.withdrawn_2
    ADD CONSTRAINT withdrawn_2_pkey PRIMARY KEY (segment, id);

ALTER TABLE ONLY $schema$.withdrawn_3
    ADD CONSTRAINT withdrawn_3_pkey PRIMARY KEY (segment, id);

CREATE UNIQUE INDEX claim_turn ON ONLY $schema$.claim USING btree (segment, queue, priority, turn);

CREATE UNIQUE INDEX claim_0_segment_queue_priority_turn_idx ON $schema$.claim_0 USING btree (segment, queue, priority, turn);

CREATE UNIQUE INDEX claim_1_segment_queue_priority_turn_idx ON $schema$.claim_1 USING btree (segment, queue, priority, turn);

CREATE UNIQUE INDEX claim_2_segment_queue_priority_turn_idx ON $schema$.claim_2 USING btree (segment, queue, priority, turn);

CREATE UNIQUE INDEX claim_3_segment_queue_priority_turn_idx ON $schema$.claim_3 USING btree (segment, queue, priority, turn);

CREATE INDEX idempotency_expires ON $schema$.idempotency USING btree (expires_at);

CREATE INDEX message_arrived ON $schema$.message USING btree (queue, ordering_key, id) WHERE (state = 0);

CREATE INDEX message_blocked ON $schema$.message USING btree (queue, ordering_key, id) WHERE (state = 3);

CREATE INDEX message_dead ON $schema$.message USING btree (queue, kind, cause, ended_at) WHERE (state = 6);

CREATE INDEX message_head ON $schema$.message USING btree (queue, ordering_key) WHERE ((ordering_key IS NOT NULL) AND (state = ANY (ARRAY[1, 2, 4])));

CREATE INDEX message_kept ON $schema$.message USING btree (keep_until) WHERE (keep_until IS NOT NULL);

CREATE INDEX message_owner ON $schema$.message USING btree (owner, id) WHERE (owner IS NOT NULL);

CREATE INDEX message_ready ON $schema$.message USING btree (queue, priority, id) WHERE (state = 1);

CREATE INDEX message_running ON $schema$.message USING btree (node) WHERE (state = 4);

CREATE INDEX message_scheduled ON $schema$.message USING btree (due_at) WHERE (state = 2);

CREATE INDEX quota_end ON $schema$.quota USING btree (window_end);

CREATE INDEX segment_id ON ONLY $schema$.segment USING brin (id) WITH (pages_per_range='16');

CREATE INDEX segment_0_id_idx ON $schema$.segment_0 USING brin (id) WITH (pages_per_range='16');

CREATE INDEX segment_lane ON ONLY $schema$.segment USING btree (queue, priority, xid, id);

CREATE INDEX segment_0_queue_priority_xid_id_idx ON $schema$.segment_0 USING btree (queue, priority, xid, id);

CREATE INDEX segment_1_id_idx ON $schema$.segment_1 USING brin (id) WITH (pages_per_range='16');

CREATE INDEX segment_1_queue_priority_xid_id_idx ON $schema$.segment_1 USING btree (queue, priority, xid, id);

CREATE INDEX segment_2_id_idx ON $schema$.segment_2 USING brin (id) WITH (pages_per_range='16');

CREATE INDEX segment_2_queue_priority_xid_id_idx ON $schema$.segment_2 USING btree (queue, priority, xid, id);

CREATE INDEX segment_3_id_idx ON $schema$.segment_3 USING brin (id) WITH (pages_per_range='16');

CREATE INDEX segment_3_queue_priority_xid_id_idx ON $schema$.segment_3 USING btree (queue, priority, xid, id);

CREATE INDEX unique_key_message ON $schema$.unique_key USING btree (message_id) WHERE (until IS NULL);

CREATE INDEX unique_key_until ON $schema$.unique_key USING btree (until) WHERE (until IS NOT NULL);

CREATE INDEX upload_look ON $schema$.upload USING btree (look_at);

CREATE INDEX upload_open ON $schema$.upload USING btree (owner, expires_at) WHERE (state = 1);

ALTER INDEX $schema$.claim_pkey ATTACH PARTITION $schema$.claim_0_pkey;

ALTER INDEX $schema$.claim_turn ATTACH PARTITION $schema$.claim_0_segment_queue_priority_turn_idx;

ALTER INDEX $schema$.claim_pkey ATTACH PARTITION $schema$.claim_1_pkey;

ALTER INDEX $schema$.claim_turn ATTACH PARTITION $schema$.claim_1_segment_queue_priority_turn_idx;

ALTER INDEX $schema$.claim_pkey ATTACH PARTITION $schema$.claim_2_pkey;

ALTER INDEX $schema$.claim_turn ATTACH PARTITION $schema$.claim_2_segment_queue_priority_turn_idx;

ALTER INDEX $schema$.claim_pkey ATTACH PARTITION $schema$.claim_3_pkey;

ALTER INDEX $schema$.claim_turn ATTACH PARTITION $schema$.claim_3_segment_queue_priority_turn_idx;

ALTER INDEX $schema$.receipt_pkey ATTACH PARTITION $schema$.receipt_0_pkey;

ALTER INDEX $schema$.receipt_pkey ATTACH PARTITION $schema$.receipt_1_pkey;

ALTER INDEX $schema$.receipt_pkey ATTACH PARTITION $schema$.receipt_2_pkey;

ALTER INDEX $schema$.receipt_pkey ATTACH PARTITION $schema$.receipt_3_pkey;

ALTER INDEX $schema$.segment_id ATTACH PARTITION $schema$.segment_0_id_idx;

ALTER INDEX $schema$.segment_lane ATTACH PARTITION $schema$.segment_0_queue_priority_xid_id_idx;

ALTER INDEX $schema$.segment_id ATTACH PARTITION $schema$.segment_1_id_idx;

ALTER INDEX $schema$.segment_lane ATTACH PARTITION $schema$.segment_1_queue_priority_xid_id_idx;

ALTER INDEX $schema$.segment_id ATTACH PARTITION $schema$.segment_2_id_idx;

ALTER INDEX $schema$.segment_lane ATTACH PARTITION $schema$.segment_2_queue_priority_xid_id_idx;

ALTER INDEX $schema$.segment_id ATTACH PARTITION $schema$.segment_3_id_idx;

ALTER INDEX $schema$.segment_lane ATTACH PARTITION $schema$.segment_3_queue_priority_xid_id_idx;

ALTER INDEX $schema$.withdrawn_pkey ATTACH PARTITION $schema$.withdrawn_0_pkey;

ALTER INDEX $schema$.withdrawn_pkey ATTACH PARTITION $schema$.withdrawn_1_pkey;

ALTER INDEX $schema$.withdrawn_pkey ATTACH PARTITION $schema$.withdrawn_2_pkey;

ALTER INDEX $schema$.withdrawn_pkey ATTACH PARTITION $schema$.withdrawn_3_pkey;
