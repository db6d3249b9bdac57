ALTER TABLE $schema$.api_key DROP COLUMN used_at;
