-- Copies one message, ready or running, to the table message. Answers 0 when there is none, 1 when it is done, 2 when to ask again in
-- another transaction.
CREATE OR REPLACE FUNCTION $schema$.take_out_one(p_id bigint)
RETURNS int LANGUAGE plpgsql
AS $function$
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
$function$;
