DO $do$
DECLARE
    v_text text := pg_get_functiondef('$schema$.claim_messages'::regproc);
    v_change text[];
BEGIN
    FOREACH v_change SLICE 1 IN ARRAY ARRAY[[$x$    WHILE v_lanes <> '{}' LOOP
        v_lane := v_lanes[1];
        v_lanes := v_lanes[2:];
$x$, $x$    FOREACH v_lane IN ARRAY v_lanes LOOP
$x$], [$x$        v_room := v_room - v_count;
        -- What lay ahead was withdrawn, or somebody else has it by now. A younger child, which was not looked at because this one came first, may have more.
        IF v_count = 0 AND v_lane % 4 < 3 AND v_lanes[1] IS DISTINCT FROM v_lane + 1 THEN
            v_lanes := v_lane + 1 || v_lanes;
        END IF;
$x$, $x$        v_room := v_room - v_count;
$x$]] LOOP
        IF position(v_change[1] IN v_text) = 0 THEN
            RAISE EXCEPTION 'claim_messages is not the function that the version before made: %', v_text;
        END IF;

        v_text := replace(v_text, v_change[1], v_change[2]);
    END LOOP;

    EXECUTE v_text;
END
$do$;
