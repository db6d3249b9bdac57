-- 1: its time is over, by a look of the store's clock. A state: no clock that is set back changes it.
ALTER TABLE surety_api_key ADD COLUMN expired INTEGER NOT NULL DEFAULT 0;
