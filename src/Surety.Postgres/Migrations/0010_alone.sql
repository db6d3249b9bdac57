-- Programs that know version 4 can work with it.
-- The claim under which a message was noted to run while nothing else ran on its node; and whether the last death that was counted was such a one. Only that ends as a dead letter.
ALTER TABLE $schema$.message ADD COLUMN alone bigint NOT NULL DEFAULT 0, ADD COLUMN died_alone boolean NOT NULL DEFAULT false;
