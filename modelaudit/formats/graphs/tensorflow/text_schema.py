"""Encode TensorFlow messages from text form into binary form, so that one reader serves both forms.

The schema lists only the fields that the reader uses; all others are dropped. Sources:
tensorflow/core/protobuf/{saved_model,meta_graph,saved_object_graph}.proto, tensorflow/core/framework/*.proto
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct, field

from modelaudit.model.limits import Limits
from modelaudit.wire.base import DamagedError
from modelaudit.wire.protobuf import BYTES, VARINT
from modelaudit.wire.protobuf_text import TextField, parse_text_fields

_INT: Final = "int"
_TEXT: Final = "text"
# By message and field: the number of the field, and its type, which is a number, a text or another message.
_SCHEMA: Final[dict[str, dict[str, tuple[int, str]]]] = {
    "SavedModel": {"saved_model_schema_version": (1, _INT), "meta_graphs": (2, "MetaGraphDef")},
    "MetaGraphDef": {
        "meta_info_def": (1, "MetaInfoDef"),
        "graph_def": (2, "GraphDef"),
        "collection_def": (4, "CollectionEntry"),
        "asset_file_def": (6, "AssetFileDef"),
        "object_graph_def": (7, "SavedObjectGraph"),
    },
    "MetaInfoDef": {"tags": (4, _TEXT), "tensorflow_version": (5, _TEXT)},
    "CollectionEntry": {"key": (1, _TEXT), "value": (2, "CollectionDef")},
    "CollectionDef": {"bytes_list": (2, "BytesList"), "any_list": (5, "AnyList")},
    "AnyList": {"value": (1, "Any")},
    "Any": {"value": (2, _TEXT), "[type.googleapis.com/tensorflow.AssetFileDef]": (2, "AssetFileDef")},
    "BytesList": {"value": (1, _TEXT)},
    "AssetFileDef": {"tensor_info": (1, "TensorInfo"), "filename": (2, _TEXT)},
    "TensorInfo": {"name": (1, _TEXT)},
    "GraphDef": {"node": (1, "NodeDef"), "library": (2, "FunctionDefLibrary")},
    "FunctionDefLibrary": {"function": (1, "FunctionDef")},
    "FunctionDef": {
        "signature": (1, "OpDef"),
        "node": (2, "NodeDef"),
        "node_def": (3, "NodeDef"),
        "ret": (4, "RetEntry"),
    },
    "RetEntry": {"key": (1, _TEXT), "value": (2, _TEXT)},
    "OpDef": {"name": (1, _TEXT), "input_arg": (2, "ArgDef")},
    "ArgDef": {"name": (1, _TEXT)},
    "NodeDef": {"name": (1, _TEXT), "op": (2, _TEXT), "input": (3, _TEXT), "attr": (5, "AttrEntry")},
    "AttrEntry": {"key": (1, _TEXT), "value": (2, "AttrValue")},
    "AttrValue": {
        "list": (1, "ListValue"),
        "s": (2, _TEXT),
        "tensor": (8, "TensorProto"),
        "placeholder": (9, _TEXT),
        "func": (10, "NameAttrList"),
    },
    "ListValue": {"func": (9, "NameAttrList")},
    "NameAttrList": {"name": (1, _TEXT)},
    "TensorProto": {"dtype": (1, _INT), "tensor_content": (4, _TEXT), "string_val": (8, _TEXT)},
    "SavedObjectGraph": {"nodes": (1, "SavedObject"), "concrete_functions": (2, "FunctionEntry")},
    "SavedObject": {
        "user_object": (4, "SavedUserObject"),
        "asset": (5, "SavedAsset"),
        "constant": (9, "SavedConstant"),
    },
    "SavedUserObject": {"identifier": (1, _TEXT), "metadata": (3, _TEXT)},
    "SavedAsset": {},
    "SavedConstant": {"operation": (1, _TEXT)},
    "FunctionEntry": {"key": (1, _TEXT), "value": (2, "SavedConcreteFunction")},
    "SavedConcreteFunction": {"bound_inputs": (2, _INT)},
}
_WORDS: Final = {b"DT_STRING": 7, b"true": 1}
# Any other word gets this number. As a type it is DT_FLOAT, so that only DT_STRING makes a tensor of texts.
_OTHER_WORD: Final = 1


class _OpenMessage(Struct):
    """A message whose end has not been reached.

    Attributes:
        type: its name in the schema; empty where the schema does not have it.
        number: its field number in the message around it; 0 to drop it.
        body: its fields so far, in binary form.
    """

    type: str
    number: int
    body: bytearray = field(default_factory=bytearray)


def list_root_fields() -> dict[str, frozenset[str]]:
    """Return the names of the fields of each message that can be a whole file."""
    return {name: frozenset(_SCHEMA[name]) for name in ("SavedModel", "MetaGraphDef", "GraphDef")}


def encode_text(pieces: Iterable[str], root: str, limits: Limits) -> tuple[bytes, DamagedError | None]:
    """Encode a message from text form into binary form.

    Args:
        pieces: the text form, divided anywhere.
        root: the name of the message, a key of ``list_root_fields``.
        limits: bounds on the text.

    Returns:
        The binary form of the fields before any damage or reached bound, and that damage or bound as an error.
    """
    open_messages = [_OpenMessage(root, 0)]
    failure: DamagedError | None = None
    try:
        for each in parse_text_fields(pieces, limits):
            ends_message = each.value is None and not each.name
            if ends_message:
                _close_message(open_messages)
            else:
                _encode_field(each, open_messages)
    except DamagedError as error:
        failure = error
    while len(open_messages) > 1:  # damage may leave messages without their end
        _close_message(open_messages)
    return bytes(open_messages[0].body), failure


def _close_message(open_messages: list[_OpenMessage]) -> None:
    """End the innermost message and append it to the one around it, or drop it if its number is 0."""
    inner = open_messages.pop()
    if inner.number:
        outer = open_messages[-1].body
        outer += _encode_key(inner.number, BYTES) + _encode_varint(len(inner.body))
        outer += inner.body  # by itself, because a sum would be one more copy of a long message


def _encode_field(each: TextField, open_messages: list[_OpenMessage]) -> None:
    """Encode one field into the innermost message; open a message that begins here."""
    innermost = open_messages[-1]
    number, kind = _SCHEMA.get(innermost.type, {}).get(each.name, (0, ""))
    if each.value is None:
        is_known_message = kind not in (_INT, _TEXT)
        open_messages.append(_OpenMessage(kind, number if is_known_message else 0))
    elif kind == _TEXT:
        innermost.body += _encode_key(number, BYTES) + _encode_varint(len(each.value)) + each.value
    elif kind == _INT:
        innermost.body += _encode_key(number, VARINT) + _encode_varint(_parse_number(each.value))


def _parse_number(value: bytes) -> int:
    """Parse an integer or a word of an enumeration into 64 unsigned bits; any other text gives ``_OTHER_WORD``."""
    if value in _WORDS:
        return _WORDS[value]
    try:
        # Base 0 accepts hexadecimal and octal too. Longer texts are not parsed, since no field needs them.
        return int(value.decode(), 0) & 0xFFFF_FFFF_FFFF_FFFF if len(value) < 20 else _OTHER_WORD
    except ValueError:
        return _OTHER_WORD


def _encode_key(number: int, wire: int) -> bytes:
    """Encode the key of a field: its number and its wire type in the lowest three bits."""
    return _encode_varint(number << 3 | wire)


def _encode_varint(value: int) -> bytes:
    """Encode a number in base 128, the lowest seven bits first."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
