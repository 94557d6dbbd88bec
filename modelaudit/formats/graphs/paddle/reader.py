"""Read PaddlePaddle models: the operators of a program, and the tensors of a parameter file.

A program (ProgramDesc) is a list of blocks, and each block is a list of operators. Parameters follow one another in a
file of their own.

Source: https://github.com/PaddlePaddle/Paddle/blob/develop/paddle/fluid/framework/framework.proto, and
paddle/phi/core/framework/dense_tensor_serialize.cc, paddle/fluid/framework/lod_tensor.cc for the parameters
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from math import prod
from pathlib import Path
from typing import Final

from modelaudit.formats.registry import PICKLE_SEARCH
from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import Location
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.bounds import KeptItems, report_bound
from modelaudit.wire.ledger import claim_data, claim_parsed
from modelaudit.wire.protobuf import BYTES, VARINT, Message
from modelaudit.wire.protobuf_schema import claim_message, load_message_schema

FORMAT: Final = "paddle"
VOCABULARY: Final = "paddle-operators"
_FIRST_FIELDS: Final = 8
_NAME_BYTES: Final = 256
_QUOTED_LENGTH: Final = 120
_MOST_OPERATORS: Final = 1_000_000
_MOST_TYPES: Final = 10_000  # of operators; PaddlePaddle has about 2,000
_PATH_ATTRIBUTES: Final = frozenset({"file_path", "filename", "path"})
_TYPE: Final = defer_pattern(rb"[A-Za-z_]\w*+")


def recognises(head: Head) -> bool:
    """Whether the file begins with a block that has its number, its parent, and variables or operators with a type."""
    # The first field of a ProgramDesc is a block (1).
    if head.content is not None or not head.data.startswith(b"\x0a"):
        return False
    try:
        return _is_program(Message.from_window(head.window))
    except (DamagedError, WindowError):
        return False


def _is_program(message: Message) -> bool:
    """Whether the first block has the fields of a BlockDesc, and each operator in it has a type.

    A BlockDesc begins with its number (1) and its parent (2). Variables (3), operators (4) and the number of a block
    for the backward pass (5) follow.
    """
    block = next(message.first_fields(), None)
    if block is None or block.wire != BYTES:
        return False
    fields = list(islice(block.body.first_fields(), _FIRST_FIELDS))
    kinds = [(each.number, each.wire) for each in fields]
    if kinds[:2] != [(1, VARINT), (2, VARINT)] or not set(kinds[2:]) <= {(3, BYTES), (4, BYTES), (5, VARINT)}:
        return False
    return all(_read_type(each.body) for each in fields if each.number == 4)


def _read_type(operator: Message) -> bytes:
    """Return the type (3) of an OpDesc, the last if it repeats; empty when it is not a valid name."""
    name = b""
    for each in operator.first_fields():
        if each.number == 3 and each.wire == BYTES:
            name = each.body.raw(_NAME_BYTES)
    return name if _TYPE.fullmatch(name) else b""


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield each type of operator once, and pickles hidden within the bytes.

    Raises:
        DamagedError: the message breaks off; the operators before are yielded first.
        LimitReachedError: there are more than a million operators, or more than 10,000 types of them.
        WindowError: the window could not return the requested bytes.
    """
    mentions: dict[str, Mention] = {}
    kept_types = KeptItems("types of operators", _MOST_TYPES)
    count = 0
    failure: DamagedError | WindowError | None = None
    message = Message.from_window(window)
    try:
        for operator in _iter_operators(message):
            count += 1
            if count > _MOST_OPERATORS:
                raise LimitReachedError(f"it holds more than {_MOST_OPERATORS} operators", operator.start)
            mention = _read_operator(operator)
            if mention.name not in mentions:
                kept_types.count(operator.start)
                mentions[mention.name] = mention
        claim_message(message, load_message_schema(Path(__file__).parent), limits.document_nodes)
    except (DamagedError, WindowError) as error:
        failure = error
    yield Outline(FORMAT, tuple(mentions.values()), (("operators", str(count)),))
    yield from PICKLE_SEARCH.read(artifact, window, limits)
    if failure is not None:
        raise failure


def _iter_operators(message: Message) -> Iterator[Message]:
    """Iterate over the operators (4) of all blocks (1) of a ProgramDesc."""
    for block in message.fields():
        if block.number == 1 and block.wire == BYTES:
            yield from (each.body for each in block.body.fields() if each.number == 4 and each.wire == BYTES)


def _read_operator(operator: Message) -> Mention:
    """Read an OpDesc: its type (3), and the path among its attributes (4)."""
    name = path = ""
    for each in operator.fields():
        if each.number == 3 and each.wire == BYTES:
            name = each.body.text(_NAME_BYTES)
        elif each.number == 4 and each.wire == BYTES:
            path = path or _read_path(each.body)
    return Mention(VOCABULARY, "operator", name, Location(offset=operator.start), path)


def _read_path(attribute: Message) -> str:
    """Return the text (5) of an attribute if its name (1) is that of a path; empty for any other attribute."""
    name = value = ""
    for each in attribute.fields():
        if each.number == 1 and each.wire == BYTES:
            name = each.body.text(_NAME_BYTES)
        elif each.number == 5 and each.wire == BYTES:
            value = each.body.text(_QUOTED_LENGTH)
    if name not in _PATH_ATTRIBUTES:
        return ""
    return "".join(character if character.isprintable() else "?" for character in value)


# Bytes of one element, by VarType.Type: bool, int16 to int64, fp16 to fp64; size_t, uint8, int8, bf16; complex64 and
# complex128; two types of fp8.
_ELEMENT_SIZES: Final = {
    0: 1, 1: 2, 2: 4, 3: 8, 4: 2, 5: 4, 6: 8, 19: 8, 20: 1, 21: 1, 22: 2, 23: 8, 24: 16, 32: 1, 33: 1,
}  # fmt: skip
_MOST_LEVELS: Final = 64
_MOST_DESCRIPTION_BYTES: Final = 64 * 1024
# For recognition: an element type and one dimension have four bytes, and few tensors have dozens of dimensions.
_FEWEST_FIRST_DESCRIPTION_BYTES: Final = 4
_MOST_FIRST_DESCRIPTION_BYTES: Final = 256
# Before its description, a tensor without levels has: version (4), count of levels (8), version (4), length (4).
_PREFIX_BYTES: Final = 4 + 8 + 4 + 4


def recognises_parameters(head: Head) -> bool:
    """Whether the file begins with a tensor: version 0, no levels, version 0, and a TensorDesc of type and shape."""
    data = head.data
    if head.content is not None or len(data) < _PREFIX_BYTES + _FEWEST_FIRST_DESCRIPTION_BYTES:
        return False
    # The prefix is zeros up to the length of the description.
    if any(data[: _PREFIX_BYTES - 4]):
        return False
    description_size = int.from_bytes(data[_PREFIX_BYTES - 4 : _PREFIX_BYTES], "little")
    # A TensorDesc has the element type (wire key 0x08), then the shape, as single (0x10) or packed numbers (0x12).
    type_key, element_type, shape_key = data[_PREFIX_BYTES : _PREFIX_BYTES + 3]
    return (
        _FEWEST_FIRST_DESCRIPTION_BYTES <= description_size <= _MOST_FIRST_DESCRIPTION_BYTES
        and type_key == 0x08
        and element_type in _ELEMENT_SIZES
        and shape_key in (0x10, 0x12)
    )


def read_parameters(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the number of tensors, which follow one another to the end of the file.

    Raises:
        DamagedError: a tensor ends after the file does; the number of those before is yielded first.
    """
    position = count = 0
    failure: DamagedError | None = None
    try:
        while position < window.size:
            position = _find_tensor_end(window, position)
            count += 1
    except DamagedError as error:
        failure = error
    yield Outline(FORMAT, facts=(("tensors", str(count)),))
    if failure is not None:
        raise failure


def _find_tensor_end(window: Window, start: int) -> int:
    """Return the offset where the tensor at ``start`` ends.

    A tensor has: version (4 bytes), number of levels (8), the levels, each after its length (8); then again a version
    (4), the length of the description (4), the description (TensorDesc), and the data.

    Raises:
        DamagedError: the tensor has an unknown version or type, or ends after the file does.
        WindowError: the window could not return the requested bytes.
    """
    levels = int.from_bytes(window.read(start + 4, 8), "little")
    if window.read(start, 4) != b"\0\0\0\0" or levels > _MOST_LEVELS:
        raise DamagedError("a tensor has an unknown version or too many levels", start)
    position = start + 12
    claim_parsed(window, start, position)
    for _ in range(levels):
        level_bytes = int.from_bytes(window.read(position, 8), "little")
        claim_parsed(window, position, position + 8)
        claim_data(window, position + 8, position + 8 + level_bytes)
        position += 8 + level_bytes
    size = int.from_bytes(window.read(position + 4, 4), "little")
    claim_parsed(window, position, position + 8)
    position += 8
    if size > _MOST_DESCRIPTION_BYTES or position + size > window.size:
        raise DamagedError(
            f"the description of a tensor states {size} bytes, which exceeds the limit or the file", start
        )
    # TensorDesc: data_type (1) and dims (2), as single or packed numbers.
    kind = -1
    shape: list[int] = []
    for each in Message(window, position, position + size).fields():
        if each.number == 1 and each.wire == VARINT:
            kind = each.value
        elif each.number == 2:
            shape += [each.value] if each.wire == VARINT else each.body.parse_varints()
    schema = load_message_schema(Path(__file__).parent)
    claim_message(Message(window, position, position + size), schema, _MOST_DESCRIPTION_BYTES, "TensorDesc")
    data_start = position + size
    position = data_start + prod(shape) * _ELEMENT_SIZES.get(kind, 0)
    if kind not in _ELEMENT_SIZES:
        raise DamagedError(f"a tensor has the unknown type {kind}", start)
    if any(length >> 63 for length in shape) or position > window.size:
        raise DamagedError(f"a tensor of type {kind} and shape {shape[:8]} does not end within the file", start)
    claim_data(window, data_start, position)
    return position


# Dialects of the intermediate representation, by the number that a file writes for each.
_DIALECTS: Final = {"0": "builtin", "1": "pd_op", "2": "cf", "3": "custom_op", "4": "pd_dist"}


def _read_json(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield the operators of a program in JSON, as PaddlePaddle 3 writes ``inference.json``."""
    if not any(each.path == ("base_code", "magic") and each.value == "pir" for each in settings):
        return
    mentions: dict[str, Mention] = {}
    for each in settings:
        # The name of an operator is the key "#" of an item of a list "ops"; between the two is the item's index.
        if each.path[-1:] == ("#",) and each.path[-3:-2] == ("ops",):
            name = _expand_name(str(each.value)[:_NAME_BYTES])
            if name not in mentions and len(mentions) >= _MOST_TYPES:
                yield report_bound(_MOST_TYPES, "types of operators")
                break
            mentions.setdefault(name, Mention(VOCABULARY, "operator", name, each.where))
    yield Outline(FORMAT, tuple(mentions.values()), (("operators", str(len(mentions))),))


def _expand_name(short: str) -> str:
    """Replace the number of the dialect by its name: ``1.relu`` is ``pd_op.relu``, ``p`` is ``builtin.parameter``."""
    dialect, dot, name = short.partition(".")
    if dot:
        return f"{_DIALECTS.get(dialect, dialect)}.{name}"
    return "builtin.parameter" if short == "p" else short


INTERPRETER: Final = Interpreter(frozenset({"base_code"}), _read_json)
