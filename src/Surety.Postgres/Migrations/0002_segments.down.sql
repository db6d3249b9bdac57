-- Nothing may be lost: what is still in the segments goes to the table message first. No node of any version may run meanwhile.
SELECT $schema$.take_out(o.ring, o.node, o.number, NULL) FROM (SELECT DISTINCT ring, node, number FROM $schema$.segment_open WHERE state = 4) o;
INSERT INTO $schema$.message (id, state, priority, version, enqueued_at, due_at, tracked, queue, kind, headers, body)
SELECT id, 1, priority, version, enqueued_at, enqueued_at, false, queue, kind, headers, body FROM $schema$.segment_open WHERE state = 1;
DROP FUNCTION $schema$.rotate_segments(bigint), $schema$.take_out_leftovers(smallint, int), $schema$.segment_done(smallint), $schema$.take_out_node(bigint, int), $schema$.take_out_one(bigint),
    $schema$.take_out(smallint, bigint, bigint, bigint[]), $schema$.settle_segment(smallint, bigint, bigint, bigint[], boolean),
    $schema$.settle_segment_one_0(bigint, bigint, bigint), $schema$.settle_segment_one_1(bigint, bigint, bigint), $schema$.settle_segment_one_2(bigint, bigint, bigint), $schema$.settle_segment_one_3(bigint, bigint, bigint),
    $schema$.unsettled(smallint, bigint, bigint, bigint[]), $schema$.claim_segment(bigint, bigint, text, int, boolean, int), $schema$.segment_counts();
DROP VIEW $schema$.segment_open;
DROP TRIGGER keep_node ON $schema$.node;
DROP FUNCTION $schema$.keep_node();
ALTER TABLE $schema$.node DROP COLUMN emptied;
DROP TABLE $schema$.withdrawn, $schema$.receipt, $schema$.claim, $schema$.segment;
DROP SEQUENCE $schema$.segment_newest;
