-- Programs that know version 4 can work with it.
ALTER TABLE $schema$.api_key ADD COLUMN used_at timestamptz; -- to a minute
