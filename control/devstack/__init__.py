"""Real Kafka, PostgreSQL and Valkey as child processes, out of what pip brings."""
