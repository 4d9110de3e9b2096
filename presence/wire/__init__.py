"""Versioned JSON codecs of everything that leaves the process."""
