-- Ends one message. Others of the claim go on meanwhile: the lock is shared, and the receipt's key keeps out a second settlement of the
-- same message. One function a child, because this is done once a message, and to find the child costs as much as the rest of it.
-- for each child
CREATE OR REPLACE FUNCTION $schema$.settle_segment_one_{child}(p_node bigint, p_number bigint, p_id bigint)
RETURNS boolean LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashint8extended(p_number, p_node));
    INSERT INTO $schema$.receipt_{child} (ring, node, number, id)
    SELECT {child}, p_node, p_number, p_id FROM $schema$.claim_{child} c
    WHERE c.ring = {child} AND c.node = p_node AND c.number = p_number AND p_id = ANY (c.ids)
        AND NOT EXISTS (
            SELECT FROM $schema$.receipt_{child} r
            WHERE r.ring = {child} AND r.node = p_node AND r.number = p_number AND r.id < 0 AND p_id = ANY (r.ids))
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$function$;
-- end
