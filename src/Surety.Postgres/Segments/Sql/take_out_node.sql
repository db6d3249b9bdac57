-- Copies what a node (when null, every dead one) holds to the table message, from where it is handed back. A claim that is just being
-- settled is left to the next turn. Answers how many.
CREATE OR REPLACE FUNCTION $schema$.take_out_node(p_node bigint, p_limit int)
RETURNS int LANGUAGE plpgsql SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
    SET enable_incremental_sort = off SET plan_cache_mode = force_generic_plan
AS $function$
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
$function$;
