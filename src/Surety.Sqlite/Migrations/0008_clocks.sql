-- 1: its time is over, by a look of the store's clock. A state: no clock that is set back changes it.
ALTER TABLE surety_api_key ADD COLUMN expired INTEGER NOT NULL DEFAULT 0;

-- The file's own time. What is kept for a while (expires_at, until, keep_until, look_at, lease_until, quota windows) ends by it; it begins where the wall clock is when the file is opened next.
CREATE TABLE surety_clock (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    steady INTEGER NOT NULL, -- milliseconds; what was noted last
    monotonic INTEGER NOT NULL, -- what the machine's monotonic clock showed then, in milliseconds
    boot TEXT NOT NULL -- the start of the machine that it counts from
);
