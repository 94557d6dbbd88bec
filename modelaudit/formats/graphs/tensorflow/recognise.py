"""Telling TensorFlow's messages from other bytes: without a magic number, operators in their place tell.

Loaders pass over fields that they do not know, and those of another type than the schema says, so that none of them
tells anything: whoever is to take a graph for something else would put one first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Final

from modelaudit.formats.graphs.tensorflow.text_schema import roots
from modelaudit.model.artifact import Window
from modelaudit.model.errors import WindowError
from modelaudit.wire.base import DamagedError, Head
from modelaudit.wire.protobuf import BYTES, VARINT, Field, Message
from modelaudit.wire.protobuf_text import read_recognition_bytes
from modelaudit.wire.text import get_file_name, looks_like_text

SAVED_MODEL: Final = "SavedModel"
META_GRAPH: Final = "MetaGraphDef"
GRAPH: Final = "GraphDef"
KERAS_METADATA: Final = "SavedMetadata"
FINGERPRINT: Final = "FingerprintDef"
HUB_MODULE: Final = "ModuleDef"

_FIELDS: Final = 24
_NAME: Final = 512
_LOOKED_AT: Final = 20_000
_OPERATOR: Final = re.compile(rb"[A-Za-z_][\w.>/\\:-]*+")
_BY_NAME: Final = {
    "saved_model.pb": SAVED_MODEL,
    "keras_metadata.pb": KERAS_METADATA,
    "fingerprint.pb": FINGERPRINT,
    "tfhub_module.pb": HUB_MODULE,
}
_BEGINS: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?+(?:\s|#[^\n]*+(?:\n|\Z))*+"
    rb"(saved_model_schema_version|meta_graphs|meta_info_def|graph_def|node|library|versions?|debug_info)\s*+[:{<]"
)
_OF_GRAPHS: Final = re.compile(rb"\bop\s*+:\s*+[\"']|\bsignature\s*+:?\s*+[{<]|\bproducer\s*+:")


def binary_kinds(head: Head) -> tuple[str, ...]:
    """Which of the messages above the bytes are; a name under which a loader looks for one need not convince."""
    if head.content is not None:
        return ()
    named = _BY_NAME.get(get_file_name(head.path))
    wanted = (kind for kind in _LOOKS if kind == named or kind not in (FINGERPRINT, HUB_MODULE))
    return tuple(kind for kind in wanted if kind == named == SAVED_MODEL or _holds(head.window, _LOOKS[kind]))


def text_kind(head: Head) -> str | None:
    """Which message in text form ``head`` begins."""
    data = read_recognition_bytes(head)
    found = _BEGINS.match(data)
    if found is None or not looks_like_text(head):
        return None
    first = found.group(1).decode()
    # These are words of other schemas too: of a graph, each node has an operator.
    if first not in roots()[SAVED_MODEL] | roots()[META_GRAPH] and not _OF_GRAPHS.search(data):
        return None
    return next((name for name, fields in roots().items() if first in fields), GRAPH)


def _holds(window: Window, looks: Callable[[Message], bool]) -> bool:
    try:
        return looks(Message.from_window(window))
    except (DamagedError, WindowError):
        return False


def _saved_model(message: Message) -> bool:
    """A graph with what is known of it, whatever else there is: a parser passes over what it does not know."""
    return any(each.number == 2 and each.wire == BYTES and _meta_graph(each.body) for each in _until_damage(message))


def _meta_graph(message: Message) -> bool:
    """A graph in its place."""
    return any(each.number == 2 and each.wire == BYTES and _graph(each.body) for each in _until_damage(message))


def _graph(message: Message) -> bool:
    """An operator with its name, or a library with a function in it."""
    for each in _until_damage(message):
        if each.wire == BYTES and each.number in (1, 2) and _is(_node if each.number == 1 else _library, each.body):
            return True
    return False


def _is(looks: Callable[[Message], bool], message: Message) -> bool:
    try:
        return looks(message)
    except DamagedError:
        return False


def _library(message: Message) -> bool:
    """A function with the name in its signature."""
    for each in _first(message):
        if each.number == 1 and each.wire == BYTES:
            parts = (part.body for part in each.body.fields() if part.number == 1 and part.wire == BYTES)
            name = next((_text(signature, 1) for signature in parts), b"")
            if name and name.isascii():
                return True
    return False


def _node(message: Message) -> bool:
    """The name of an operator, of which the last counts."""
    return bool(_OPERATOR.fullmatch(_text(message, 2)))


def _text(message: Message, number: int) -> bytes:
    text = b""
    for each in message.fields():
        if each.number == number and each.wire == BYTES:
            text = each.body.raw(_NAME)
    return text


def _keras_metadata(message: Message) -> bool:
    """Layers, each with its number, its path and a text in JSON."""
    for each in _first(message):
        if not (each.number == 1 and each.wire == BYTES):
            return False
        parts = {part.number: part for part in each.body.fields()}
        if not (parts.keys() <= {1, 2, 3, 4, 5, 6} and 5 in parts and parts[5].wire == BYTES and {3, 4} & parts.keys()):
            return False
        if parts[5].body.size and parts[5].body.raw(1) != b"{":
            return False
    return message.size > 0


def _fingerprint(message: Message) -> bool:
    """Digests as numbers, a version and an identifier."""
    return message.size < _NAME and all(
        (each.number <= 5 and each.wire == VARINT) or (each.number in (6, 7) and each.wire == BYTES)
        for each in message.fields()
    )


def _hub_module(message: Message) -> bool:
    """The format of a module of TensorFlow Hub, and what it requires."""
    return message.size < _NAME and all(
        (each.number == 1 and each.wire == VARINT) or (each.number == 2 and each.wire == BYTES)
        for each in message.fields()
    )


def _until_damage(message: Message) -> Iterator[Field]:
    """Its fields up to where they break off, bounded: what stands before damage is read, and the damage told."""
    with suppress(DamagedError):
        yield from islice(message.fields(), _LOOKED_AT)


def _first(message: Message) -> Iterator[Field]:
    """Its first fields."""
    return islice(message.fields(), _FIELDS)


_LOOKS: Final[dict[str, Callable[[Message], bool]]] = {
    SAVED_MODEL: _saved_model,
    META_GRAPH: _meta_graph,
    GRAPH: _graph,
    KERAS_METADATA: _keras_metadata,
    FINGERPRINT: _fingerprint,
    HUB_MODULE: _hub_module,
}
