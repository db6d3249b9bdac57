ALTER TABLE $schema$.api_key DROP COLUMN expired;
