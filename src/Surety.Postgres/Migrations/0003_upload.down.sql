DROP TABLE $schema$.upload;
