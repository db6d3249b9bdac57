-- The program of before finds neither the bytes of unfinished uploads nor the content of finished ones that were sent meanwhile. The former
-- are ended here; let the latter be handled before.
UPDATE surety_upload SET state = 5 WHERE state = 1;
ALTER TABLE surety_upload DROP COLUMN closed;
ALTER TABLE surety_upload DROP COLUMN writer;
ALTER TABLE surety_upload RENAME COLUMN durable TO offset;
