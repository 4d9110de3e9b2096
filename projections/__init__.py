"""What the log becomes: history, last seen, replay. Batches in, effects out; no Faust."""
