ALTER TABLE surety_api_key DROP COLUMN expired;
