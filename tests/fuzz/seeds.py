"""Provide the files to mutate: every fixture, and files that the standard library and NumPy write here."""

from __future__ import annotations

import bz2
import collections
import datetime
import decimal
import gzip
import io
import lzma
import pickle
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from support.fixtures import FIXTURES, WRITTEN, fixture_name

SIZE_KEPT = 1 << 18
"""Bytes of a fixture that are kept: longer fixtures only repeat themselves."""


LONGEST_NAME = 64
"""Bytes of a file name in a packed input."""


@dataclass(frozen=True, slots=True)
class Seed:
    """A file to mutate; ``name`` is its path below ``fixtures``, or ``written/`` and a name."""

    name: str
    data: bytes


def pack_input(name: str, data: bytes) -> bytes:
    """Return one run of bytes for a fuzzer that knows no file names: the end of the name, a line feed, and the file."""
    return name.encode()[-LONGEST_NAME:] + b"\n" + data


def split_input(packed: bytes) -> tuple[str, bytes]:
    """Return the file name and the bytes of the file; a first line that is too long for a name is part of the file."""
    line, end, rest = packed.partition(b"\n")
    if not end or len(line) > LONGEST_NAME:
        return "model.bin", packed
    name = "".join(character for character in line.decode("utf-8", "replace") if character.isprintable())
    return name.replace("/", "_") or "model.bin", rest


@cache
def list_seeds(only: str = "") -> tuple[Seed, ...]:
    """Return every seed whose name contains ``only``, in an order that does not depend on the machine."""
    return tuple(seed for seed in (*_read_fixtures(), *_write_files()) if only in seed.name and seed.data)


def _read_fixtures() -> Iterator[Seed]:
    """Yield all fixtures, so that those of a new reader become seeds without further work."""
    paths = (path for path in (*FIXTURES.glob("*/**/*"), *WRITTEN.glob("**/*")) if path.is_file())
    for name, path in sorted((fixture_name(path), path) for path in paths):
        yield Seed(name, path.read_bytes()[:SIZE_KEPT])


def _make_values() -> object:
    """Return values whose pickles have many different opcodes; the list ``shared`` is pickled once."""
    shared = [1, "two", 3.0]
    return {
        "ordered": collections.OrderedDict(a=shared, b=shared),
        "when": datetime.datetime(2020, 1, 2, 3, 4, 5),
        "exact": decimal.Decimal("1.5"),
        "counted": collections.Counter("abca"),
        "bytes": [b"x" * 300, bytearray(b"y"), 2**80, -1, None, True, {1, 2}, frozenset("z"), 1 + 2j],
    }


def _write_files() -> Iterator[Seed]:
    """Yield pickles of every protocol, and one pickle in each kind of compressed file and archive."""
    for protocol in range(6):
        yield Seed(f"written/protocol-{protocol}.pkl", pickle.dumps(_make_values(), protocol))
    program = pickle.dumps(_make_values(), 2)
    yield Seed("written/values.pkl.gz", gzip.compress(program, mtime=0))
    yield Seed("written/values.pkl.bz2", bz2.compress(program))
    yield Seed("written/values.pkl.xz", lzma.compress(program))
    yield Seed("written/values.pkl.lzma", lzma.compress(program, lzma.FORMAT_ALONE))
    yield Seed("written/values.pkl.z", zlib.compress(program))
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        yield Seed(f"written/method-{method}.zip", build_zip({"data.pkl": program, "notes.txt": b"words\n"}, method))
    for format_ in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        yield Seed(
            f"written/format-{format_}.tar", build_tar({"data.pkl": program, "x/" * 40 + "é.txt": b"x"}, format_)
        )
    yield Seed("written/compressed.tar.gz", gzip.compress(build_tar({"data.pkl": program}), mtime=0))
    yield from _write_arrays()


def _write_arrays() -> Iterator[Seed]:
    """Yield arrays as NumPy writes them, and as pickles; yield nothing without NumPy."""
    try:
        import numpy as np
    except ImportError:
        return
    arrays = {"plain": np.arange(6.0).reshape(2, 3), "object": np.array([{"a": 1}, None], dtype=object)}
    arrays["record"] = np.zeros(2, dtype=[("x", "<f4"), ("y", "S3")])
    for name, array in arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=True)
        yield Seed(f"written/{name}.npy", buffer.getvalue())
        yield Seed(f"written/array-{name}.pkl", pickle.dumps(array, 4))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    # NumPy writes the current time into the archive; rebuilding it without the time makes runs repeatable.
    with zipfile.ZipFile(buffer) as archive:
        yield Seed("written/arrays.npz", build_zip({name: archive.read(name) for name in archive.namelist()}))


def build_zip(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Build a ZIP archive, always with the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


def build_tar(members: dict[str, bytes], format_: int = tarfile.PAX_FORMAT) -> bytes:
    """Build a tar archive, always with the same bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format_) as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
