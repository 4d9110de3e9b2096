"""Revisions in order; each runs one file of ``migrations/sql``."""
