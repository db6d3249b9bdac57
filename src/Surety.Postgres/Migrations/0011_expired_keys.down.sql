-- The program of before knows no such state. It must not take a key back that has ended.
UPDATE $schema$.api_key SET revoked_at = coalesce(expires_at, $schema$.now()) WHERE expired AND revoked_at IS NULL;
ALTER TABLE $schema$.api_key DROP COLUMN expired;
