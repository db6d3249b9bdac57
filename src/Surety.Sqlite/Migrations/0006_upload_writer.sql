-- A program of before that still works on this file answers 503 for uploads until it is replaced, because the column it would change has
-- another name now: it knows no numbers, and could write over what a newer one has acknowledged.
ALTER TABLE surety_upload RENAME COLUMN offset TO durable;
ALTER TABLE surety_upload ADD COLUMN writer INTEGER NOT NULL DEFAULT 0; -- grows with each writer; only the newest one changes the row
ALTER TABLE surety_upload ADD COLUMN closed INTEGER NOT NULL DEFAULT 0; -- the newest writer that said that it writes no more
-- A program of before may still be writing these. A writer that was not closed gets no successor in the same segment.
UPDATE surety_upload SET writer = 1 WHERE state = 1;
-- Unfinished ones in a bucket are multipart uploads, which cannot be gone on with: their clients are told that they are gone, and begin
-- again.
UPDATE surety_upload SET state = 5, look_at = look_at + 86400000 WHERE state = 1 AND blob IS NOT NULL;
