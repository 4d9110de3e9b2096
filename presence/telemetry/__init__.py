"""Logs, metrics and health shared by every tier."""
