"""Write text of nearly ``Limits.document_bytes`` that is the worst of its size for the readers of texts."""

from __future__ import annotations

import struct
from typing import Final

from hostile_files import ANSWERED, INCOMPLETE, INCOMPLETE_OR_FAIL, HostileFile, Writer, write_numbered, write_repeated

_LONGEST: Final = 67_000_000
"""Bytes of a text just below ``Limits.document_bytes``."""
_LONGEST_TABLE: Final = 2_090_000
"""Bytes of TOML just below what is parsed."""


def _fill(start: bytes, item: bytes, end: bytes = b"", size: int = _LONGEST) -> Writer:
    """Return a writer of copies of ``item`` between ``start`` and ``end``, about ``size`` bytes in all."""
    return write_repeated(start, item, (size - len(start) - len(end)) // len(item), end)


def _fill_numbered(start: bytes, pattern: bytes, end: bytes = b"", size: int = _LONGEST) -> Writer:
    """Return a writer of ``pattern`` with one number after the other, about ``size`` bytes in all."""
    count = (size - len(start) - len(end)) // len(pattern % 0)
    return write_numbered(start, lambda number: pattern % number, count, end)


_MARKDOWN_START: Final = b'{"cells":[{"cell_type":"markdown","metadata":{},"source":['
_CODE_CELL: Final = b'{"cell_type":"code","metadata":{},"outputs":[],"source":["a = %07d"]},'
_NOTEBOOK_END: Final = b'{"cell_type":"raw","metadata":{},"source":[]}],"metadata":{},"nbformat":4,"nbformat_minor":5}'
_LINES_START: Final = b'{"cells":[{"cell_type":"code","metadata":{},"outputs":[],"source":['
_LINES_END: Final = b'""]},' + _NOTEBOOK_END
_CONCAT_START: Final = b'node{name:"a" op:"b"}\nnode{name:"c" op:"Concat" '
_CONSTANT_START: Final = (
    b'node{name:"a" op:"b"}\nnode{op:"Const" attr{key:"value" value{tensor{dtype:DT_STRING tensor_content:"'
)
_LIGHTGBM_START: Final = b"tree\nversion=v4\nnum_class=1\n\n"
_MATLAB_START: Final = b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM"
_MATLAB_ARRAY: Final = struct.pack("<6I", 14, 16, 6, 8, 0, 0)  # an array, its length, and its flags
_WIDE: Final = "\U0001f600".encode()
"""A character that makes a whole text take four bytes a character."""

TEXTS: Final[dict[str, HostileFile]] = {
    "xml-elements": HostileFile("a.xml", _fill(b"<a>", b"<b/>", b"</a>"), INCOMPLETE),
    "xml-numbered-elements": HostileFile("a.xml", _fill_numbered(b"<a>", b"<b%07d/>", b"</a>"), INCOMPLETE),
    "xml-attributes-16mb": HostileFile("a.xml", _fill_numbered(b"<a", b' b%07d=""', b"/>", 16_000_000), INCOMPLETE),
    "xml-namespaces": HostileFile("a.xml", _fill_numbered(b"<a>", b'<b xmlns="urn:%07d"/>', b"</a>"), INCOMPLETE),
    "xml-attribute-lists": HostileFile(
        "a.xml", _fill_numbered(b"<!DOCTYPE a [", b'<!ATTLIST b%07d a CDATA "">', b"]><a/>"), INCOMPLETE
    ),
    "html-open-tags": HostileFile("a.html", _fill(b"<html>", b"<"), ANSWERED),
    "html-wide-text": HostileFile("a.html", _fill(b"<html>" + _WIDE, b"a"), ANSWERED),
    "markdown-links": HostileFile("README.md", _fill_numbered(b"", b"[a](b%07d.pkl)\n"), INCOMPLETE),
    "markdown-brackets": HostileFile("README.md", _fill(b"", b"["), INCOMPLETE),
    "markdown-wide-text": HostileFile("README.md", _fill(_WIDE, b"a\n"), INCOMPLETE),
    "card-front-matter": HostileFile("README.md", _fill_numbered(b"---\n", b"k%07d: 1\n", b"---\n"), ANSWERED),
    "html-script-sources": HostileFile(
        "a.html", _fill_numbered(b"<html>", b'<script src="https://a/%07d"></script>'), INCOMPLETE_OR_FAIL
    ),
    "svg-scripts": HostileFile("a.svg", _fill(b"<svg>", b"<script>a</script>", b"</svg>"), INCOMPLETE_OR_FAIL),
    "csv-rows": HostileFile("a.csv", _fill(b"a\n", b"=1\n"), ANSWERED),
    "csv-columns": HostileFile("a.csv", _fill(b"a", b","), ANSWERED),
    "license-words": HostileFile("LICENSE", _fill_numbered(b"", b"w%07d ", size=50_000_000), INCOMPLETE),
    "license-names": HostileFile("LICENSE", _fill(b"", b"Apache License 2.0\n", size=50_000_000), INCOMPLETE),
    "toml-keys-8mb": HostileFile("a.toml", _fill_numbered(b"", b"k%07d=1\n", size=8_300_000), INCOMPLETE),
    "toml-keys": HostileFile("a.toml", _fill_numbered(b"", b"k%07d=1\n"), INCOMPLETE),
    "toml-list-2mb": HostileFile("a.toml", _fill(b"a=[", b"[],", b"]", _LONGEST_TABLE), INCOMPLETE),
    "toml-dotted-key-2mb": HostileFile("a.toml", _fill(b"a", b".a", b"=1", _LONGEST_TABLE), INCOMPLETE),
    "requirements-lines": HostileFile("requirements.txt", _fill_numbered(b"", b"p%07d\n"), INCOMPLETE),
    "requirements-continued": HostileFile("requirements.txt", _fill(b"a", b"\\\n"), INCOMPLETE),
    "requirements-addresses": HostileFile(
        "requirements.txt", _fill_numbered(b"", b"p @ https://a.b/%07d.whl\n"), INCOMPLETE_OR_FAIL
    ),
    "spacy-factories-1mb": HostileFile(
        "config.cfg", _fill_numbered(b"[components.a]\n", b'@x%06d = "f"\n', size=1_040_000), INCOMPLETE_OR_FAIL
    ),
    "matlab-arrays": HostileFile("a.mat", _fill(_MATLAB_START, _MATLAB_ARRAY), INCOMPLETE),
    "pth-imports": HostileFile("a.pth", _fill(b"", b"import a\n"), INCOMPLETE_OR_FAIL),
    "safetensors-index": HostileFile(
        "model.safetensors.index.json",
        _fill_numbered(b'{"weight_map":{"a":"a"', b',"a":"%07d.safetensors"', b"}}", 30_000_000),
        INCOMPLETE,
    ),
    "notebook-cells": HostileFile("a.ipynb", _fill_numbered(b'{"cells":[', _CODE_CELL, _NOTEBOOK_END), INCOMPLETE),
    "jinja-variables": HostileFile("a.jinja", _fill(b"", b"{{ a }}"), INCOMPLETE),
    "jinja-variables-2mb": HostileFile("a.jinja", _fill(b"", b"{{ a }}", size=2_000_000), INCOMPLETE),
    "jinja-wide-text": HostileFile("a.jinja", _fill(_WIDE, b"{{ a }}"), INCOMPLETE),
    "python-wide-text": HostileFile("a.py", _fill(b"'''" + _WIDE, b"a\n", b"'''\n"), INCOMPLETE),
    "notebook-markdown": HostileFile("a.ipynb", _fill(_MARKDOWN_START, b'"a\\n",', _LINES_END), INCOMPLETE),
    "notebook-lines": HostileFile("a.ipynb", _fill(_LINES_START, b'"a\\n",', _LINES_END), INCOMPLETE),
    "xgboost-text": HostileFile("a.txt", _fill_numbered(b"", b"booster[%07d]:\n0:leaf=1\n"), ANSWERED),
    "lightgbm-trees": HostileFile(
        "a.txt", _fill_numbered(_LIGHTGBM_START, b"Tree=%07d\nnum_leaves=1\n\n", b"end of trees\n"), ANSWERED
    ),
    "xgboost-lists": HostileFile(
        "a.json", _fill(b'{"learner":{"objective":{"name":"a"},"a":[', b"[],", b"[]]}}", 14_900_000), ANSWERED
    ),
    "caffe-text-types": HostileFile("a.prototxt", _fill_numbered(b"", b'layer{type:"t%07d" top:"x"}\n'), INCOMPLETE),
    "protobuf-text-string": HostileFile("a.pbtxt", _fill(_CONSTANT_START, b"a", b'"}}}}'), INCOMPLETE),
    "protobuf-text-inputs": HostileFile("a.pbtxt", _fill_numbered(_CONCAT_START, b'input:"%07d" ', b"}"), INCOMPLETE),
    "protobuf-text-nodes": HostileFile("a.pbtxt", _fill_numbered(b"", b'node{name:"%07d" op:"a"}\n'), INCOMPLETE),
}
