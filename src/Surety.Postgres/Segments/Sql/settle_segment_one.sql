-- Ends one message. Others of the claim go on meanwhile: the lock is shared, and the receipt's key keeps out a second settlement of the
-- same message. One function a segment, because this is done once a message, and to find the segment costs as much as the rest of it.
-- for each segment
CREATE OR REPLACE FUNCTION $schema$.settle_segment_one_{segment}(p_node bigint, p_number bigint, p_id bigint)
RETURNS boolean LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashint8extended(p_number, p_node));
    INSERT INTO $schema$.receipt_{segment} (segment, node, number, id)
    SELECT {segment}, p_node, p_number, p_id FROM $schema$.claim_{segment} c
    WHERE c.segment = {segment} AND c.node = p_node AND c.number = p_number AND p_id = ANY (c.ids)
        AND NOT EXISTS (
            SELECT FROM $schema$.receipt_{segment} r
            WHERE r.segment = {segment} AND r.node = p_node AND r.number = p_number AND r.id < 0 AND p_id = ANY (r.ids))
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$function$;
-- end
