"""Write documents and weights that are the worst of their size for their readers: many keys, a long or a wide text."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

from hostile_files import Writer, write_numbered


def write_safetensors_header(make_header: Callable[[], bytes]) -> Writer:
    """Return a writer of a safetensors file that has only this header."""

    def write(path: Path) -> None:
        header = make_header()
        path.write_bytes(struct.pack("<Q", len(header)) + header)

    return write


def make_tensor_rows(count: int) -> bytes:
    """Return a header that lists ``count`` tensors without numbers."""
    rows = (b'"%d":{"dtype":"I8","shape":[],"data_offsets":[0,0]}' % number for number in range(count))
    return b"{" + b",".join(rows) + b"}"


def _pack_text(text: bytes) -> bytes:
    """Return a text of GGUF: its length in eight bytes before it."""
    return struct.pack("<Q", len(text)) + text


def write_gguf_pairs(path: Path) -> None:
    """Write two million keys with a number of one byte each, 47 MB."""
    count = 2_000_000
    start = b"GGUF" + struct.pack("<IQQ", 3, 0, count)
    write_numbered(start, lambda number: _pack_text(b"k%07d" % number) + struct.pack("<IB", 0, 1), count)(path)


def write_gguf_tensors(path: Path) -> None:
    """Write a table of a million tensors of one number."""
    count = 1_000_000
    start = b"GGUF" + struct.pack("<IQQ", 3, count, 0)
    row = struct.pack("<IQIQ", 1, 0, 0, 0)
    write_numbered(start, lambda number: _pack_text(b"k%07d" % number) + row, count)(path)
