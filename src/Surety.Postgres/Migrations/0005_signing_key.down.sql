DELETE FROM $schema$.meta WHERE name = 'signing_key';
