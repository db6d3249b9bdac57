ALTER TABLE surety_api_key ADD COLUMN used_at INTEGER; -- to a minute
