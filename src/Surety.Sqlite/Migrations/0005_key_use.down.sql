ALTER TABLE surety_api_key DROP COLUMN used_at;
