"""Scripts as the commands that they are made of. Nothing here reads a file: what does is ``formats/documents/scripts.py``."""
