-- The program of before finds neither the bytes of unfinished uploads nor the content of finished ones that were sent meanwhile. The former
-- are ended here; let the latter be handled before.
UPDATE $schema$.upload SET state = 5, look_at = $schema$.now() + interval '1 day' WHERE state = 1;
ALTER TABLE $schema$.upload DROP COLUMN closed, DROP COLUMN writer;
ALTER TABLE $schema$.upload RENAME COLUMN durable TO "offset";
