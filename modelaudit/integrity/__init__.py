"""Digests of files and of trees, their comparison with claims and with locks, and the lock file."""
