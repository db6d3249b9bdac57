-- Programs that know version 1 can work with it.
CREATE TABLE $schema$.quota (
    key bytea PRIMARY KEY,
    window_start timestamptz NOT NULL,
    window_end timestamptz NOT NULL,
    leased int NOT NULL, -- by all nodes, in this window
    granted int NOT NULL -- to the newest lease
);

CREATE INDEX quota_end ON $schema$.quota (window_end);
