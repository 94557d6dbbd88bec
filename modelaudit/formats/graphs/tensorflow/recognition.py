"""Recognise TensorFlow messages by the operators in them, because they have no magic number.

A protobuf parser skips unknown fields and fields of the wrong type. A hostile graph may begin with such fields to look
like another format, so an unknown field is no evidence against a graph.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Final

from modelaudit.formats.graphs.tensorflow.text_schema import list_root_fields
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

_FIRST_FIELDS: Final = 24
_NAME_BYTES: Final = 512
_MOST_FIELDS: Final = 20_000
_OPERATOR_NAME: Final = re.compile(rb"[A-Za-z_][\w.>/\\:-]*+")
_KIND_BY_FILE_NAME: Final = {
    "saved_model.pb": SAVED_MODEL,
    "keras_metadata.pb": KERAS_METADATA,
    "fingerprint.pb": FINGERPRINT,
    "tfhub_module.pb": HUB_MODULE,
}
_FIRST_FIELD: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?+(?:\s|#[^\n]*+(?:\n|\Z))*+"
    rb"(saved_model_schema_version|meta_graphs|meta_info_def|graph_def|node|library|versions?|debug_info)\s*+[:{<]"
)
_GRAPH_CONTENT: Final = re.compile(rb"\bop\s*+:\s*+[\"']|\bsignature\s*+:?\s*+[{<]|\bproducer\s*+:")


def list_binary_kinds(head: Head) -> tuple[str, ...]:
    """List the kinds of message that the bytes can be.

    A file named ``saved_model.pb`` is always one kind, because loaders open it under this name. The two smallest
    messages resemble too much else, so they need their file name.
    """
    if head.content is not None:
        return ()
    named = _KIND_BY_FILE_NAME.get(get_file_name(head.path))
    candidates = (kind for kind in _TESTS if kind == named or kind not in (FINGERPRINT, HUB_MODULE))
    return tuple(kind for kind in candidates if kind == named == SAVED_MODEL or _passes_test(head.window, _TESTS[kind]))


def find_text_kind(head: Head) -> str | None:
    """Return the kind of message that the text is; ``None`` where it is none."""
    data = read_recognition_bytes(head)
    found = _FIRST_FIELD.match(data)
    if found is None or not looks_like_text(head):
        return None
    first = found.group(1).decode()
    # Other schemas have fields such as node and version too, but only in a graph has a node an operator.
    if first not in list_root_fields()[SAVED_MODEL] | list_root_fields()[META_GRAPH] and not _GRAPH_CONTENT.search(
        data
    ):
        return None
    return next((name for name, fields in list_root_fields().items() if first in fields), GRAPH)


def _passes_test(window: Window, test: Callable[[Message], bool]) -> bool:
    """Whether the window is a message that passes the test; damage before the test can decide means no."""
    try:
        return test(Message.from_window(window))
    except (DamagedError, WindowError):
        return False


def _is_saved_model(message: Message) -> bool:
    """Whether a meta graph is in the field for it (2)."""
    return any(
        each.number == 2 and each.wire == BYTES and _is_meta_graph(each.body)
        for each in _iter_fields_before_damage(message)
    )


def _is_meta_graph(message: Message) -> bool:
    """Whether a graph is in the field for it (2)."""
    return any(
        each.number == 2 and each.wire == BYTES and _is_graph(each.body) for each in _iter_fields_before_damage(message)
    )


def _is_graph(message: Message) -> bool:
    """Whether there is a node with an operator (1), or a library with a function (2)."""
    for each in _iter_fields_before_damage(message):
        if (
            each.wire == BYTES
            and each.number in (1, 2)
            and _passes_message_test(_is_node if each.number == 1 else _has_function, each.body)
        ):
            return True
    return False


def _passes_message_test(test: Callable[[Message], bool], message: Message) -> bool:
    """Whether an inner message passes the test; a damaged one does not."""
    try:
        return test(message)
    except DamagedError:
        return False


def _has_function(message: Message) -> bool:
    """Whether there is a function with a name in its signature."""
    for each in _iter_first_fields(message):
        if each.number == 1 and each.wire == BYTES:
            parts = (part.body for part in each.body.fields() if part.number == 1 and part.wire == BYTES)
            name = next((_read_text(signature, 1) for signature in parts), b"")
            if name and name.isascii():
                return True
    return False


def _is_node(message: Message) -> bool:
    """Whether the last operator field is a valid name."""
    return bool(_OPERATOR_NAME.fullmatch(_read_text(message, 2)))


def _read_text(message: Message, number: int) -> bytes:
    """Return the last text of a field; empty where there is none."""
    text = b""
    for each in message.fields():
        if each.number == number and each.wire == BYTES:
            text = each.body.raw(_NAME_BYTES)
    return text


def _is_keras_metadata(message: Message) -> bool:
    """Whether the message is a list of layers, each with a path or an identifier, and a text in JSON."""
    for each in _iter_first_fields(message):
        if not (each.number == 1 and each.wire == BYTES):
            return False
        parts = {part.number: part for part in each.body.fields()}
        if not (parts.keys() <= {1, 2, 3, 4, 5, 6} and 5 in parts and parts[5].wire == BYTES and {3, 4} & parts.keys()):
            return False
        if parts[5].body.size and parts[5].body.raw(1) != b"{":
            return False
    return message.size > 0


def _is_fingerprint(message: Message) -> bool:
    """Whether the message has only digests, which are numbers, a version and an identifier."""
    return message.size < _NAME_BYTES and all(
        (each.number <= 5 and each.wire == VARINT) or (each.number in (6, 7) and each.wire == BYTES)
        for each in message.fields()
    )


def _is_hub_module(message: Message) -> bool:
    """Whether the message has only the format number and the requirements of a TensorFlow Hub module."""
    return message.size < _NAME_BYTES and all(
        (each.number == 1 and each.wire == VARINT) or (each.number == 2 and each.wire == BYTES)
        for each in message.fields()
    )


def _iter_fields_before_damage(message: Message) -> Iterator[Field]:
    """Iterate over the fields before damage, with a bound: the reader of a damaged graph reports the damage."""
    with suppress(DamagedError):
        yield from islice(message.fields(), _MOST_FIELDS)


def _iter_first_fields(message: Message) -> Iterator[Field]:
    """Iterate over the first 24 fields."""
    return islice(message.fields(), _FIRST_FIELDS)


_TESTS: Final[dict[str, Callable[[Message], bool]]] = {
    SAVED_MODEL: _is_saved_model,
    META_GRAPH: _is_meta_graph,
    GRAPH: _is_graph,
    KERAS_METADATA: _is_keras_metadata,
    FINGERPRINT: _is_fingerprint,
    HUB_MODULE: _is_hub_module,
}
