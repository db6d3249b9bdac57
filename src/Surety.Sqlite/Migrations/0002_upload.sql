CREATE TABLE surety_upload (
    id TEXT NOT NULL PRIMARY KEY,
    route TEXT NOT NULL,
    owner TEXT NOT NULL,
    state INTEGER NOT NULL, -- 1 open, 2 complete, 3 consumed, 4 expired, 5 deleted
    offset INTEGER NOT NULL DEFAULT 0, -- bytes that are durable
    length INTEGER, -- null: not said yet
    message_id INTEGER, -- set when it is complete
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    look_at INTEGER NOT NULL, -- when the sweep has to look at it next
    metadata TEXT, -- JSON; null when there is none
    blob TEXT, -- what the blob store noted
    sha256 BLOB
) WITHOUT ROWID;

CREATE INDEX surety_upload_look ON surety_upload (look_at);

CREATE INDEX surety_upload_open ON surety_upload (owner, expires_at) WHERE state = 1;
