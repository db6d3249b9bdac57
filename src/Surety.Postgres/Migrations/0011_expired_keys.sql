-- Programs that know version 8 can work with it.
-- True: its time is over, by a look of the store's clock. A state: no clock that is set back changes it.
ALTER TABLE $schema$.api_key ADD COLUMN expired boolean NOT NULL DEFAULT false;
