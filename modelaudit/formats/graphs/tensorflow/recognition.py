"""Recognise TensorFlow messages by the operators in them, because they have no magic number.

A protobuf parser skips unknown fields and fields of the wrong type. A hostile graph may begin with such fields to look
like another format, so an unknown field is not evidence against a graph.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Final

from modelaudit.formats.graphs.tensorflow.text_schema import list_root_fields
from modelaudit.formats.graphs.ydf.recognition import is_whole_message
from modelaudit.model.errors import WindowError
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.base import DamagedError, Head, LimitReachedError
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
_PARTS: Final = frozenset({(1, BYTES), (2, BYTES)})
"""The fields of a graph, and of the messages that contain one, that recognition reads."""
_NO_PARTS: Final[frozenset[tuple[int, int]]] = frozenset()
_MOST_CHECKED_FIELDS: Final = 1 << 20
_PICKLE_START: Final = defer_pattern(rb"\x80[\x02-\x05]")
_KINDS_OF_PARTS: Final = (SAVED_MODEL, META_GRAPH, GRAPH)
_NAME_BYTES: Final = 512
_OPERATOR_NAME: Final = defer_pattern(rb"[A-Za-z_][\w.>/\\:-]*+")
_KIND_BY_FILE_NAME: Final = {
    "saved_model.pb": SAVED_MODEL,
    "keras_metadata.pb": KERAS_METADATA,
    "fingerprint.pb": FINGERPRINT,
    "tfhub_module.pb": HUB_MODULE,
}
# The name of the first field of a text, after a byte order mark, blanks and comments; then signs of a graph, such as
# 'op: "Const"', "signature {" or "producer: 27".
_FIRST_FIELD: Final = defer_pattern(
    rb"(?:\xef\xbb\xbf)?+(?:\s|#[^\n]*+(?:\n|\Z))*+"
    rb"(saved_model_schema_version|meta_graphs|meta_info_def|graph_def|node|library|versions?|debug_info)\s*+[:{<]"
)
_GRAPH_CONTENT: Final = defer_pattern(rb"\bop\s*+:\s*+[\"']|\bsignature\s*+:?\s*+[{<]|\bproducer\s*+:")


def recognises(head: Head) -> bool:
    """Whether the bytes are a graph, a SavedModel or a file that belongs to one."""
    return bool(list_binary_kinds(head))


def recognises_text(head: Head) -> bool:
    """Whether the text is a graph or a SavedModel."""
    return find_text_kind(head) is not None


def list_binary_kinds(head: Head) -> tuple[str, ...]:
    """List the kinds of message that the bytes can be.

    A file named ``saved_model.pb`` counts as a SavedModel without a test, because loaders open it under this name.
    A FingerprintDef and a ModuleDef are so small that other messages resemble them, so these two need their file name.
    """
    if head.content is not None or is_whole_message(head):
        return ()
    named_kind = _KIND_BY_FILE_NAME.get(get_file_name(head.path))
    message = Message.from_window(head.window)
    # Most bytes have no field, and then no test needs them.
    if named_kind is None and not _passes_test(message, _has_field):
        return ()
    kinds = []
    has_part = _passes_test(message, _has_part)
    for kind, test in _TEST_BY_KIND.items():
        if kind in (FINGERPRINT, HUB_MODULE) and kind != named_kind:
            continue
        if kind in _KINDS_OF_PARTS and kind != named_kind and not has_part:
            continue
        is_named_saved_model = kind == SAVED_MODEL and kind == named_kind
        if is_named_saved_model or _passes_test(message, test):
            kinds.append(kind)
    if kinds and named_kind is None and _PICKLE_START.match(head.data) and not _passes_test(message, _has_whole_fields):
        return ()  # a pickle of a graph; every parser rejects a message with a damaged field as a whole
    return tuple(kinds)


def find_text_kind(head: Head) -> str | None:
    """Return the kind of message that the text is; ``None`` where it is none."""
    data = read_recognition_bytes(head)
    match = _FIRST_FIELD.match(data)
    if match is None or not looks_like_text(head):
        return None
    first_field = match.group(1).decode()
    root_fields = list_root_fields()
    is_distinctive = first_field in root_fields[SAVED_MODEL] | root_fields[META_GRAPH]
    # Other schemas have fields such as node and version too, but only in a graph has a node an operator.
    if not is_distinctive and not _GRAPH_CONTENT.search(data):
        return None
    # ``versions``, ``version`` and ``debug_info`` begin a graph, although the schema does not have them.
    return next((kind for kind, fields in root_fields.items() if first_field in fields), GRAPH)


def _passes_test(message: Message, test: Callable[[Message], bool]) -> bool:
    """Whether the message passes the test; damage before the test can decide means no."""
    try:
        return test(message)
    except (DamagedError, WindowError):
        return False


def _has_field(message: Message) -> bool:
    """Whether the message has a field before any damage."""
    return next(message.first_fields(), None) is not None


def _has_whole_fields(message: Message) -> bool:
    """Whether the fields reach to the end of the message, or go on behind a bound. Raises ``DamagedError``."""
    with suppress(LimitReachedError):
        deque(message.fields(_MOST_CHECKED_FIELDS, _NO_PARTS), maxlen=0)
    return True


def _has_part(message: Message) -> bool:
    """Whether the message has a field before any damage that can lead to a graph."""
    return next(_iter_parts(message), None) is not None


def _is_saved_model(message: Message) -> bool:
    """Whether the message is a SavedModel: one of its fields 2 is a meta graph."""
    return any(each.number == 2 and _is_meta_graph(each.body) for each in _iter_parts(message))


def _is_meta_graph(message: Message) -> bool:
    """Whether the message is a MetaGraphDef: one of its fields 2 is a graph."""
    return any(each.number == 2 and _is_graph(each.body) for each in _iter_parts(message))


def _is_graph(message: Message) -> bool:
    """Whether the message is a GraphDef: it has a node (1) with an operator, or a library (2) with a function."""
    for each in _iter_parts(message):
        test = _is_node if each.number == 1 else _has_function
        if _passes_message_test(test, each.body):
            return True
    return False


def _passes_message_test(test: Callable[[Message], bool], message: Message) -> bool:
    """Whether an inner message passes the test; a damaged one does not."""
    try:
        return test(message)
    except DamagedError:
        return False


def _has_function(message: Message) -> bool:
    """Whether a FunctionDefLibrary has a function (1) whose signature (1) has a name (1) in ASCII."""
    for each in _iter_first_fields(message):
        if each.number == 1 and each.wire == BYTES:
            signatures = (part.body for part in each.body.first_fields() if part.number == 1 and part.wire == BYTES)
            name = next((_read_text(signature, 1) for signature in signatures), b"")
            if name and name.isascii():
                return True
    return False


def _is_node(message: Message) -> bool:
    """Whether the message is a NodeDef: its operator (2), the last if it repeats, is a valid name."""
    return bool(_OPERATOR_NAME.fullmatch(_read_text(message, 2)))


def _read_text(message: Message, number: int) -> bytes:
    """Return the last text in the fields with this number; empty where there is none."""
    text = b""
    for each in message.first_fields():
        if each.number == number and each.wire == BYTES:
            text = each.body.raw(_NAME_BYTES)
    return text


def _is_keras_metadata(message: Message) -> bool:
    """Whether the message is a list (1) of layers, each with a path (3) or an identifier (4), and a JSON text (5)."""
    has_layer = False  # a message of groups alone yields no field
    for each in _iter_first_fields(message):
        has_layer = True
        if each.number != 1 or each.wire != BYTES:
            return False
        parts = {part.number: part for part in each.body.first_fields()}
        metadata = parts.get(5)
        if metadata is None or metadata.wire != BYTES:
            return False
        has_unknown_field = not parts.keys() <= {1, 2, 3, 4, 5, 6}
        if has_unknown_field or not parts.keys() & {3, 4}:
            return False
        if metadata.body.size and metadata.body.raw(1) != b"{":
            return False
    return has_layer


def _is_fingerprint(message: Message) -> bool:
    """Whether the message has only digests, which are numbers, a version and an identifier."""
    return message.size < _NAME_BYTES and all(
        (each.number <= 5 and each.wire == VARINT) or (each.number in (6, 7) and each.wire == BYTES)
        for each in message.first_fields()
    )


def _is_hub_module(message: Message) -> bool:
    """Whether the message has only the format number and the requirements of a TensorFlow Hub module."""
    return message.size < _NAME_BYTES and all(
        (each.number == 1 and each.wire == VARINT) or (each.number == 2 and each.wire == BYTES)
        for each in message.first_fields()
    )


def _iter_parts(message: Message) -> Iterator[Field]:
    """Iterate over the messages 1 and 2 before damage, with a bound: the reader of a graph reports its damage."""
    with suppress(DamagedError):
        yield from message.first_fields(_PARTS)


def _iter_first_fields(message: Message) -> Iterator[Field]:
    """Iterate over the first 24 fields."""
    return islice(message.first_fields(), _FIRST_FIELDS)


_TEST_BY_KIND: Final[dict[str, Callable[[Message], bool]]] = {
    SAVED_MODEL: _is_saved_model,
    META_GRAPH: _is_meta_graph,
    GRAPH: _is_graph,
    KERAS_METADATA: _is_keras_metadata,
    FINGERPRINT: _is_fingerprint,
    HUB_MODULE: _is_hub_module,
}
