-- The least a queue of rows needs: what is to be done, and whether somebody has it.
CREATE TABLE raw_job (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, claimed boolean NOT NULL DEFAULT false, body text NOT NULL);
CREATE INDEX raw_job_ready ON raw_job (id) WHERE NOT claimed;
