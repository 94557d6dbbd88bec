"""Digests of the bytes that were read, against those that the source claims."""
