"""Scripts as the commands that they are made of. Nothing here reads a file: what does is ``readers/scripts.py``."""
