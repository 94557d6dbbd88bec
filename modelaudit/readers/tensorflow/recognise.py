"""Telling TensorFlow's messages from other bytes: without a magic number, the first fields are held to the schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Final

from modelaudit.model.artifact import Window
from modelaudit.model.errors import WindowError
from modelaudit.readers.base import DamagedError, Head
from modelaudit.readers.protobuf import BYTES, VARINT, Field, Message
from modelaudit.readers.tensorflow.text_schema import roots
from modelaudit.readers.text import file_name, looks_like_text

SAVED_MODEL: Final = "SavedModel"
META_GRAPH: Final = "MetaGraphDef"
GRAPH: Final = "GraphDef"
KERAS_METADATA: Final = "SavedMetadata"
FINGERPRINT: Final = "FingerprintDef"
HUB_MODULE: Final = "ModuleDef"

_FIELDS: Final = 24
_NAME: Final = 512
# Loaders pass over fields that they do not know; these messages have none with so high a number.
_UNKNOWN: Final = 16
_OPERATOR: Final = re.compile(rb"[A-Za-z_][\w.>/\\:-]*+")
_BY_NAME: Final = {
    "saved_model.pb": SAVED_MODEL,
    "keras_metadata.pb": KERAS_METADATA,
    "fingerprint.pb": FINGERPRINT,
    "tfhub_module.pb": HUB_MODULE,
}
_BEGINS: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?+(?:\s|#[^\n]*+(?:\n|\Z))*+"
    rb"(saved_model_schema_version|meta_graphs|meta_info_def|graph_def|node|library|versions)\s*+[:{<]"
)


def binary_kinds(head: Head) -> tuple[str, ...]:
    """Which of the messages above the bytes are; a name under which a loader looks for one need not convince."""
    if head.content is not None:
        return ()
    named = _BY_NAME.get(file_name(head.path))
    wanted = (kind for kind in _LOOKS if kind == named or kind not in (FINGERPRINT, HUB_MODULE))
    return tuple(kind for kind in wanted if kind == named == SAVED_MODEL or _holds(head.window, _LOOKS[kind]))


def text_kind(head: Head) -> str | None:
    """Which message in text form ``head`` begins."""
    found = _BEGINS.match(head.data)
    if found is None or not looks_like_text(head):
        return None
    first = found.group(1).decode()
    if first in ("node", "library", "versions") and not _tells_graph(head):
        return None
    return next((name for name, fields in roots().items() if first in fields), GRAPH)


def _tells_graph(head: Head) -> bool:
    """``node`` is a word of other schemas too: of a graph, each has an operator."""
    return re.search(rb"\bop\s*+:\s*+[\"']|\bsignature\s*+:?\s*+[{<]|\bproducer\s*+:", head.data) is not None


def _holds(window: Window, looks: Callable[[Message], bool]) -> bool:
    try:
        return looks(Message.whole(window))
    except (DamagedError, WindowError):
        return False


def _saved_model(message: Message) -> bool:
    """Its version, and graphs with what is known of them."""
    found = False
    for count, each in enumerate(_until_damage(message)):
        if each.number == 2 and each.wire == BYTES:
            found = found or _meta_graph(each.body)
            if not found:
                return False
        elif not (each.number >= _UNKNOWN or (each.number == 1 and each.wire == VARINT)):
            return False
        if count > _FIELDS:
            break
    return found


def _meta_graph(message: Message) -> bool:
    """A graph among parts of which each is a message."""
    found = False
    for count, each in enumerate(_until_damage(message)):
        if each.number < _UNKNOWN and not (each.number <= 7 and each.wire == BYTES):
            return False
        if each.number == 2:
            found = found or _graph(each.body)
            if not found:
                return False
        if count > _FIELDS:
            break
    return found


def _graph(message: Message) -> bool:
    """Operators, each with its name; a library of functions, and the version."""
    found = False
    for count, each in enumerate(_until_damage(message)):
        if each.number == 1 and each.wire == BYTES:
            if not _node(each.body):
                return False
            found = True
        elif each.number == 2 and each.wire == BYTES:
            if each.body.size and not _library(each.body):
                return False
            found = found or each.body.size > 0
        elif each.number < _UNKNOWN and (each.number, each.wire) not in ((3, VARINT), (4, BYTES), (5, BYTES)):
            return False
        if count > _FIELDS:
            break
    return found


def _library(message: Message) -> bool:
    """Functions, each with its signature, and gradients."""
    found = False
    for each in _first(message):
        if each.number not in (1, 2, 3) or each.wire != BYTES:
            return False
        if each.number == 1:
            signature = next(
                (part.body for part in each.body.fields() if part.number == 1 and part.wire == BYTES), None
            )
            name = (
                next((part.body.raw(_NAME) for part in signature.fields() if part.number == 1), b"")
                if signature
                else b""
            )
            if not name or not name.isascii():
                return False
            found = True
    return found


def _node(message: Message) -> bool:
    op = b""
    for each in message.fields():
        if each.number < _UNKNOWN and not (each.number <= 8 and each.wire == BYTES):
            return False
        if each.number == 2 and each.wire == BYTES:
            op = each.body.raw(_NAME)
    return bool(_OPERATOR.fullmatch(op))


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
    """Its fields up to where they break off: what stands before damage is read, and the damage told."""
    with suppress(DamagedError):
        yield from message.fields()


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
