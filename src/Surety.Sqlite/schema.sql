CREATE TABLE surety_api_key (
    prefix TEXT NOT NULL PRIMARY KEY,
    digest BLOB NOT NULL,
    principal TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    used_at INTEGER, -- to a minute
    expired INTEGER NOT NULL DEFAULT 0 -- 1: its time is over, by a look of the store's clock: no clock that is set back changes it
) WITHOUT ROWID;

CREATE TABLE surety_attempt (
    message_id INTEGER NOT NULL,
    number INTEGER NOT NULL, -- counts the lines of one message
    claim INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    error TEXT,
    node TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    PRIMARY KEY (message_id, number)
) WITHOUT ROWID;

CREATE TABLE surety_clock (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    steady INTEGER NOT NULL, -- milliseconds; what was noted last
    monotonic INTEGER NOT NULL, -- what the machine's monotonic clock showed then, in milliseconds
    boot TEXT NOT NULL -- the start of the machine that it counts from
);

CREATE TABLE surety_idempotency (
    key BLOB NOT NULL PRIMARY KEY,
    fingerprint BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    status INTEGER,
    headers TEXT,
    body BLOB
) WITHOUT ROWID;

CREATE INDEX surety_idempotency_expires ON surety_idempotency (expires_at);

CREATE TABLE surety_message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    state INTEGER NOT NULL, -- 1 ready, 2 scheduled, 3 blocked (behind its ordering key), 4 running, 5 succeeded, 6 dead, 7 cancelled
    queue TEXT NOT NULL,
    priority INTEGER NOT NULL,
    claim INTEGER NOT NULL DEFAULT 0, -- the newest claim number
    node INTEGER, -- who runs it
    claimed_at INTEGER,
    started INTEGER NOT NULL DEFAULT 0, -- the claim under which a suspect was noted as really started
    alone INTEGER NOT NULL DEFAULT 0, -- the claim under which it was noted to run while nothing else ran on its node
    died_alone INTEGER NOT NULL DEFAULT 0, -- the last death that was counted was such a one; only that ends as a dead letter
    attempt INTEGER NOT NULL DEFAULT 0, -- attempts spent
    deaths INTEGER NOT NULL DEFAULT 0,
    revision INTEGER NOT NULL DEFAULT 1,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL,
    enqueued_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    tracked INTEGER NOT NULL,
    ordering_key TEXT,
    unique_key TEXT, -- only while it is to be freed at the end
    owner TEXT,
    headers TEXT, -- JSON; null when there are none
    reason TEXT,
    cause TEXT,
    cancel_reason TEXT, -- not null: cancellation was asked for while it ran
    ended_at INTEGER,
    keep_until INTEGER,
    progress_done INTEGER,
    progress_total INTEGER,
    progress_unit TEXT,
    progress_message TEXT,
    result_type TEXT,
    body BLOB NOT NULL,
    result TEXT
);

CREATE INDEX surety_message_dead ON surety_message (queue, kind, cause, ended_at) WHERE state = 6;

CREATE INDEX surety_message_kept ON surety_message (keep_until) WHERE keep_until IS NOT NULL;

CREATE INDEX surety_message_ordering ON surety_message (queue, ordering_key, id, state, due_at)
    WHERE ordering_key IS NOT NULL AND state <= 4;

CREATE INDEX surety_message_owner ON surety_message (owner) WHERE owner IS NOT NULL;

CREATE INDEX surety_message_ready ON surety_message (queue, priority, id, due_at) WHERE state = 1;

CREATE INDEX surety_message_running ON surety_message (node, queue) WHERE state = 4;

CREATE INDEX surety_message_scheduled ON surety_message (due_at, queue) WHERE state = 2;

CREATE TABLE surety_meta (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE surety_migration (
    version INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    applied_at INTEGER NOT NULL
);

CREATE TABLE surety_node (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    joined_at INTEGER NOT NULL,
    lease_until INTEGER NOT NULL,
    dead INTEGER NOT NULL DEFAULT 0 -- 1: presumed dead; the row goes once its messages are rescued
);

CREATE TABLE surety_queue (
    name TEXT NOT NULL PRIMARY KEY,
    paused_reason TEXT,
    paused_at INTEGER
) WITHOUT ROWID;

CREATE TABLE surety_quota (
    key BLOB NOT NULL PRIMARY KEY,
    window_start INTEGER NOT NULL,
    window_end INTEGER NOT NULL,
    leased INTEGER NOT NULL, -- by all nodes, in this window
    granted INTEGER NOT NULL -- to the newest lease
) WITHOUT ROWID;

CREATE INDEX surety_quota_end ON surety_quota (window_end);

CREATE TABLE surety_unique (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    message_id INTEGER NOT NULL,
    until INTEGER, -- null: until the message has finished
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;

CREATE INDEX surety_unique_until ON surety_unique (until) WHERE until IS NOT NULL;

CREATE TABLE surety_upload (
    id TEXT NOT NULL PRIMARY KEY,
    route TEXT NOT NULL,
    owner TEXT NOT NULL,
    state INTEGER NOT NULL, -- 1 open, 2 complete, 3 consumed, 4 expired, 5 deleted, 6 handled
    durable INTEGER NOT NULL DEFAULT 0, -- bytes
    writer INTEGER NOT NULL DEFAULT 0, -- grows with each writer; only the newest one changes the row
    closed INTEGER NOT NULL DEFAULT 0, -- the newest writer that said that it writes no more
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

