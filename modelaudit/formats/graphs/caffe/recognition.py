"""Recognise Caffe networks by their fields, and solvers in text form."""

from __future__ import annotations

import re
from itertools import islice
from typing import Final

from modelaudit.model.errors import WindowError
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.base import DamagedError, Head
from modelaudit.wire.protobuf import BYTES, VARINT, Field, Message
from modelaudit.wire.protobuf_text import read_recognition_bytes
from modelaudit.wire.text import looks_like_text

LAYER: Final = 100
"""The field of NetParameter that holds layers."""

OLD_LAYER: Final = 2
"""The field of NetParameter that holds layers of the old form."""

NAME_LENGTH: Final = 256
"""The characters of a name that are read."""

# The other fields that a NetParameter of a model file has: name, input (sizes 4 and 8), force_backward, state, debug.
_NETWORK_NAME: Final = 1
_OTHER_NETWORK_FIELDS: Final = frozenset({3, 4, 5, 6, 7, 8})
_FIRST_FIELDS: Final = 24
# The first field of a text, such as "name:" or "layer {", after a byte order mark, blanks and comments.
_FIRST_FIELD: Final = defer_pattern(rb"(?:\xef\xbb\xbf)?+(?:\s|#[^\n]*+(?:\n|\Z))*+[a-z_]++\s*+[:{<]")
# "layer {" or "layers: <", at the start of a line or after another field.
_LAYER_FIELD: Final = defer_pattern(rb"(?:^|[\"'\w}>;,\]][ \t]++)[ \t]*+layers?\s*+:?\s*+[{<]", re.MULTILINE)
# A type such as 'type: "Python"' or "type: CONVOLUTION", or a connection such as "bottom:".
_LAYER_CONTENT: Final = defer_pattern(rb"\btype\s*+:\s*+(?:[\"'][\w\\]|[A-Z])|\bbottom\s*+:|\btop\s*+:")
# A setting of a solver at the start of a line, such as "base_lr:".
_SOLVER_FIELD: Final = defer_pattern(rb"^[ \t]*+(?:base_lr|lr_policy|snapshot_prefix)\s*+:", re.MULTILINE)


def recognises_text(head: Head) -> bool:
    """Whether the text has a layer with a type or connections, or at least two settings of a solver."""
    data = read_recognition_bytes(head)
    if not _FIRST_FIELD.match(data) or not looks_like_text(head):
        return False
    is_network = _LAYER_FIELD.search(data) is not None and _LAYER_CONTENT.search(data) is not None
    return is_network or len(_SOLVER_FIELD.findall(data)) > 1


def recognises_binary(head: Head) -> bool:
    """Whether the message has the fields of a NetParameter, and its first layer has a type."""
    # The wire keys of the fields that begin a network: its name (1), an old layer (2), a layer (100).
    if head.content is not None or not head.data.startswith((b"\x0a", b"\x12", b"\xa2\x06")):
        return False
    has_layer = False
    try:
        for each in islice(Message.from_window(head.window).first_fields(), _FIRST_FIELDS):
            if each.number == LAYER and each.wire == BYTES:
                has_layer = has_layer or _read_type(each.body).isidentifier()
            elif each.number == OLD_LAYER and each.wire == BYTES:
                has_layer = has_layer or _is_old_layer(each.body)
            elif each.number == _NETWORK_NAME:
                if not _is_printable_name(each):
                    return False
            elif each.number not in _OTHER_NETWORK_FIELDS:
                return False
            # The first layer must have a type; later layers need none.
            if each.number in (LAYER, OLD_LAYER) and not has_layer:
                return False
    except (DamagedError, WindowError):
        return has_layer  # a truncated network is recognised too, so that its reader reports the damage
    return has_layer


def _is_printable_name(name: Field) -> bool:
    """Whether the field is a printable text of fewer than 256 bytes."""
    return name.wire == BYTES and name.body.size < NAME_LENGTH and name.body.text(NAME_LENGTH).isprintable()


def _read_type(layer: Message) -> str:
    """Return the type of a LayerParameter (field 2), the last if it repeats.

    Returns:
        An empty text when the name (field 1), the type or a connection (fields 3 and 4) is not a text.
    """
    type_name = ""
    for each in layer.first_fields():
        if each.number in (1, 2, 3, 4) and each.wire != BYTES:
            return ""
        if each.number == 2:
            type_name = each.body.text(NAME_LENGTH)
    return type_name


def _is_old_layer(layer: Message) -> bool:
    """Whether the message is a V1LayerParameter: its name (4) is a text and its type (5) a number.

    Its connections (2, 3) must not be numbers.
    """
    wires = {(each.number, each.wire) for each in layer.first_fields()}
    return {(4, BYTES), (5, VARINT)} <= wires and not {(2, VARINT), (3, VARINT)} & wires
