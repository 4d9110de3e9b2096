"""Everything Faust: the fold of presence-events into the table, its timers, the history app."""
