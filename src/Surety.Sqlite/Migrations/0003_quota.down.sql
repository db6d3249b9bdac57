DROP TABLE surety_quota;
