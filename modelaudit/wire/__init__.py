"""Bytes and bounds: windows, cursors, decompression, and the encodings that many formats share."""
