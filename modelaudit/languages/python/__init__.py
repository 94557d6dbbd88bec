"""Source code of Python by its syntax tree: what it imports and calls, when, and under which disguise."""
