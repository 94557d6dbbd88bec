"""Read Core ML models and the weight files beside them.

A model is a network of layers, a program of operations, or a pipeline of other models. It can name classes that the
application must provide, and models and weights in other files.

Sources: https://apple.github.io/coremltools/mlmodel/ (Model, NeuralNetwork, CustomModel, LinkedModel, MIL), and
mlmodel/src/MILBlob/Blob/StorageFormat.hpp in https://github.com/apple/coremltools
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from modelaudit.formats.protobuf_texts import collect_texts
from modelaudit.formats.registry import PICKLE_SEARCH
from modelaudit.formats.value_trees import ValueTree
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline, Reference, ReferenceKind, References
from modelaudit.model.structure import Location
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.bounds import KeptItems
from modelaudit.wire.ledger import claim_data, claim_parsed
from modelaudit.wire.protobuf import BYTES, VARINT, Field, Message
from modelaudit.wire.protobuf_schema import claim_message, load_message_schema

FORMAT: Final = "coreml"
_FIRST_FIELDS: Final = 24
_NAME_BYTES: Final = 512
_MOST_LAYERS: Final = 1_000_000
_MOST_NAMES: Final = 10_000  # of operators, classes and linked models
_MOST_FILES: Final = 1000
# The fields of a Model with its description and with a custom model.
_DESCRIPTION: Final = 2
_CUSTOM_MODEL: Final = 555
_MODEL_PATH: Final = "@model_path/"
# Of a weight file: the header, the entry of each tensor, which begins with the sentinel, and the alignment of both.
_HEADER_BYTES: Final = 64
_ENTRY_BYTES: Final = 64
_ALIGNMENT: Final = 64
_SENTINEL: Final = (0xDEADBEEF).to_bytes(4, "little")
# The field numbers of all model types in Model.proto.
_MODEL_TYPES: Final = frozenset(
    {200, 201, 202, 300, 301, 302, 303, 304, 400, 401, 402, 403, 404, 500, 501, 502, 555, 556, 560, 600, 601, 602, 603}
    | {604, 606, 607, 609, 610, 900, 2000, 2001, 2002, 2003, 2004, 2005, 2006, 3000}
)


def recognises(head: Head) -> bool:
    """Whether the message has a version and a type of model, and no unknown field among the first ones."""
    # A Model begins with its specificationVersion (1) or description (2); isUpdatable is field 10.
    if head.content is not None or not head.data.startswith((b"\x08", b"\x12")):
        return False
    fields: set[tuple[int, int]] = set()
    with suppress(DamagedError, WindowError):  # the fields before damage suffice
        fields.update(
            (each.number, each.wire) for each in islice(Message.from_window(head.window).first_fields(), _FIRST_FIELDS)
        )
    known = {(1, VARINT), (2, BYTES), (10, VARINT), *((kind, BYTES) for kind in _MODEL_TYPES)}
    return (1, VARINT) in fields and any(number in _MODEL_TYPES for number, _ in fields) and fields <= known


class _ModelReader(Struct):
    """Reads the messages of a model, and records each name once.

    Attributes:
        most_depth: how deep models and blocks may nest.
        count: the number of layers and operations.
        mentions: the first offset of each (use, name).
        linked: the first offset of each linked model, by path.
        needed_bytes: how many bytes each weight file must have, by path.
    """

    most_depth: int
    count: int = 0
    mentions: dict[tuple[str, str], int] = field(default_factory=dict)
    linked: dict[str, int] = field(default_factory=dict)
    needed_bytes: dict[str, int] = field(default_factory=dict)
    _kept_names: KeptItems = field(default_factory=lambda: KeptItems("names of operators and classes", _MOST_NAMES))

    def read_model(self, message: Message, depth: int = 0) -> None:
        """Read one Model, which is nested in ``depth`` others, and the models in it.

        Raises:
            DamagedError: a message is damaged.
            LimitReachedError: the models nest too deeply or have too many parts.
            WindowError: the window could not return the requested bytes.
        """
        self._check_depth(depth, message)
        for each in message.fields():
            if each.wire == BYTES:
                self._read_model_type(each, depth + 1)

    def _read_model_type(self, each: Field, depth: int) -> None:
        """Read the field for the type of a model.

        Fields: networks (303, 403, 500), pipelines (200, 201, 202), program (502), custom model (555), linked model
        (556) and serialized model (3000). No other type names code or files.
        """
        match each.number:
            case 303 | 403 | 500:
                self._read_network(each.body, depth)
            case 200 | 201:
                for part in _iter_messages(each.body, 1):
                    self._read_pipeline(part, depth)
            case 202:
                self._read_pipeline(each.body, depth)
            case 502:
                self._read_program(each.body, depth)
            case 555:
                self._record_class(each.body, "custom-model", each.offset)
            case 556:
                self._read_linked_model(each.body, each.offset)
            case 3000:
                self._record_name("serialized-model", _read_text(each.body, 1), each.offset)

    def _read_pipeline(self, message: Message, depth: int) -> None:
        """Read the models (1) of a Pipeline."""
        for inner in _iter_messages(message, 1):
            self.read_model(inner, depth)

    def _read_network(self, message: Message, depth: int) -> None:
        """Read the layers (1) of a NeuralNetwork.

        A layer can be a custom layer (500), a branch (605) with two networks (1, 2), or a loop (615) with networks for
        its condition (3) and body (4).
        """
        self._check_depth(depth, message)
        for layer in _iter_messages(message, 1):
            self._count_layer(layer.start)
            for each in layer.fields():
                if each.wire != BYTES:
                    continue
                if each.number == 500:
                    self._record_class(each.body, "custom-layer", each.offset)
                elif each.number in (605, 615):
                    network_fields = (1, 2) if each.number == 605 else (3, 4)
                    for part in each.body.fields():
                        if part.wire == BYTES and part.number in network_fields:
                            self._read_network(part.body, depth + 1)

    def _record_class(self, message: Message, use: str, offset: int) -> None:
        """Record the className (10) of a custom layer or model."""
        self._record_name(use, _read_text(message, 10), offset)

    def _read_linked_model(self, message: Message, offset: int) -> None:
        """Record the path of a LinkedModel: the default value (1) of the name (1) of its file (1)."""
        for file in _iter_messages(message, 1):
            for name in _iter_messages(file, 1):
                target = _read_text(name, 1)
                if target not in self.linked:
                    self._kept_names.count(offset)
                    self.linked[target] = offset

    def _read_program(self, message: Message, depth: int) -> None:
        """Read a Program: the blocks (2) of each specialization (3) of each function (2).

        Functions and specializations are maps, so the message is the value (2) of a map entry.
        """
        for function in _iter_messages(message, 2):
            for value in _iter_messages(function, 2):
                for specialization in _iter_messages(value, 3):
                    for block in _iter_messages(specialization, 2):
                        self._read_block(block, depth)

    def _read_block(self, message: Message, depth: int) -> None:
        """Read the operations (3) of a Block: type (1), inputs (2), inner blocks (4) and attributes (5)."""
        self._check_depth(depth, message)
        for operation in _iter_messages(message, 3):
            self._count_layer(operation.start)
            for each in operation.fields():
                if each.wire != BYTES:
                    continue
                if each.number == 1:
                    self._record_name("operator", each.body.text(_NAME_BYTES), each.offset)
                elif each.number == 4:
                    self._read_block(each.body, depth + 1)
                elif each.number == 2:
                    self._read_arguments(each.body)
                elif each.number == 5:
                    self._read_values(_iter_messages(each.body, 2))

    def _read_arguments(self, message: Message) -> None:
        """Read the values (2) of the bindings (1) of an Argument, which is the value (2) of a map entry."""
        for argument in _iter_messages(message, 2):
            for binding in _iter_messages(argument, 1):
                self._read_values(_iter_messages(binding, 2))

    def _read_values(self, values: Iterator[Message]) -> None:
        """Record the weight files of values: BlobFileValue (5) with a file name (1) and an offset (2)."""
        for value in values:
            for blob in _iter_messages(value, 5):
                name = _read_text(blob, 1)
                offset = next((each.value for each in blob.fields() if each.number == 2 and each.wire == VARINT), 0)
                target = name.removeprefix(_MODEL_PATH)
                # The offset is that of the entry, and the data follow it.
                self.needed_bytes[target] = max(self.needed_bytes.get(target, 0), offset + _ENTRY_BYTES)
                if len(self.needed_bytes) > _MOST_FILES or offset >> 63:
                    detail = f"it has more than {_MOST_FILES} weight files, or an offset of 2**63 or more"
                    raise LimitReachedError(detail, blob.start)

    def _record_name(self, use: str, name: str, offset: int) -> None:
        """Record a mention unless the model has it already, so that the first offset counts.

        Raises:
            LimitReachedError: there are too many names.
        """
        if (use, name) not in self.mentions:
            self._kept_names.count(offset)
            self.mentions[use, name] = offset

    def _count_layer(self, offset: int) -> None:
        """Count one layer or operation at ``offset``; raise ``LimitReachedError`` when there are too many."""
        self.count += 1
        if self.count > _MOST_LAYERS:
            raise LimitReachedError(f"it has more than {_MOST_LAYERS} layers and operations", offset)

    def _check_depth(self, depth: int, message: Message) -> None:
        """Raise ``LimitReachedError`` if ``message``, nested in ``depth`` others, is too deep."""
        if depth > self.most_depth:
            raise LimitReachedError(f"models and blocks nest more than {self.most_depth} deep", message.start)


def _iter_messages(message: Message, number: int) -> Iterator[Message]:
    """Return the messages in the fields of ``message`` with this number, in order."""
    return (each.body for each in message.fields() if each.number == number and each.wire == BYTES)


def _read_text(message: Message, number: int) -> str:
    """Return the last text in the fields with this number; an empty text if there is none."""
    text = ""
    for body in _iter_messages(message, number):
        text = body.text(_NAME_BYTES)
    return text


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the classes, operators and files that a model names, and pickles hidden within its bytes.

    Raises:
        DamagedError: the message breaks off; the names before are yielded first.
        LimitReachedError: it nests too deep, or has too many layers, names or weight files.
        WindowError: the window could not return the requested bytes.
    """
    # Messages nest deeper than the models that they represent, so a multiple of the usual depth is allowed.
    reader = _ModelReader(limits.depth * 4)
    failure: DamagedError | WindowError | None = None
    schema = load_message_schema(Path(__file__).parent)
    tree = ValueTree()
    try:
        message = Message.from_window(window)
        reader.read_model(message)
        for description in _iter_messages(message, _DESCRIPTION):
            collect_texts(description, schema, "ModelDescription", tree)
        for custom_model in _iter_messages(message, _CUSTOM_MODEL):
            collect_texts(custom_model, schema, "CustomModel", tree)
        claim_message(message, schema, limits.document_nodes)
    except (DamagedError, WindowError) as error:
        failure = error
    mentions = tuple(
        Mention(FORMAT, use, name, Location(offset=offset)) for (use, name), offset in reader.mentions.items()
    )
    yield Outline(FORMAT, mentions, (("layers", str(reader.count)),))
    linked = (
        Reference(ReferenceKind.MODEL, target, "linked model", where=Location(offset=offset))
        for target, offset in reader.linked.items()
    )
    weights = (Reference(ReferenceKind.DATA, target, "weights", size) for target, size in reader.needed_bytes.items())
    if reader.linked or reader.needed_bytes:
        yield References(FORMAT, (*linked, *weights))
    yield from PICKLE_SEARCH.read(artifact, window, limits)
    yield from tree.interpret(artifact.path, limits)
    if failure is not None:
        raise failure


def recognises_weights(head: Head) -> bool:
    """Whether the 64-byte header has version 2, then only zeros, and a sentinel begins the entry after it."""
    data = head.data
    return (
        head.content is None
        and data[4:8] == b"\x02\0\0\0"
        and data[_HEADER_BYTES : _HEADER_BYTES + 4] == _SENTINEL
        and not any(data[8:_HEADER_BYTES])
    )


def read_weights(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the number of tensors in a weight file.

    The header has the number of tensors. Each tensor has an entry of 64 bytes with the offset of its data; the next
    entry begins after the data, at a multiple of 64.

    Raises:
        DamagedError: an entry is missing, or its data are outside the file; the number before is yielded first.
    """
    count = int.from_bytes(window.read(0, 4), "little")
    claim_parsed(window, 0, _HEADER_BYTES)
    position = _HEADER_BYTES
    tensors_read = 0
    failure: DamagedError | None = None
    while tensors_read < count and failure is None:
        # blob_metadata: sentinel (4 bytes), data type (4), size of the data (8), offset of the data (8).
        entry = window.read(position, _ENTRY_BYTES)
        size, start = int.from_bytes(entry[8:16], "little"), int.from_bytes(entry[16:24], "little")
        if entry[:4] != _SENTINEL or len(entry) < _ENTRY_BYTES:
            failure = DamagedError(f"the header counts {count} tensors, the file has {tensors_read}", position)
        elif start < position + _ENTRY_BYTES or start + size > window.size:
            failure = DamagedError(
                f"a tensor of {size} bytes at offset {start} overlaps its entry, or ends outside the file",
                position,
            )
        else:
            end = start + size
            claim_parsed(window, position, position + _ENTRY_BYTES)
            claim_data(window, start, end)
            padding = -end % _ALIGNMENT
            position = end + padding
            tensors_read += 1
    yield Outline(FORMAT, facts=(("tensors", str(tensors_read)),))
    if failure is not None:
        raise failure
