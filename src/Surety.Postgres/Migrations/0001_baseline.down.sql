DROP FUNCTION $schema$.rotate_segments(bigint), $schema$.take_out_leftovers(smallint, int), $schema$.segment_done(smallint),
    $schema$.take_out_node(bigint, int), $schema$.take_out_one(bigint), $schema$.take_out(smallint, bigint, bigint, bigint[]),
    $schema$.settle_segment(smallint, bigint, bigint, bigint[], boolean),
    $schema$.settle_segment_one_0(bigint, bigint, bigint), $schema$.settle_segment_one_1(bigint, bigint, bigint),
    $schema$.settle_segment_one_2(bigint, bigint, bigint), $schema$.settle_segment_one_3(bigint, bigint, bigint),
    $schema$.unsettled(smallint, bigint, bigint, bigint[]), $schema$.segment_counts(),
    $schema$.claim_messages(bigint, bigint, text[], int[], boolean[], int, int);
DROP VIEW $schema$.segment_open;
DROP TABLE $schema$.withdrawn, $schema$.receipt, $schema$.claim, $schema$.segment;
DROP SEQUENCE $schema$.segment_newest;
DROP TABLE $schema$.quota, $schema$.upload, $schema$.api_key, $schema$.idempotency, $schema$.node, $schema$.queue, $schema$.unique_key,
    $schema$.attempt, $schema$.message;
DROP FUNCTION $schema$.now();
