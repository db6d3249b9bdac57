-- How many messages of a segment have left it.
CREATE OR REPLACE FUNCTION $schema$.segment_done(p_segment smallint)
RETURNS bigint LANGUAGE sql STABLE
AS $function$
    SELECT coalesce((SELECT sum(CASE WHEN r.id < 0 THEN cardinality(r.ids) ELSE 1 END) FROM $schema$.receipt r
        WHERE r.segment = p_segment), 0)::bigint
        + (SELECT count(*) FROM $schema$.withdrawn w WHERE w.segment = p_segment)
$function$;
