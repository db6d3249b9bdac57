-- Amounts are integers in minor units. Every movement of money is one transfer and two entries that sum to zero.
CREATE TABLE IF NOT EXISTS account (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('customer', 'settlement', 'held')),
    owner TEXT NOT NULL,
    currency TEXT NOT NULL,
    balance INTEGER NOT NULL DEFAULT 0 CHECK (typeof(balance) = 'integer'),
    overdraft_limit INTEGER NOT NULL DEFAULT 0 CHECK (overdraft_limit >= 0),
    revision INTEGER NOT NULL DEFAULT 1,
    -- The last word on money that is not there, whatever the code above it believes. A settlement account mirrors the world outside and
    -- owes what the customers own.
    CONSTRAINT not_overdrawn CHECK (kind = 'settlement' OR balance >= -overdraft_limit)
);

-- One settlement and one holding account a currency.
CREATE UNIQUE INDEX IF NOT EXISTS account_of_the_house ON account (currency, kind) WHERE kind <> 'customer';

CREATE TABLE IF NOT EXISTS transfer (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('deposit', 'transfer', 'hold', 'paid', 'release')),
    from_account INTEGER NOT NULL REFERENCES account (id),
    to_account INTEGER NOT NULL REFERENCES account (id),
    amount INTEGER NOT NULL CHECK (typeof(amount) = 'integer' AND amount > 0),
    currency TEXT NOT NULL,
    reference TEXT,
    posted_at INTEGER NOT NULL, -- Unix milliseconds
    CHECK (from_account <> to_account)
);

CREATE TABLE IF NOT EXISTS entry (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    transfer INTEGER NOT NULL REFERENCES transfer (id),
    account INTEGER NOT NULL REFERENCES account (id),
    amount INTEGER NOT NULL CHECK (typeof(amount) = 'integer' AND amount <> 0),
    balance_after INTEGER NOT NULL
);

CREATE INDEX IF NOT EXISTS entry_of_account ON entry (account, id);
CREATE INDEX IF NOT EXISTS entry_of_transfer ON entry (transfer);

CREATE TABLE IF NOT EXISTS payout (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    state TEXT NOT NULL CHECK (state IN ('held', 'paid', 'released')),
    account INTEGER NOT NULL REFERENCES account (id),
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    destination TEXT NOT NULL,
    provider TEXT, -- who was asked to pay it, or is about to be; null: nobody yet
    provider_key TEXT NOT NULL UNIQUE, -- what the provider knows it by
    provider_reference TEXT
);

CREATE INDEX IF NOT EXISTS payout_open ON payout (id) WHERE state = 'held';

-- The export has no unique key on purpose: that each entry arrives once is the queue's promise, and GET /audit counts.
CREATE TABLE IF NOT EXISTS analytics_entry (
    entry INTEGER NOT NULL,
    account INTEGER NOT NULL,
    currency TEXT NOT NULL,
    amount INTEGER NOT NULL,
    posted_at INTEGER NOT NULL
);

-- How far the import of each uploaded file is. It moves in the commit that posts the lines.
CREATE TABLE IF NOT EXISTS statement (
    upload TEXT PRIMARY KEY,
    line INTEGER NOT NULL, -- lines read, and the byte at which the next one begins
    position INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    posted INTEGER NOT NULL,
    rejected INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS statement_line (
    upload TEXT NOT NULL,
    line INTEGER NOT NULL,
    transfer INTEGER NOT NULL REFERENCES transfer (id),
    PRIMARY KEY (upload, line)
);

CREATE TABLE IF NOT EXISTS statement_rejection (
    upload TEXT NOT NULL,
    line INTEGER NOT NULL,
    code TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (upload, line)
);
