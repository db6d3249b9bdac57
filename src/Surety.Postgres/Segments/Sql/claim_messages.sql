-- Hands the next messages of some queues to a node. The queues come in the given order; in a queue the highest priority comes first (the
-- lowest, when asked), and in a priority the oldest segment. A lane is one queue, priority and segment; what is handed out of a lane is one
-- claim. The commit of a claim may be lost with the server: then the claim never was.
--
-- The column lane is one number with four parts:
--   lane / 96       the queue's place in p_queues, from 0
--   lane / 32 % 3   the priority
--   lane / 8 % 4    the segment
--   lane % 8        the oldest segment that had something, when only that one and the newest had; else 4
-- Example: 184 = 96 * 1 + 32 * 2 + 8 * 3 + 0: the second queue, the highest priority, segment 3; and of the other segments only 0 had
-- something. A claim's number is p_number + lane / 8.
--
-- A segment that is no longer the newest gets messages only from transactions that had begun before. A caller that knows from a moment ago
-- which older segment has something (p_oldest, or -1) is spared the others, for as long as that one has something: to read the places of
-- four segments took longer than to read a hundred messages. For the same reason a younger segment is not asked for what an older one has.
--
-- Every segment is named outright: to open all four and leave out three costs more than the rest of a claim of few messages.
CREATE OR REPLACE FUNCTION $schema$.claim_messages(
    p_node bigint, p_number bigint, p_queues text[], p_limits int[], p_lowest_first boolean[], p_bytes int, p_oldest int)
RETURNS TABLE (lane int, id bigint, enqueued_at timestamptz, kind text, version int, headers text, body bytea)
LANGUAGE plpgsql SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_incremental_sort = off
SET plan_cache_mode = force_generic_plan
AS $function$
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
            -- for each segment
            WHEN {segment} THEN
                v_lanes := v_lanes || ARRAY(
                    SELECT l.lane + v_age
                    FROM (
                        -- Of many queues, few have ever had something in this segment. Of few, that would be one more page to read.
                        SELECT * FROM unnest(p_queues) WITH ORDINALITY AS q (name, place)
                            WHERE cardinality(p_queues) < 8 OR EXISTS (SELECT FROM $schema$.segment_{segment} s
                            WHERE s.queue = q.name OFFSET 0)) q
                    CROSS JOIN (VALUES (0), (1), (2)) AS p (priority)
                    CROSS JOIN LATERAL (SELECT 12 * q.place::int + 4 * CASE WHEN p_lowest_first[q.place] THEN p.priority
                        ELSE 2 - p.priority END) AS l (lane)
                    LEFT JOIN LATERAL (
                        SELECT c.xid, c.id, c.late, c.late_after FROM $schema$.claim_{segment} c
                            WHERE c.segment = {segment} AND c.queue = q.name AND c.priority = p.priority
                            ORDER BY c.turn DESC LIMIT 1) c ON true
                    WHERE NOT ARRAY[l.lane, l.lane + 1, l.lane + 2] && v_lanes AND (
                        EXISTS (SELECT FROM $schema$.segment_{segment} s
                            WHERE s.queue = q.name AND s.priority = p.priority AND (s.xid, s.id) > (coalesce(c.xid, 0), coalesce(c.id, 0)))
                        OR c.late <> '{}' AND EXISTS (
                            SELECT FROM unnest(c.late, c.late_after) AS e (xid, after)
                            WHERE e.xid <> ALL ((SELECT ARRAY(SELECT x::text::bigint
                                FROM pg_snapshot_xip(pg_current_snapshot()) AS x))::bigint[])
                                -- Without the OFFSET it would become a join that reads the whole lane.
                                AND EXISTS (SELECT FROM $schema$.segment_{segment} s
                                    WHERE s.queue = q.name AND s.priority = p.priority AND s.xid = e.xid AND s.id > e.after OFFSET 0))));
            -- end
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
            -- for each segment
            WHEN {segment} THEN
                SELECT coalesce(c.turn, 0), coalesce(c.xid, 0), coalesce(c.id, 0), coalesce(c.late, '{}'), coalesce(c.late_after, '{}'),
                    EXISTS (SELECT FROM $schema$.withdrawn_{segment})
                INTO v_turn, v_xid, v_id, v_late, v_late_after, v_withdrawn
                FROM (SELECT) one LEFT JOIN LATERAL (
                    SELECT c.turn, c.xid, c.id, c.late, c.late_after FROM $schema$.claim_{segment} c
                    WHERE c.segment = {segment} AND c.queue = v_queue AND c.priority = v_priority ORDER BY c.turn DESC LIMIT 1) c ON true;
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
                            SELECT s.xid, s.id, s.enqueued_at, s.kind, s.version, s.headers, s.body FROM $schema$.segment_{segment} s
                            WHERE s.queue = v_queue AND s.priority = v_priority AND (s.xid, s.id) > (v_xid, v_id)
                                ORDER BY s.xid, s.id LIMIT v_room) a
                        WINDOW so_far AS (ROWS UNBOUNDED PRECEDING)),
                    taken AS MATERIALIZED (SELECT * FROM measured m WHERE m.up_to <= p_bytes OR m.place = 1),
                    noted AS (
                        INSERT INTO $schema$.claim_{segment} (segment, node, number, queue, priority, turn, claimed_at, xid, id, late,
                            late_after, lowest_xid, highest_xid, ids)
                        SELECT {segment}, p_node, p_number + v_out / 8, v_queue, v_priority, v_turn + 1, $schema$.now(), n.highest,
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
                                SELECT s.xid, s.id, s.enqueued_at, s.kind, s.version, s.headers, s.body FROM $schema$.segment_{segment} s
                                WHERE s.queue = v_queue AND s.priority = v_priority AND (s.xid, s.id) > (l.xid, l.after)
                                    AND s.xid <= l.up_to
                                    AND NOT (v_withdrawn AND EXISTS (SELECT FROM $schema$.withdrawn_{segment} w
                                        WHERE w.segment = {segment} AND w.id = s.id))
                                ORDER BY s.xid, s.id LIMIT v_room) s
                            LIMIT v_room) a
                        WINDOW so_far AS (ROWS UNBOUNDED PRECEDING)),
                    taken AS MATERIALIZED (SELECT * FROM measured m WHERE m.up_to <= p_bytes OR m.place = 1),
                    noted AS (
                        INSERT INTO $schema$.claim_{segment} (segment, node, number, queue, priority, turn, claimed_at, xid, id, late,
                            late_after, lowest_xid, highest_xid, ids)
                        SELECT {segment}, p_node, p_number + v_out / 8, v_queue, v_priority, v_turn + 1, $schema$.now(),
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
            -- end
        END CASE;
        v_room := v_room - v_count;
        -- What lay ahead was withdrawn, or somebody else has it by now. A younger segment, which was not looked at because this one came
        -- first, may have more.
        IF v_count = 0 AND v_lane % 4 < 3 AND v_lanes[1] IS DISTINCT FROM v_lane + 1 THEN
            v_lanes := v_lane + 1 || v_lanes;
        END IF;
    END LOOP;
END
$function$;
