ALTER TABLE $schema$.message DROP COLUMN alone, DROP COLUMN died_alone;
