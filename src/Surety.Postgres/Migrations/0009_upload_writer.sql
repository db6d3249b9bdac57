-- Programs that know version 8 can work with it.
-- All but their uploads: those programs know no numbers, and could write over what a newer one has acknowledged. Because the column they
-- would change has another name now, they answer 503 until they are replaced, and nothing is lost.
ALTER TABLE $schema$.upload RENAME COLUMN "offset" TO durable;
ALTER TABLE $schema$.upload
    ADD COLUMN writer bigint NOT NULL DEFAULT 0, -- grows with each writer; only the newest one changes the row
    ADD COLUMN closed bigint NOT NULL DEFAULT 0; -- the newest writer that said that it writes no more
-- A program of before may still be writing these. A writer that was not closed gets no successor in the same segment.
UPDATE $schema$.upload SET writer = 1 WHERE state = 1;
-- Unfinished ones in a bucket are multipart uploads, which cannot be gone on with: their clients are told that they are gone, and begin
-- again.
UPDATE $schema$.upload SET state = 5, look_at = $schema$.now() + interval '1 day' WHERE state = 1 AND blob IS NOT NULL;
