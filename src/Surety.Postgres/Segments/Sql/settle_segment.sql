-- Ends messages of one claim that went well. Answers with those it ended: the others had left the claim before. One receipt for all of them
-- is the cheapest; in the transaction of their effects each has its own, whose key nobody gets past who is just about to end the same
-- message.
CREATE OR REPLACE FUNCTION $schema$.settle_segment(p_segment smallint, p_node bigint, p_number bigint, p_ids bigint[], p_each boolean)
RETURNS bigint[] LANGUAGE plpgsql
AS $function$
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
$function$;
