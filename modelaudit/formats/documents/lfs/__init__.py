"""Pointers of Git LFS: a few lines that stand where the content of a file should be."""
