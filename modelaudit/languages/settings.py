"""The single values of JSON and YAML with the way to each, so that what a key means is written once for both."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import yaml

from modelaudit.model.limits import Limits
from modelaudit.model.structure import Location
from modelaudit.wire.base import LimitReachedError, Reading
from modelaudit.wire.deadline import keep_time
from modelaudit.wire.json_text import as_deep_as_the_parser_goes, keep_bounds, rows, whole_number
from modelaudit.wire.yaml_text import MERGE_KEY, YamlError, events, short_tag

_MAX_SETTINGS: Final = 300_000
_MAX_STEPS: Final = 10_000_000
_MAX_KEY_LENGTH: Final = 200

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Setting:
    """One single value.

    Attributes:
        path: the keys and, in lists, the positions that lead to it, as text: ``("auto_map", "AutoModel")``.
        value: of JSON as it is; of YAML the text, or ``None`` for null.
        line: from 1, where the format tells it.
        tag: the explicit tag that it, or the value around it that it stands for, carries in YAML; empty otherwise.
    """

    path: tuple[str, ...]
    value: Scalar
    line: int | None = None
    tag: str = ""
    _key: str | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def key(self) -> str:
        """The last key on the way that is no position in a list; empty where there is none.

        Twenty interpreters ask for it of hundreds of thousands of values: it is looked for once.
        """
        if self._key is None:
            object.__setattr__(self, "_key", next((step for step in reversed(self.path) if not step.isdigit()), ""))
        return self._key or ""

    @property
    def where(self) -> Location:
        """The place, for findings."""
        return Location(line=self.line, key=".".join(self.path)[:_MAX_KEY_LENGTH])

    def get_steps_below(self, key: str) -> tuple[str, ...] | None:
        """The steps that follow the last ``key`` on the way; ``None`` where the way does not pass it."""
        for index in range(len(self.path) - 1, -1, -1):
            if self.path[index] == key:
                return self.path[index + 1 :]
        return None


@dataclass(frozen=True, slots=True)
class Interpreter:
    """Somebody to whom keys of a configuration mean something.

    Attributes:
        keys: the document is only followed where one of these occurs at any depth; ``*`` stands for any.
        read: yields what the settings of a document with this path mean.
        marks: the document is followed too where this occurs in its text, whatever its keys.
        names: files of these names, in lower case, are followed whatever their keys are.
    """

    keys: frozenset[str]
    read: Callable[[str, Sequence[Setting], Limits], Iterator[Reading]]
    names: frozenset[str] = frozenset()
    marks: re.Pattern[str] | None = None

    def wants_document(self, met: Collection[str], name: str, text: str) -> bool:
        """Whether a document of this name, with these keys and this text, means something to it."""
        is_named = name in self.names or not self.keys.isdisjoint(met) or "*" in self.keys
        return is_named or (self.marks is not None and bool(self.marks.search(text)))


def parse_json_settings(text: str, limits: Limits) -> list[Setting]:
    """Every single value of one JSON text, keys that occur twice included.

    Raises:
        LimitReachedError: it holds more values than are followed, or nests too deep.
        ValueError: it is not JSON.
    """
    keep_bounds(text, replace(limits, document_nodes=min(_MAX_SETTINGS, limits.document_nodes)))
    with as_deep_as_the_parser_goes():
        top = json.JSONDecoder(object_pairs_hook=_ObjectPairs, parse_int=whole_number).decode(text)
    found: list[Setting] = []
    waiting: list[tuple[tuple[str, ...], object]] = [((), top)]
    steps = 0
    while waiting:
        keep_time()
        path, value = waiting.pop()
        if isinstance(value, list):
            steps += len(value) * (len(path) + 1)
            if steps > _MAX_STEPS:
                raise LimitReachedError(f"the ways to its values take more than {_MAX_STEPS} steps")
        if isinstance(value, _ObjectPairs):
            waiting += [((*path, key), inner) for key, inner in reversed(value)]
            if not value:
                found.append(Setting(path, None))
        elif isinstance(value, list):
            waiting += [((*path, str(index)), inner) for index, inner in reversed(list(enumerate(value)))]
        elif value is None or isinstance(value, str | int | float | bool):
            found.append(Setting(path, value))
    return found


def parse_row_settings(text: str, limits: Limits) -> tuple[list[Setting], LimitReachedError | None]:
    """Every single value of a text of one JSON value a line, each below its row's number, and the bound reached.

    Raises:
        ValueError: a line is not JSON.
    """
    found: list[Setting] = []
    for number, row in enumerate(rows(text)):
        found += (replace(each, path=(str(number), *each.path)) for each in parse_json_settings(row, limits))
        if len(found) > _MAX_SETTINGS:
            return found, LimitReachedError(f"its rows hold more than {_MAX_SETTINGS} single values")
    return found, None


class _ObjectPairs(list[tuple[str, object]]):
    """An object as it stands: keys may occur twice, and which of them counts is for each parser to say."""


@dataclass(slots=True)
class _OpenCollection:
    """An open collection of YAML: the way to it, and the key or position whose value comes next.

    Attributes:
        merges: it is the list of a merge key, whose items are put into the mapping around it.
        anchor: by which it can be put elsewhere, and ``start``, the number of its first setting.
    """

    path: tuple[str, ...]
    is_mapping: bool
    tag: str
    merges: bool = False
    anchor: str = ""
    start: int = 0
    key: str | None = None
    index: int = 0

    def get_next_path(self) -> tuple[str, ...]:
        """The way to the value that comes next."""
        if self.merges or (self.is_mapping and self.key == MERGE_KEY):
            return self.path
        return (*self.path, (self.key or "") if self.is_mapping else str(self.index))


def parse_yaml_settings(text: str, limits: Limits) -> tuple[list[Setting], LimitReachedError | None]:
    """Every single value of a YAML text of any number of documents, and the bound that stopped it, if one did.

    Where it is not YAML, the values before the fault are returned. An alias stands for what its anchor names, and what
    a merge key names is told as part of the mapping around it. An empty mapping is told as null.
    """
    collector = _YamlSettingsCollector()
    try:
        for event in events(text, limits):
            if isinstance(event, yaml.CollectionEndEvent):
                collector.close_collection()
            elif isinstance(event, yaml.NodeEvent):
                collector.add_event(event)
            if len(collector.found) > _MAX_SETTINGS:
                return collector.found, LimitReachedError(f"it holds more than {_MAX_SETTINGS} single values")
    except YamlError:
        pass
    except LimitReachedError as error:
        return collector.found, error
    return collector.found, None


@dataclass(slots=True)
class _YamlSettingsCollector:
    """The single values of a YAML text so far.

    Attributes:
        scalars: what stands at each anchor of a single value.
        spans: of each anchor of a collection that has ended, the way to it and its first and last setting.
    """

    found: list[Setting] = field(default_factory=list)
    frames: list[_OpenCollection] = field(default_factory=list)
    scalars: dict[str, str] = field(default_factory=dict)
    spans: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    def close_collection(self) -> None:
        """Close the innermost collection."""
        ended = self.frames.pop()
        if not ended.index and (ended.tag or ended.is_mapping):
            self.found.append(Setting(ended.path, None, tag=ended.tag))
        if ended.anchor:
            self.spans[ended.anchor] = (len(ended.path), ended.start, len(self.found))

    def add_event(self, event: yaml.NodeEvent) -> None:
        """Take the next key or value."""
        tag = getattr(event, "tag", None)
        short = short_tag(tag) if isinstance(tag, str) else ""
        value = self._resolve_scalar(event)
        path: tuple[str, ...] = ()
        merges = False
        if self.frames:
            frame = self.frames[-1]
            if frame.is_mapping and frame.key is None:
                frame.key = value or ""
                frame.index += 1
                if not isinstance(event, yaml.CollectionStartEvent):
                    return
                path = (*frame.path, "")  # a collection that is a key: its value is still to come
            else:
                merges = frame.is_mapping and frame.key == MERGE_KEY
                path = frame.get_next_path()
                frame.index += 1
                frame.key = None
            short = short or frame.tag
        if isinstance(event, yaml.CollectionStartEvent):
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            opened = _OpenCollection(
                path, is_mapping, short, merges and not is_mapping, event.anchor or "", len(self.found)
            )
            self.frames.append(opened)
        elif isinstance(event, yaml.AliasEvent) and event.anchor in self.spans:
            self._repeat_anchor(event, path)
        elif not isinstance(event, yaml.AliasEvent) or value is not None:
            self.found.append(Setting(path, value, _get_line(event), short))

    def _repeat_anchor(self, event: yaml.AliasEvent, path: tuple[str, ...]) -> None:
        depth, start, end = self.spans[event.anchor or ""]
        end = min(end, start + _MAX_SETTINGS + 1 - len(self.found))
        line = _get_line(event)
        self.found += [Setting(path + each.path[depth:], each.value, line, each.tag) for each in self.found[start:end]]

    def _resolve_scalar(self, event: yaml.NodeEvent) -> str | None:
        if isinstance(event, yaml.AliasEvent):
            return self.scalars.get(event.anchor or "")
        if event.anchor:
            self.spans.pop(event.anchor, None)
            self.scalars.pop(event.anchor, None)
        if not isinstance(event, yaml.ScalarEvent):
            return None
        if event.anchor:
            self.scalars[event.anchor] = event.value
        is_null = not event.style and event.value in ("", "~", "null", "Null", "NULL")
        return None if is_null else str(event.value)


def _get_line(event: yaml.Event) -> int | None:
    return event.start_mark.line + 1 if event.start_mark is not None else None
