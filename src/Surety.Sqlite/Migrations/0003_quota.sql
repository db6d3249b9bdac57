CREATE TABLE surety_quota (
    key BLOB NOT NULL PRIMARY KEY,
    window_start INTEGER NOT NULL,
    window_end INTEGER NOT NULL,
    leased INTEGER NOT NULL, -- by all nodes, in this window
    granted INTEGER NOT NULL -- to the newest lease
) WITHOUT ROWID;

CREATE INDEX surety_quota_end ON surety_quota (window_end);
