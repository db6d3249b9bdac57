-- Back to the wall clock: what is kept is kept for as long as it was to be.
CREATE TEMP TABLE surety_behind AS SELECT coalesce((SELECT CAST(strftime('%s', 'now') AS INTEGER) * 1000 - steady FROM surety_clock), 0) AS ms;
UPDATE surety_idempotency SET expires_at = expires_at + (SELECT ms FROM surety_behind);
UPDATE surety_unique SET until = until + (SELECT ms FROM surety_behind) WHERE until IS NOT NULL;
UPDATE surety_message SET keep_until = keep_until + (SELECT ms FROM surety_behind) WHERE keep_until IS NOT NULL;
UPDATE surety_upload SET expires_at = expires_at + (SELECT ms FROM surety_behind), look_at = look_at + (SELECT ms FROM surety_behind);
DROP TABLE surety_behind;
DROP TABLE surety_clock;
-- The program of before knows no such state. It must not take a key back that has ended.
UPDATE surety_api_key SET revoked_at = coalesce(expires_at, created_at) WHERE expired AND revoked_at IS NULL;
ALTER TABLE surety_api_key DROP COLUMN expired;
