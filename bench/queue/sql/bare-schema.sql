-- A table with a primary key, and one for an effect: no queue at all.
CREATE TABLE raw_bare (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text NOT NULL);
CREATE TABLE raw_receipt (id bigint PRIMARY KEY);
CREATE TABLE effect (number bigint PRIMARY KEY, amount text NOT NULL);
CREATE SEQUENCE raw_number;
