DROP TABLE surety_upload;
