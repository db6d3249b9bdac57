-- Goes on to the next segment when the newest has grown to so many bytes, once that next one is empty: truncates it when all of it has
-- left, takes out a few that hold it up. Answers 1 when it did, 2 when a reader kept it from truncating (so that the caller tries less
-- often), else 0.
--
-- While it waits for a lock, claims and settlements wait behind it. So it waits for hardly longer than they themselves hold theirs.
CREATE OR REPLACE FUNCTION $schema$.rotate_segments(p_bytes bigint)
RETURNS int LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '20ms' SET jit = off
AS $function$
DECLARE
    v_newest int;
    v_next smallint;
    v_size bigint;
    v_rows bigint;
    v_left bigint;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('$schema$', 13)) THEN
        RETURN 0;
    END IF;

    SELECT last_value INTO v_newest FROM $schema$.segment_newest;
    v_next := (v_newest + 1) % 4;
    v_size := pg_table_size(format('$schema$.segment_%s', v_newest)::regclass);
    IF v_size < p_bytes THEN
        RETURN 0;
    END IF;

    IF EXISTS (SELECT FROM $schema$.segment s WHERE s.segment = v_next) THEN
        SELECT count(*) INTO v_rows FROM $schema$.segment s WHERE s.segment = v_next;
        v_left := v_rows - $schema$.segment_done(v_next);
        IF v_left > 0 THEN
            -- What moves will be done soon. What does not (a paused queue, a handler that runs for hours) would hold up
            -- the others.
            IF NOT EXISTS (SELECT FROM $schema$.claim c WHERE c.segment = v_next AND c.claimed_at > $schema$.now() - interval '10 s')
                AND (v_left * 2 <= v_rows OR v_size >= 8 * p_bytes) THEN
                PERFORM $schema$.take_out_leftovers(v_next, 5000);
            END IF;

            RETURN 0;
        END IF;

        BEGIN
            -- In the order in which claims and settlements come to them.
            EXECUTE format(
                'LOCK TABLE ONLY $schema$.claim_%1$s, ONLY $schema$.segment_%1$s, ONLY $schema$.receipt_%1$s, ONLY $schema$.withdrawn_%1$s '
                'IN ACCESS EXCLUSIVE MODE', v_next);
            SELECT count(*) INTO v_rows FROM $schema$.segment s WHERE s.segment = v_next;
            IF v_rows <> $schema$.segment_done(v_next) THEN
                RETURN 0;
            END IF;

            EXECUTE format(
                'TRUNCATE ONLY $schema$.claim_%1$s, ONLY $schema$.segment_%1$s, ONLY $schema$.receipt_%1$s, ONLY $schema$.withdrawn_%1$s',
                v_next);
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            RETURN 2;
        END;
    END IF;

    PERFORM setval('$schema$.segment_newest', v_next);
    PERFORM brin_summarize_new_values(format('$schema$.segment_%s_id_idx', v_newest)::regclass);
    RETURN 1;
END
$function$;
