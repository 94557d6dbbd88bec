"""Containers that hold further files: zip, tar, 7z and compressed streams."""
