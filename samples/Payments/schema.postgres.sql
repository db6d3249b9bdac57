-- Nodes that start at once make the tables one after the other, and only the first makes anything: CREATE INDEX IF NOT EXISTS locks its
-- table even when there is nothing to make, which could deadlock with the payments of a node that works already.
SELECT pg_advisory_xact_lock(8316291741);

DO $make$
BEGIN
IF to_regclass('account') IS NOT NULL THEN RETURN; END IF;

-- Amounts are integers in minor units. Every movement of money is one transfer and two entries that sum to zero.
CREATE TABLE account (
    id BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    kind TEXT NOT NULL CHECK (kind IN ('customer', 'settlement', 'held')),
    owner TEXT NOT NULL,
    currency TEXT NOT NULL,
    balance BIGINT NOT NULL DEFAULT 0,
    overdraft_limit BIGINT NOT NULL DEFAULT 0 CHECK (overdraft_limit >= 0),
    revision BIGINT NOT NULL DEFAULT 1,
    -- The last word on money that is not there, whatever the code above it believes. A settlement account mirrors the world outside and
    -- owes what the customers own.
    CONSTRAINT not_overdrawn CHECK (kind = 'settlement' OR balance >= -overdraft_limit)
);

-- One settlement and one holding account a currency.
CREATE UNIQUE INDEX account_of_the_house ON account (currency, kind) WHERE kind <> 'customer';

CREATE TABLE transfer (
    id BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    kind TEXT NOT NULL CHECK (kind IN ('deposit', 'transfer', 'hold', 'paid', 'release')),
    from_account BIGINT NOT NULL REFERENCES account (id),
    to_account BIGINT NOT NULL REFERENCES account (id),
    amount BIGINT NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    reference TEXT,
    posted_at BIGINT NOT NULL, -- Unix milliseconds
    CHECK (from_account <> to_account)
);

CREATE TABLE entry (
    id BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    transfer BIGINT NOT NULL REFERENCES transfer (id),
    account BIGINT NOT NULL REFERENCES account (id),
    amount BIGINT NOT NULL CHECK (amount <> 0),
    balance_after BIGINT NOT NULL
);

CREATE INDEX entry_of_account ON entry (account, id);
CREATE INDEX entry_of_transfer ON entry (transfer);

CREATE TABLE payout (
    id BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    state TEXT NOT NULL CHECK (state IN ('held', 'paid', 'released')),
    account BIGINT NOT NULL REFERENCES account (id),
    amount BIGINT NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    destination TEXT NOT NULL,
    provider TEXT, -- who was asked to pay it, or is about to be; null: nobody yet
    provider_key TEXT NOT NULL UNIQUE, -- what the provider knows it by
    provider_reference TEXT
);

CREATE INDEX payout_open ON payout (id) WHERE state = 'held';

-- The export has no unique key on purpose: that each entry arrives once is the queue's promise, and GET /audit counts.
CREATE TABLE analytics_entry (
    entry BIGINT NOT NULL,
    account BIGINT NOT NULL,
    currency TEXT NOT NULL,
    amount BIGINT NOT NULL,
    posted_at BIGINT NOT NULL
);
END
$make$;

DO $make$
BEGIN
IF to_regclass('statement') IS NOT NULL THEN RETURN; END IF;

-- How far the import of each uploaded file is. It moves in the commit that posts the lines.
CREATE TABLE statement (
    upload TEXT PRIMARY KEY,
    line BIGINT NOT NULL, -- lines read, and the byte at which the next one begins
    position BIGINT NOT NULL,
    lines BIGINT NOT NULL,
    posted BIGINT NOT NULL,
    rejected BIGINT NOT NULL
);

CREATE TABLE statement_line (
    upload TEXT NOT NULL,
    line BIGINT NOT NULL,
    transfer BIGINT NOT NULL REFERENCES transfer (id),
    PRIMARY KEY (upload, line)
);

CREATE TABLE statement_rejection (
    upload TEXT NOT NULL,
    line BIGINT NOT NULL,
    code TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (upload, line)
);
END
$make$;
