"""What is mutated: every fixture, whatever its format, and files that the standard library and numpy write here."""

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
"""Bytes of a fixture that are kept: what a longer one repeats tells nothing new."""


@dataclass(frozen=True, slots=True)
class Seed:
    """One file to begin with: its path below ``fixtures``, or what wrote it."""

    name: str
    data: bytes


@cache
def seeds(only: str = "") -> tuple[Seed, ...]:
    """Every seed whose name contains ``only``, in an order that does not depend on the machine."""
    return tuple(seed for seed in (*_fixtures(), *_written()) if only in seed.name and seed.data)


def _fixtures() -> Iterator[Seed]:
    """All files that are written for a scan, so that the fixtures of a new reader are seeds at once."""
    paths = (path for path in (*FIXTURES.glob("*/**/*"), *WRITTEN.glob("**/*")) if path.is_file())
    for name, path in sorted((fixture_name(path), path) for path in paths):
        yield Seed(name, path.read_bytes()[:SIZE_KEPT])


def _values() -> object:
    shared = [1, "two", 3.0]
    return {
        "ordered": collections.OrderedDict(a=shared, b=shared),
        "when": datetime.datetime(2020, 1, 2, 3, 4, 5),
        "exact": decimal.Decimal("1.5"),
        "counted": collections.Counter("abca"),
        "bytes": [b"x" * 300, bytearray(b"y"), 2**80, -1, None, True, {1, 2}, frozenset("z"), 1 + 2j],
    }


def _written() -> Iterator[Seed]:
    for protocol in range(6):
        yield Seed(f"written/protocol-{protocol}.pkl", pickle.dumps(_values(), protocol))
    program = pickle.dumps(_values(), 2)
    yield Seed("written/values.pkl.gz", gzip.compress(program, mtime=0))
    yield Seed("written/values.pkl.bz2", bz2.compress(program))
    yield Seed("written/values.pkl.xz", lzma.compress(program))
    yield Seed("written/values.pkl.lzma", lzma.compress(program, lzma.FORMAT_ALONE))
    yield Seed("written/values.pkl.z", zlib.compress(program))
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        yield Seed(f"written/method-{method}.zip", zipped({"data.pkl": program, "notes.txt": b"words\n"}, method))
    for format_ in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        yield Seed(f"written/format-{format_}.tar", tarred({"data.pkl": program, "x/" * 40 + "é.txt": b"x"}, format_))
    yield Seed("written/compressed.tar.gz", gzip.compress(tarred({"data.pkl": program}), mtime=0))
    yield from _arrays()


def _arrays() -> Iterator[Seed]:
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
    # The time of writing is in the archive; without it a run could not be repeated.
    with zipfile.ZipFile(buffer) as archive:
        yield Seed("written/arrays.npz", zipped({name: archive.read(name) for name in archive.namelist()}))


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP archive, the same bytes each time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


def tarred(members: dict[str, bytes], format_: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar archive, the same bytes each time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format_) as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
