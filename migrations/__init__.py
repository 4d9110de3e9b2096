"""PostgreSQL schema as plain SQL, forward only."""
