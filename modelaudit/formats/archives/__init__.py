"""Formats that contain other files: ZIP, tar and 7z archives, and compressed streams."""
