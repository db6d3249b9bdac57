ALTER TABLE surety_message DROP COLUMN died_alone;
ALTER TABLE surety_message DROP COLUMN alone;
