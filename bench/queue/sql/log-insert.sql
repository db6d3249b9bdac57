INSERT INTO raw_segment (xid, id, body)
SELECT (SELECT pg_current_xact_id()::text::bigint), nextval('raw_id'), '{"number":' || n || ',"sentAt":1795273200000000,"transfer":"00000001-0001-0002-0304-05060708090a","from":"account-000000000001","to":"account-000000000002","amount":"1250","currency":"EUR","reference":"Invoice 2026-0001, thank you for your order, please do not answer"}'
FROM generate_series(1, 100) n;
