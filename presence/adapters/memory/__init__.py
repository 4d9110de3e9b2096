"""In-memory adapters: for unit tests and for users who test their own code."""
