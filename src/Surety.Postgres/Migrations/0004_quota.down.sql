DROP TABLE $schema$.quota;
