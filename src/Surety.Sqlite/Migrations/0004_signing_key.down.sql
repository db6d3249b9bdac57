DELETE FROM surety_meta WHERE name = 'signing_key';
