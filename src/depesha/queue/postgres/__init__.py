"""The memory on PostgreSQL: the same rules as on SQLite, for several gateways at once."""
