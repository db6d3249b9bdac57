-- Programs that know version 1 can work with it.
CREATE TABLE $schema$.upload (
    id text PRIMARY KEY,
    route text NOT NULL,
    owner text NOT NULL,
    state smallint NOT NULL, -- 1 open, 2 complete, 3 consumed, 4 expired, 5 deleted
    "offset" bigint NOT NULL DEFAULT 0, -- bytes that are durable
    length bigint, -- null: not said yet
    message_id bigint, -- set when it is complete
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    look_at timestamptz NOT NULL, -- when the sweep has to look at it next
    metadata text, -- JSON; null when there is none
    blob text, -- what the blob store noted
    sha256 bytea
);

CREATE INDEX upload_look ON $schema$.upload (look_at);
CREATE INDEX upload_open ON $schema$.upload (owner, expires_at) WHERE state = 1;
