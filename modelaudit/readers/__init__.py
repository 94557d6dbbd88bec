"""Bytes to structure, one module a format. No opinions and no execution."""
