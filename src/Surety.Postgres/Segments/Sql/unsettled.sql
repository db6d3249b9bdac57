-- Which of these messages have not left their claim. The caller holds the claim's lock.
CREATE OR REPLACE FUNCTION $schema$.unsettled(p_segment smallint, p_node bigint, p_number bigint, p_ids bigint[])
RETURNS bigint[] LANGUAGE plpgsql STABLE SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
    SET enable_incremental_sort = off SET plan_cache_mode = force_generic_plan
AS $function$
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
$function$;
