-- Copies running messages of one claim (all, when null) to the table message, where they run on under the same node as their first claim.
-- Answers how many.
CREATE OR REPLACE FUNCTION $schema$.take_out(p_segment smallint, p_node bigint, p_number bigint, p_ids bigint[])
RETURNS int LANGUAGE plpgsql
AS $function$
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
$function$;
