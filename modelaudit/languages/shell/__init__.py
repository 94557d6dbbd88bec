"""Scripts as the commands that they are made of. ``formats/documents/scripts`` reads the files."""
