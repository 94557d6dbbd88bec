"""Serialised Java objects: which classes the stream names, each of which Java loads."""
