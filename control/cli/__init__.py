"""The `presence` command."""
