"""Read bytes within limits: windows, cursors, decompression, and the encodings that many formats share.

Every level above imports this package; it imports ``model`` alone. Its parsers take bytes, text or a window. They raise
``DamagedError`` for bytes that contradict their format, ``LimitReachedError`` at a limit and ``WindowError`` for reads
that fail, so that a reader turns each into an absence and none into silence.
"""
