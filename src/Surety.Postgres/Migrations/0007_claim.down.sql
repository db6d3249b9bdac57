DROP FUNCTION $schema$.claim_segments(bigint, bigint, text[], int[], boolean[], int);

DO $do$
BEGIN
    FOR ring IN 0..3 LOOP
        EXECUTE format('ALTER TABLE $schema$.claim_%1$s RESET (toast_tuple_target)', ring);
        EXECUTE format('ALTER TABLE $schema$.receipt_%1$s RESET (toast_tuple_target)', ring);
    END LOOP;
END
$do$;
