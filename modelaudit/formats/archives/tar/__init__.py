"""Tar archives: a listing with its contradictions, what was not read, and the members."""
