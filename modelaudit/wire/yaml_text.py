"""Parse YAML to a stream of events within limits; construct no objects and expand no aliases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import yaml
from msgspec import Struct, field

from modelaudit.model.limits import MIB, Limits
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.deadline import iterate_within_deadline
from modelaudit.wire.key_set import MOST_KEYS_KEPT, UNNAMED_KEY, KeySet

_CORE_TAG = "tag:yaml.org,2002:"
_MOST_ARGUMENTS = 100  # keys that are kept of the mappings with one tag
_MOST_TAGS = 1000
_LONGEST_EVENT = 8 * MIB
_MOST_DUPLICATES_KEPT = 1000
MERGE_KEY = "<<"
# The parser in C where PyYAML has it, the one in Python otherwise; neither constructs anything in ``yaml.parse``.
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlError(DamagedError):
    """The text is not YAML from ``line`` on, counted from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class _PieceStream:
    """Passes pieces of text to the parser, which keeps only what belongs to the next event.

    A text ends early where one event needs more than ``_LONGEST_EVENT`` bytes: a scalar takes several times its size.

    Attributes:
        is_cut: the text ended early.
        name: of the text in the messages of the parser.
    """

    name = "<text>"

    def __init__(self, pieces: Iterable[str]) -> None:
        self.is_cut = False
        self._pieces = iter(pieces)
        self._bytes_since_event = 0

    def note_event(self) -> None:
        """Note that the parser yielded an event."""
        self._bytes_since_event = 0

    def read(self, _size: int = 0) -> bytes:
        """Return the next bytes; empty at the end. PyYAML calls this."""
        if self._bytes_since_event > _LONGEST_EVENT:
            self.is_cut = True
        if self.is_cut:
            return b""
        piece = next(filter(None, self._pieces), "").encode("utf-8", "replace")
        self._bytes_since_event += len(piece)
        return piece


def parse_events(pieces: Iterable[str], limits: Limits) -> Iterator[yaml.Event]:
    """Yield the events of a YAML text that arrives in pieces, as PyYAML defines them.

    Raises:
        YamlError: the text is not YAML.
        LimitReachedError: it nests too deep, or holds too many values or one that is too long.
    """
    stream = _PieceStream(pieces)
    line = 1
    try:
        for event in _parse_stream(stream, limits):
            stream.note_event()
            # Behind the cut, the parser only closes what is open: the message names the last line before it.
            line = line if stream.is_cut else _get_line(event)
            yield event
    except YamlError:
        if not stream.is_cut:
            raise
    if stream.is_cut:
        raise LimitReachedError(
            f"the value or comment that begins in line {line} or later takes more than {_LONGEST_EVENT} bytes; "
            "the rest was not parsed"
        )


def _parse_stream(stream: _PieceStream, limits: Limits) -> Iterator[yaml.Event]:
    """Yield the events within the bounds on depth and number of values; see ``parse_events``."""
    depth = nodes = 0
    try:
        for event in iterate_within_deadline(yaml.parse(stream, Loader=_LOADER)):
            nodes += isinstance(event, yaml.NodeEvent)
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > limits.document_depth:
                raise LimitReachedError(f"it nests deeper than {limits.document_depth} levels")
            if nodes > limits.document_nodes:
                raise LimitReachedError(f"it holds more than {limits.document_nodes} keys and values")
            yield event
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise YamlError(f"line {line}: {error.problem or error.context or 'not YAML'}", line) from error
    except yaml.YAMLError as error:
        raise YamlError(" ".join(str(error).split()), 1) from error


def _get_line(event: yaml.Event) -> int:
    """Return the line of an event, counted from 1."""
    return event.start_mark.line + 1 if event.start_mark is not None else 1


def shorten_tag(tag: str) -> str:
    """Return ``tag`` as people write it: ``tag:yaml.org,2002:int`` becomes ``!!int``."""
    return "!!" + tag.removeprefix(_CORE_TAG) if tag.startswith(_CORE_TAG) else tag


class _OpenCollection(Struct):
    """An open collection; of a mapping, whether a key comes next and the keys so far."""

    is_mapping: bool
    expects_key: bool = True
    keys: KeySet = field(default_factory=KeySet)
    tag: str = ""


class YamlFacts(Struct):
    """The facts of a YAML text: its root, keys, tags and duplicate keys.

    Attributes:
        wanted: keys to look for; ``present_keys`` collects those that occur at any depth.
        duplicates: keys that occur twice in one mapping, with their lines.
        tags: each explicit tag with the line of its first use.
        arguments: the keys of the mappings with each tag; an empty one for a sequence, a value or a key by an anchor.
    """

    wanted: frozenset[str] = frozenset()
    present_keys: set[str] = field(default_factory=set)
    root: str = "empty"
    keys: list[str] = field(default_factory=list)
    tags: dict[str, int] = field(default_factory=dict)
    arguments: dict[str, set[str]] = field(default_factory=dict)
    duplicates: list[tuple[str, int]] = field(default_factory=list)
    documents: int = 0

    def scan(self, pieces: Iterable[str], limits: Limits) -> None:
        """Collect the facts of a text of any number of documents; ``root`` and ``keys`` are those of the first.

        Raises:
            YamlError: the text is not YAML; the facts before the error are kept.
            LimitReachedError: a limit was reached; the facts before it are kept.
        """
        frames: list[_OpenCollection] = []
        for event in parse_events(pieces, limits):
            if isinstance(event, yaml.CollectionEndEvent):
                self._record_unnamed_duplicate(event, frames.pop())
            elif isinstance(event, yaml.NodeEvent):
                tag = self._record_tag(event)
                self._record_place(event, frames)
                if isinstance(event, yaml.CollectionStartEvent):
                    frames.append(_OpenCollection(isinstance(event, yaml.MappingStartEvent), tag=tag))

    def _record_duplicate(self, key: str, event: yaml.Event) -> None:
        """Record a key that occurs twice with the line of ``event``, up to a bound."""
        if len(self.duplicates) < _MOST_DUPLICATES_KEPT:
            self.duplicates.append((key, _get_line(event)))

    def _record_unnamed_duplicate(self, event: yaml.CollectionEndEvent, ended: _OpenCollection) -> None:
        """Record at the end of a large mapping that one of its keys occurs twice."""
        if ended.keys.has_unnamed_duplicate():
            self._record_duplicate(UNNAMED_KEY, event)

    def _record_tag(self, event: yaml.NodeEvent) -> str:
        """Record the tag of a node with its line, if it was not met before; return it, empty without one."""
        tag = getattr(event, "tag", None)
        if tag is None:
            return ""
        short_tag = shorten_tag(tag)
        if len(self.tags) >= _MOST_TAGS and short_tag not in self.tags:
            raise LimitReachedError(f"it uses more than {_MOST_TAGS} different tags")
        self.tags.setdefault(short_tag, _get_line(event))
        arguments = self.arguments.setdefault(short_tag, set())
        if isinstance(event, yaml.SequenceStartEvent) or (isinstance(event, yaml.ScalarEvent) and event.value):
            arguments.add("")
        return short_tag

    def _record_place(self, event: yaml.NodeEvent, frames: list[_OpenCollection]) -> None:
        """Record a node that is a root or a key; ``frames`` are the collections around it, outermost first."""
        if not frames:
            self.documents += 1
            if self.documents == 1:
                self.root = _get_root_kind(event)
            return
        frame = frames[-1]
        if not frame.is_mapping:
            return
        if frame.expects_key and frame.tag and len(self.arguments[frame.tag]) < _MOST_ARGUMENTS:
            self.arguments[frame.tag].add(event.value if isinstance(event, yaml.ScalarEvent) else "")
        if frame.expects_key and isinstance(event, yaml.ScalarEvent):
            occurred_before = frame.keys.add(event.value)
            if occurred_before and event.value != MERGE_KEY:
                self._record_duplicate(event.value, event)
            is_wanted = event.value in self.wanted
            if is_wanted:
                self.present_keys.add(event.value)
            if len(frames) == 1 and self.documents == 1 and (len(self.keys) < MOST_KEYS_KEPT or is_wanted):
                self.keys.append(event.value)
        elif frame.expects_key and isinstance(event, yaml.AliasEvent):
            self.present_keys |= self.wanted  # an alias as a key: its anchor may be any of them
        frame.expects_key = not frame.expects_key


def _get_root_kind(event: yaml.NodeEvent) -> str:
    """Return ``mapping``, ``sequence``, ``scalar`` or ``empty`` for the event that begins a node."""
    if isinstance(event, yaml.MappingStartEvent):
        return "mapping"
    if isinstance(event, yaml.SequenceStartEvent):
        return "sequence"
    return "scalar" if getattr(event, "value", "") else "empty"


class Node(Struct):
    """A value of a YAML text. ``line`` counts from 1.

    Attributes:
        text: of a scalar; ``None`` for null.
        items: of a sequence; of a mapping, keys and values in turn.
    """

    kind: str
    line: int
    text: str | None = None
    items: list[Node] = field(default_factory=list)


def compose_document(text: str, limits: Limits) -> tuple[Node | None, DamagedError | None]:
    """Return the first document as a tree, and the error that ended it early, if any.

    An alias becomes the same node as its anchor. At an error, the tree holds the nodes before it.
    """
    documents, error = _compose(text, limits, 1)
    return (documents[0] if documents else None), error


def compose_documents(text: str, limits: Limits) -> tuple[list[Node], DamagedError | None]:
    """Return all documents as trees, and the error that ended them early, if any; see ``compose_document``."""
    return _compose(text, limits, None)


def _compose(text: str, limits: Limits, most: int | None) -> tuple[list[Node], DamagedError | None]:
    """Return the first ``most`` documents, or all, as trees, and the error that ended them early, if any."""
    root = Node("top", 1)
    open_nodes = [root]
    anchors: dict[str, Node] = {}
    try:
        for event in parse_events((text,), limits):
            if isinstance(event, yaml.CollectionEndEvent):
                open_nodes.pop()
            elif isinstance(event, yaml.DocumentEndEvent):
                if len(root.items) == most:
                    break
            elif isinstance(event, yaml.NodeEvent):
                node = _make_node(event, anchors)
                open_nodes[-1].items.append(node)
                if isinstance(event, yaml.CollectionStartEvent):
                    open_nodes.append(node)
    except DamagedError as error:
        return root.items, error
    return root.items, None


def _make_node(event: yaml.NodeEvent, anchors: dict[str, Node]) -> Node:
    """Return the node of an event and record its anchor in ``anchors``; an alias returns the node of its anchor."""
    line = _get_line(event)
    if isinstance(event, yaml.AliasEvent):
        if event.anchor not in anchors:
            raise YamlError(f"line {line}: the alias {event.anchor!r} names nothing", line)
        return anchors[event.anchor]
    if isinstance(event, yaml.ScalarEvent):
        # The parser in C gives plain scalars the style "", the one in Python None.
        is_null = not event.style and event.value in ("", "~", "null", "Null", "NULL")
        node = Node("scalar", line, None if is_null else event.value)
    else:
        node = Node(_get_root_kind(event), line)
    if event.anchor:
        anchors[event.anchor] = node
    return node
