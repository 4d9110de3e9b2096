"""The WebSocket edge: changelog in, diffs out."""
