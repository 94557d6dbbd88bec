"""Run the loaders of hostile texts, as a program in a process of its own, and note what each text did.

Usage: ``python text_loaders.py MARKER JOBS``. MARKER is the path of the folder that a payload makes; JOBS is a JSON list
of pairs: the name of a loader and the path of a file. The answer is a JSON list of booleans on the standard output:
whether the payload ran.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import json
import lzma
import pickle
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jinja2
import yaml

ENCODINGS = (("utf-8", "strict"), ("utf-8", "replace"), ("utf-8-sig", "strict"), ("latin-1", "strict"),
             ("utf-16", "strict"), ("utf-16-le", "strict"))  # fmt: skip


def decode_in_each_encoding(data: bytes) -> Iterator[str]:
    """Yield the text in each encoding in which a program may open the file."""
    for encoding, errors in ENCODINGS:
        with contextlib.suppress(UnicodeError):
            yield data.decode(encoding, errors)


def list_template_renderings(data: bytes) -> Iterator[Callable[[], object]]:
    """Yield functions that each render a template in another way."""
    for text in decode_in_each_encoding(data):
        for extensions in ([], ["jinja2.ext.loopcontrols", "jinja2.ext.do"]):
            environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, extensions=extensions)
            yield lambda environment=environment, text=text: environment.from_string(text).render(messages=[])


def list_yaml_loads(data: bytes) -> Iterator[Callable[[], object]]:
    """Yield functions that each load YAML with its tags in another way."""
    inputs: tuple[Any, ...] = (data, *decode_in_each_encoding(data))
    for source in inputs:
        yield lambda source=source: yaml.unsafe_load(source)
        yield lambda source=source: list(yaml.load_all(source, yaml.UnsafeLoader))
    yield lambda: list(yaml.load_all(io.BytesIO(data), yaml.UnsafeLoader))


def list_pickle_loads(data: bytes) -> Iterator[Callable[[], object]]:
    """Yield functions that each load a pickle from a file in another compression."""
    for open_file in (gzip.open, bz2.open, lzma.open):
        yield lambda open_file=open_file: pickle.load(open_file(io.BytesIO(data)))
    yield lambda: pickle.loads(zlib.decompressobj().decompress(data))


LOADERS = {"jinja": list_template_renderings, "yaml": list_yaml_loads, "pickle": list_pickle_loads}


def run_payload(marker: Path, loader: str, path: str) -> bool:
    """Load a file in every way of ``loader`` until its payload has run.

    Returns:
        Whether the payload ran, which makes the folder ``marker``; the folder is removed again.
    """
    for load in LOADERS[loader](Path(path).read_bytes()):
        with contextlib.suppress(Exception):
            load()
        if marker.exists():
            marker.rmdir()
            return True
    return False


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    jobs = json.loads(Path(sys.argv[2]).read_text())
    json.dump([run_payload(Path(sys.argv[1]), loader, path) for loader, path in jobs], sys.stdout)
