"""Kafka adapters by aiokafka: appending, reading, topics."""
