DROP TABLE $schema$.api_key, $schema$.idempotency, $schema$.node, $schema$.queue, $schema$.unique_key, $schema$.attempt, $schema$.message;
DROP FUNCTION $schema$.now();
