"""Take the values of a document that a source reads: ``json.load(open("config.json"))["backend"]``.

A file of the model can spell the names that its code looks up. The source is evaluated with the values of that file, so
that ``getattr(import_module(config["a"]), config["b"])`` becomes the call that it is.
"""

from __future__ import annotations

import csv
import json
import tomllib
from collections.abc import Callable, Mapping
from typing import Any, Final

import yaml

from modelaudit.languages.python.call import Call
from modelaudit.languages.python.loaded_files import find_opened_file, tag_read_path
from modelaudit.languages.python.values import Constant, Container, PlainValue, Provenance, Value
from modelaudit.model.lazy_pattern import defer_pattern

ReadFile = Callable[[str], str]
"""Returns the text of a file of the model by the path that a source writes; empty if there is none, or it is large."""

_LONGEST_DOCUMENT: Final = 100_000  # characters
_MOST_ITEMS: Final = 1_000  # of one list or mapping
_MOST_VALUES: Final = 10_000  # of one document
_DEEPEST: Final = 20
_TEXT_READERS: Final = frozenset({"builtins.open.read", "io.open.read", "pathlib.Path.open.read", "codecs.open.read"})
_LINE_READERS: Final = frozenset({"builtins.open.readlines", "io.open.readlines", "pathlib.Path.open.readlines"})
# A text with an anchor or a tag could grow, or make an object.
_UNUSUAL_YAML: Final = defer_pattern(r"(?:^|[\s\[,:{-])[&*!][\w!/]")


def _parse_yaml(text: str) -> object:
    """Return the values of a document in YAML; ``None`` if it has anchors or tags."""
    return None if _UNUSUAL_YAML.search(text) else yaml.safe_load(text)


def _parse_rows(text: str) -> object:
    """Return the rows of a table."""
    return list(csv.reader(text.splitlines()))


def _parse_records(text: str) -> object:
    """Return the rows of a table, each as a mapping."""
    return [dict(row) for row in csv.DictReader(text.splitlines())]


_PARSERS: Final[Mapping[str, Callable[[str], object]]] = {
    **dict.fromkeys(("json.load", "json.loads", "simplejson.load", "simplejson.loads", "orjson.loads"), json.loads),
    **dict.fromkeys(("ujson.load", "ujson.loads", "json5.load", "json5.loads"), json.loads),
    **dict.fromkeys(
        ("yaml.safe_load", "yaml.load", "yaml.full_load", "yaml.unsafe_load", "omegaconf.OmegaConf.load"), _parse_yaml
    ),
    **dict.fromkeys(
        ("tomllib.load", "tomllib.loads", "tomli.load", "tomli.loads", "toml.load", "toml.loads"), tomllib.loads
    ),
    "csv.reader": _parse_rows,
    "csv.DictReader": _parse_records,
}
_READING_METHODS: Final = frozenset({"read", "readlines", "read_text", "read_bytes"})


def may_read_document(name: str) -> bool:
    """Whether a call of this name may give the values, or the text, of a document."""
    return name in _PARSERS or name.rpartition(".")[2] in _READING_METHODS


def read_document(call: Call, read_file: ReadFile) -> Value | None:
    """Return what a call takes from a file of the model; ``None`` if it reads no such file."""
    read_path = tag_read_path(call)
    if call.name in _TEXT_READERS or call.name in _LINE_READERS or read_path:
        text = _read_opened(call.tags | read_path, read_file)
        if not text:
            return None
        return make_value(text.splitlines(keepends=True) if call.name in _LINE_READERS else text)
    parse = _PARSERS.get(call.name)
    if parse is None or not call.args:
        return None
    first = call.args[0]
    if isinstance(first, Constant):
        is_path = call.name == "omegaconf.OmegaConf.load" and isinstance(first.value, str)
        text = read_file(str(first.value)) if is_path else _get_text(first)
    else:
        text = _read_opened(call.argument_tags, read_file)
    if not text or len(text) > _LONGEST_DOCUMENT:
        return None
    try:
        return make_value(parse(text))
    except (ValueError, RecursionError, yaml.YAMLError, csv.Error):
        return None


def _get_text(value: Constant) -> str:
    """Return a constant text, or the text of constant bytes."""
    if isinstance(value.value, bytes):
        return value.value.decode("utf-8", "replace")
    return value.value if isinstance(value.value, str) else ""


def _read_opened(tags: frozenset[str], read_file: ReadFile) -> str:
    """Return the text of the one file that values with these tags were read from; empty for any other."""
    path = find_opened_file(tags)
    text = read_file(path) if path else ""
    return text if len(text) <= _LONGEST_DOCUMENT else ""


def make_value(tree: Any) -> Value | None:
    """Return the value of a tree of plain values; ``None`` if it is large, or empty."""
    left = [_MOST_VALUES]
    return None if tree is None else _make_value(tree, left, _DEEPEST)


def _make_value(tree: Any, left: list[int], depth: int) -> Value | None:
    """Return the value of one node; ``left`` holds the number of nodes that may follow."""
    left[0] -= 1
    if left[0] < 0 or depth <= 0:
        return None
    if isinstance(tree, str | bytes | int | float | bool | None):
        return Constant(tree, Provenance.COMPUTED)
    if not isinstance(tree, list | dict) or len(tree) > _MOST_ITEMS:
        return None
    items = list(tree.values()) if isinstance(tree, dict) else tree
    if isinstance(tree, list) and all(isinstance(each, str | int | float) for each in items):
        left[0] -= len(items)
        return Constant(tuple(items), Provenance.COMPUTED)
    values = [_make_value(each, left, depth - 1) for each in items]
    known = tuple(each for each in values if each is not None)
    if len(known) < len(values):
        return None
    keys: tuple[PlainValue, ...] = tuple(_make_key(each) for each in tree) if isinstance(tree, dict) else ()
    return Container(known, keys)


def _make_key(key: object) -> PlainValue:
    """Return a key of a mapping; ``None`` if it is not a plain value."""
    return key if isinstance(key, str | int | float | bool) else None
