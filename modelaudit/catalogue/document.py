"""Parse a YAML file of the rule set into plain values, and find the line of each of them.

The subset of YAML is small: mappings with text keys, sequences and scalars. Tags, anchors, aliases and duplicate keys
are errors, because a reviewer of a rule set must be able to read its meaning from the text alone. Scalars follow the
core schema of YAML 1.2 (section 10.3.2), where ``on`` and ``no`` are words and not booleans. Octal, hexadecimal,
infinite and undefined numbers are left out: they stay text.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import yaml
from msgspec import Struct

from modelaudit.model.errors import ConfigurationError
from modelaudit.model.lazy_pattern import defer_pattern

Data = dict[str, "Data"] | list["Data"] | str | int | float | bool | None
Place = tuple[str | int, ...]
"""Keys and indices from the root of a document down to a value."""

MAX_DEPTH = 16
MAX_BYTES = 4 * 1024 * 1024

_PARSER = yaml.CBaseLoader if yaml.__with_libyaml__ else yaml.BaseLoader
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = defer_pattern(r"[-+]?[0-9]{1,18}", re.ASCII)
# "1.5", "-.5e3" or "1e-3": a full stop with digits behind it, or an exponent. Other than in YAML 1.2, "1." stays text.
_DECIMAL = defer_pattern(r"[-+]?[0-9]*(\.[0-9]+([eE][-+]?[0-9]+)?|(?<=[0-9])\.?[eE][-+]?[0-9]+)", re.ASCII)


class Document(Struct, frozen=True):
    """A file of the rule set.

    Attributes:
        label: its name in messages.
        is_installed: whether it is a file of this installation or equal to it; its patterns are tested and need no
            check.
    """

    label: str
    text: str
    data: Data
    is_installed: bool = False

    def error(self, message: str, place: Place = ()) -> ConfigurationError:
        """Make an error with this file and the line of ``place``, or of the deepest part of ``place`` that exists."""
        return ConfigurationError(f"{self.label}:{self.line_of(place)}: {message}")

    def line_of(self, place: Place) -> int:
        """Return the line, from 1, of the value at ``place``; for an entry of a mapping, the line of its key.

        Where a step of ``place`` does not exist, it is the line of the step before.
        """
        # The text is parsed again, because plain values have no lines and only an error needs one.
        return LineIndex(self.text).find(place)


class LineIndex:
    """The lines of all values of a document. One index answers for many places without parsing the text again."""

    def __init__(self, text: str) -> None:
        self._root = yaml.compose(text, Loader=_PARSER)

    def find(self, place: Place) -> int:
        """Return the line of ``place``, as ``Document.line_of`` does."""
        node = self._root
        line = node.start_mark.line if node is not None else 0
        for step in place:
            child = _find_child(node, step)
            if child is None:
                break
            line, node = child
        return line + 1

    def find_column_of_list(self, key: str, default: int) -> int:
        """Return the column, from 0, of the list at the top-level key ``key``; ``default`` where there is no list."""
        child = _find_child(self._root, key)
        is_list = child is not None and isinstance(child[1], yaml.SequenceNode)
        return child[1].start_mark.column if child is not None and is_list else default


def read_document(path: Path, label: str, *, is_installed: bool = False, is_shared: bool = False) -> Document:
    """Read one file.

    Args:
        path: the file.
        label: its name in messages.
        is_installed: as in ``Document``.
        is_shared: whether to keep its values for further files with the same text and label. No reader changes values.

    Raises:
        ConfigurationError: it cannot be read, is not UTF-8, is not YAML, or uses more of YAML than the subset.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{label}: cannot be read: {error.strerror or error}") from error
    if len(raw) > MAX_BYTES:
        raise ConfigurationError(f"{label}: is larger than {MAX_BYTES} bytes; remove entries that no longer apply")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{label}:{line}: is not UTF-8 at byte {error.start}; write YAML in UTF-8") from error
    del raw  # the values of a large file take several times its bytes
    parse = _parse_once if is_shared else parse_text
    return Document(label, text, parse(text, label), is_installed)


def parse_text(text: str, label: str) -> Data:
    """Parse one YAML document into plain values. Raises ``ConfigurationError`` as ``read_document`` does."""
    parser: Any = _PARSER(text)  # the loaders of PyYAML have no common type
    try:
        return _DataBuilder(parser.get_event, label).build_document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f"{mark.line + 1}" if mark is not None else "1"
        raise ConfigurationError(f"{label}:{line}: is not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{label}: is not YAML: {error}") from error
    finally:
        parser.dispose()


_MOST_SHARED_TEXTS: Final = 2_048
"""More than the files of a rule set."""
_parse_once = functools.lru_cache(maxsize=_MOST_SHARED_TEXTS)(parse_text)


class _DataBuilder:
    """Builds values from the parser's events. PyYAML's own constructor would hide duplicate keys and aliases."""

    def __init__(self, take_event: Callable[[], yaml.Event], label: str) -> None:
        self._take_event = take_event
        self._label = label

    def build_document(self) -> Data:
        """Build the value of the only document; ``None`` for an empty file. Raises for a second document."""
        self._take_event()  # Start of the stream.
        if isinstance(self._take_event(), yaml.StreamEndEvent):
            return None
        data = self._build_value(self._take_event(), 0)
        self._take_event()  # End of the document.
        event = self._take_event()
        if not isinstance(event, yaml.StreamEndEvent):
            raise self._error(event, "a second document begins; one file holds one")
        return data

    def _build_value(self, event: yaml.Event, depth: int) -> Data:
        """Build the value that begins with ``event``, within ``depth`` mappings and sequences.

        Raises:
            ConfigurationError: it is an alias, has an anchor or a tag, or is nested too deeply.
        """
        # Nearly all values are such scalars. ``implicit[0]`` is true for one without quotes; a quoted one stays text.
        if type(event) is yaml.ScalarEvent and event.anchor is None and event.tag is None:
            return parse_scalar(event.value) if event.implicit[0] else event.value
        if isinstance(event, yaml.AliasEvent):
            raise self._error(event, f"the alias *{event.anchor} is not allowed; write the value out")
        if not isinstance(event, yaml.ScalarEvent | yaml.MappingStartEvent | yaml.SequenceStartEvent):
            raise self._error(event, "a value is missing")
        if event.anchor is not None:
            raise self._error(event, f"the anchor &{event.anchor} is not allowed; write the value out where it is used")
        if event.tag is not None:
            raise self._error(event, f"the tag {event.tag} is not allowed")
        if depth == MAX_DEPTH:
            raise self._error(event, f"is nested more than {MAX_DEPTH} deep")
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        return self._build_mapping(depth + 1) if is_mapping else self._build_sequence(depth + 1)

    def _build_sequence(self, depth: int) -> list[Data]:
        """Build the sequence whose start event was read, up to its end event."""
        items: list[Data] = []
        take_event, build_value, end = self._take_event, self._build_value, yaml.SequenceEndEvent
        while type(event := take_event()) is not end:
            items.append(build_value(event, depth))
        return items

    def _build_mapping(self, depth: int) -> dict[str, Data]:
        """Build the mapping whose start event was read, up to its end event. Raises for a key that is repeated."""
        entries: dict[str, Data] = {}
        take_event, build_value, end = self._take_event, self._build_value, yaml.MappingEndEvent
        while type(event := take_event()) is not end:
            if type(event) is not yaml.ScalarEvent or event.anchor is not None or event.tag is not None:
                raise self._error(event, "a key must be plain text")
            key: str = event.value
            if key in entries:
                raise self._error(event, f"the key {key!r} is there twice; remove one")
            entries[key] = build_value(take_event(), depth)
        return entries

    def _error(self, event: yaml.Event, message: str) -> ConfigurationError:
        """Make an error with this file and the line of ``event``."""
        line = event.start_mark.line + 1 if event.start_mark is not None else 1
        return ConfigurationError(f"{self._label}:{line}: {message}")


def parse_scalar(text: str) -> str | int | float | bool | None:
    """Parse an unquoted scalar by the core schema of YAML 1.2."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in "+-.0123456789":
        if _INTEGER.fullmatch(text):
            return int(text)
        if _DECIMAL.fullmatch(text):
            return float(text)
    return text


def _find_child(node: yaml.Node | None, step: str | int) -> tuple[int, yaml.Node] | None:
    """Find the child of a node by key or index; return its line, from 0, and the child; ``None`` if there is none."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(step):
                return key.start_mark.line, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and 0 <= step < len(node.value):
        return node.value[step].start_mark.line, node.value[step]
    return None
