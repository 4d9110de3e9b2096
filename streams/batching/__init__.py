"""Micro-batching transport, table and recovery for Faust."""
