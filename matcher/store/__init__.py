"""Tables, migrations and queries: the embedded SQLite by default, PostgreSQL by URL."""
