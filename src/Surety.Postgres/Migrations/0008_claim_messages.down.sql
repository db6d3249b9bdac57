DROP FUNCTION $schema$.claim_messages(bigint, bigint, text[], int[], boolean[], int, int);
