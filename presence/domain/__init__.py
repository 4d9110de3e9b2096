"""Pure rules of presence: events, state, fold, merge. No clock, no chance, no I/O."""
