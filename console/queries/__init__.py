"""What the pages and the API read from the database, a noun a file: functions that take a session and return values."""
