-- The claim under which a message was noted to run while nothing else ran on its node; and whether the last death that was counted was such a one. Only that ends as a dead letter.
ALTER TABLE surety_message ADD COLUMN alone INTEGER NOT NULL DEFAULT 0;
ALTER TABLE surety_message ADD COLUMN died_alone INTEGER NOT NULL DEFAULT 0;
