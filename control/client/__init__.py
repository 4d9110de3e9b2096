"""An asyncio client of ``presence.v1``: one socket at a time, reconnecting and resuming by itself."""
