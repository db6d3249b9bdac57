-- Copies messages that hold up a segment to the table message.
CREATE OR REPLACE FUNCTION $schema$.take_out_leftovers(p_segment smallint, p_limit int)
RETURNS void LANGUAGE plpgsql
AS $function$
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
$function$;
