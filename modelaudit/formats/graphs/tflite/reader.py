"""Read TensorFlow Lite models: find custom and Flex operators, and check that indices and offsets are in range.

Built-in operators have numbers and need no review. Custom operators have names and run native code of the application;
Flex operators run operators of TensorFlow. Source: tensorflow/compiler/mlir/lite/schema/schema.fbs
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from modelaudit.formats.graphs.tflite import TfliteDefect
from modelaudit.formats.graphs.tflite.flex import find_operator_name
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.defect_kind import DefectKind
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Mention, Outline, Reference, ReferenceKind, References
from modelaudit.model.structure import Defect, Location
from modelaudit.wire.base import DamagedError, LimitReachedError, Reading
from modelaudit.wire.bounds import KeptItems
from modelaudit.wire.flatbuffer_schema import claim_flatbuffer, load_flat_schema
from modelaudit.wire.flatbuffers import FlatBuffer, Table
from modelaudit.wire.ledger import claim_data

VOCABULARY: Final = "tflite-operators"
TENSORFLOW_VOCABULARY: Final = "tensorflow-operators"
# Numbers of BuiltinOperator in the schema.
_CUSTOM: Final = 32
_DELEGATE: Final = 51
_PLACEHOLDER: Final = 127
_NEWEST_BUILTIN: Final = 209
# Slots of the tables in the schema.
_MODEL_VERSION, _OPERATOR_CODES, _SUBGRAPHS, _DESCRIPTION, _BUFFERS = range(5)
_METADATA, _EXTERNAL_GROUPS, _EXTERNAL_BUFFERS = 6, 8, 9
_TENSORS, _GRAPH_INPUTS, _GRAPH_OUTPUTS, _OPERATORS = range(4)
_TENSOR_SHAPE, _TENSOR_BUFFER, _TENSOR_NAME = 0, 2, 3
_OPERATOR_CODE, _OPERATOR_INPUTS, _OPERATOR_OUTPUTS = range(3)
_OPTIONS, _INTERMEDIATES, _OPTIONS_OFFSET, _OPTIONS_SIZE = 5, 8, 9, 10
_FLEX_PREFIX: Final = "Flex"
_MOST_NAMES: Final = 10_000
_MOST_DEFECTS: Final = 200
_MOST_FACTS: Final = 64
_MOST_BYTES: Final = 2**63 - 1
_LONGEST_FILE_NAME: Final = 4096
_MOST_FILE_NAME_BYTES: Final = 4 * MIB  # of all names of external files
_MOST_OPTIONS: Final = 8 * MIB
_MOST_INLINE_OFFSET: Final = 1
"""An offset of 0 or 1 means that the bytes are inside the FlatBuffer, not after it."""


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline of the model and the files of its external buffers.

    Raises:
        DamagedError: an offset is invalid or data end after the file; the part before is yielded first.
        LimitReachedError: there are too many operators or tables, or the options of an operator are too large.
        WindowError: the window could not return the requested bytes.
    """
    reader = ModelReader(FlatBuffer(window, limits))
    failure: DamagedError | WindowError | None = None
    try:
        reader.read_model(reader.buffer.read_root())
        failure = reader.truncation
        claim_flatbuffer(FlatBuffer(window, limits), load_flat_schema(Path(__file__).parent))
    except (DamagedError, WindowError) as error:
        failure = error
    yield Outline("tflite", tuple(reader.mentions.values()), tuple(reader.facts), tuple(reader.defects))
    if reader.references:
        yield References("tflite", tuple(reader.references.values()))
    if failure is not None:
        raise failure


class ModelReader:
    """Reads the tables of a model. All methods raise ``DamagedError`` and ``WindowError``.

    Attributes:
        buffer: the FlatBuffer of the model.
        mentions: the custom and Flex operators, by vocabulary and name.
        references: the files of external buffers, by path.
        facts: pairs of a name and a value for the outline.
        defects: indices and offsets out of range, and negative sizes.
        truncation: the first data that end after the file does, as in an incomplete download.
        custom_names: the name of each operator code; empty for a built-in operator.
    """

    def __init__(self, buffer: FlatBuffer) -> None:
        self.buffer = buffer
        self.mentions: dict[tuple[str, str], Mention] = {}
        self.references: dict[str, Reference] = {}
        self.facts: list[tuple[str, str]] = []
        self.defects: list[Defect] = []
        self.truncation: DamagedError | None = None
        self.custom_names: list[str] = []
        self._buffer_count = 0

    def read_model(self, model: Table) -> None:
        """Read a Model, the root table."""
        self.facts.append(("schema", str(model.number(_MODEL_VERSION, "I"))))
        description = model.text(_DESCRIPTION)
        if description:
            self.facts.append(("description", description))
        for code in model.tables(_OPERATOR_CODES):
            self.custom_names.append(self._read_operator_code(code))
        self._buffer_count = model.count(_BUFFERS)
        nodes = sum(self._check_subgraph(graph, index) for index, graph in enumerate(model.tables(_SUBGRAPHS)))
        self.facts += [("nodes", str(nodes)), ("buffers", str(self._buffer_count))]
        for buffer in model.tables(_BUFFERS):
            self._check_buffer(buffer)
        for entry in model.tables(_METADATA):
            # Metadata: name (0), buffer (1).
            if entry.number(1, "I") >= self._buffer_count:
                buffer_index = entry.number(1, "I")
                detail = (
                    f"the metadata {entry.text(0)!r} use buffer {buffer_index}, but there are only {self._buffer_count}"
                )
                self._record_out_of_range(detail, entry.position)
            if len(self.facts) < _MOST_FACTS:
                self.facts.append(("metadata", entry.text(0)))
        self._read_external_buffers(model)

    def _read_operator_code(self, code: Table) -> str:
        """Read an OperatorCode: its number (field 0 in one byte, field 3 in four), and a custom operator's name (1).

        Returns:
            The name of a custom operator; empty for a built-in one.
        """
        # Old files have the number in one byte. Newer ones have it in four bytes, and at most 127 in the byte.
        number = max(code.number(0, "b"), code.number(3, "i"))
        if number == _CUSTOM:
            name = code.text(1)
            use = "flex-operator" if name.startswith(_FLEX_PREFIX) else "custom-operator"
            self._record_mention(use, name, code.position)
            return self.mentions[VOCABULARY, name].name  # one text in memory for all codes of that name
        # The runtime has no implementation for these numbers, so the application brings one, as for a custom operator.
        if number in (_DELEGATE, _PLACEHOLDER) or not 0 <= number <= _NEWEST_BUILTIN:
            self._record_mention("custom-operator", f"builtin-{number}", code.position)
        return ""

    def _record_mention(self, use: str, name: str, offset: int, detail: str = "") -> None:
        """Record an operator; of a Flex operator, record the TensorFlow operator that it runs too."""
        where = Location(offset=offset)
        if (VOCABULARY, name) not in self.mentions and len(self.mentions) >= _MOST_NAMES:
            raise LimitReachedError(f"only the first {_MOST_NAMES} distinct operators were read", offset)
        self.mentions.setdefault((VOCABULARY, name), Mention(VOCABULARY, use, name, where, detail))
        if use == "flex-operator":
            tensorflow_name = name.removeprefix(_FLEX_PREFIX)
            mention = Mention(TENSORFLOW_VOCABULARY, use, tensorflow_name, where, detail)
            self.mentions.setdefault((TENSORFLOW_VOCABULARY, tensorflow_name), mention)

    def _check_subgraph(self, graph: Table, index: int) -> int:
        """Check one SubGraph: its tensors, inputs, outputs and operators; return the number of its operators."""
        tensor_count = graph.count(_TENSORS)
        for tensor in graph.tables(_TENSORS):
            buffer = tensor.number(_TENSOR_BUFFER, "I")
            # Buffer 0 is that of tensors without data, and may be left out.
            if buffer >= self._buffer_count and buffer != 0:
                name = tensor.text(_TENSOR_NAME, 80)
                detail = f"the tensor {name!r} uses buffer {buffer}, but there are only {self._buffer_count}"
                self._record_out_of_range(detail, tensor.position)
            shape = tensor.vector(_TENSOR_SHAPE)
            # The size -1 marks a dimension that is known only when the model runs.
            if shape is not None and any(size < -1 for size in shape.numbers("i")):
                detail = f"the tensor {tensor.text(_TENSOR_NAME, 80)!r} has a shape with a negative size"
                self._record_defect(TfliteDefect.NEGATIVE_LENGTH, detail, tensor.position)
        for slot in (_GRAPH_INPUTS, _GRAPH_OUTPUTS):
            self._check_tensor_indices(graph, slot, tensor_count, f"subgraph {index}")
        operator_count = 0
        for operator in graph.tables(_OPERATORS):
            operator_count += 1
            self._check_operator(operator, tensor_count)
        return operator_count

    def _check_operator(self, operator: Table, tensor_count: int) -> None:
        """Check one Operator: its code, its options, and the indices of its tensors."""
        code = operator.number(_OPERATOR_CODE, "I")
        if code >= len(self.custom_names):
            self._record_out_of_range(f"an operator uses code {code} of {len(self.custom_names)}", operator.position)
        elif self.custom_names[code].startswith(_FLEX_PREFIX):
            stated_name, defined_name = self.custom_names[code], find_operator_name(self._read_options(operator))
            if defined_name and _FLEX_PREFIX + defined_name != stated_name:
                # The delegate runs the operator of the definition, whatever the name of the custom operator.
                self._record_mention(
                    "flex-operator", _FLEX_PREFIX + defined_name, operator.position, f"under {stated_name}"
                )
        for slot in (_OPERATOR_INPUTS, _OPERATOR_OUTPUTS, _INTERMEDIATES):
            self._check_tensor_indices(operator, slot, tensor_count, "an operator")
        offset, size = operator.number(_OPTIONS_OFFSET, "Q"), operator.number(_OPTIONS_SIZE, "Q")
        if offset > _MOST_INLINE_OFFSET:
            self._check_end(offset, size, "the options of an operator", operator.position)

    def _read_options(self, operator: Table) -> bytes:
        """Return the options of a custom operator, from a vector in its table or from data after the tables."""
        inline_options = operator.vector(_OPTIONS, 1)
        offset, size = operator.number(_OPTIONS_OFFSET, "Q"), operator.number(_OPTIONS_SIZE, "Q")
        is_inline = offset <= _MOST_INLINE_OFFSET
        if is_inline:
            size = inline_options.count if inline_options is not None else 0
        if size > _MOST_OPTIONS:
            raise LimitReachedError(
                f"the options of an operator take {size} bytes, more than {_MOST_OPTIONS}", operator.position
            )
        if not is_inline:
            return self.buffer.read_bytes(offset, size)
        return inline_options.read_first_bytes(size) if inline_options is not None else b""

    def _check_tensor_indices(self, table: Table, slot: int, tensor_count: int, user: str) -> None:
        """Check the list of tensor indices in a slot; report the first one out of range as used by ``user``."""
        vector = table.vector(slot)
        for number in vector.numbers("i") if vector is not None else ():
            # -1 marks an optional input that is left out.
            if not -1 <= number < tensor_count:
                detail = f"{user} uses tensor {number}, but there are only {tensor_count}"
                self._record_out_of_range(detail, table.position)
                return

    def _check_buffer(self, buffer: Table) -> None:
        """Check that the data of one Buffer are in the file: in its table (0), or at an offset (1) with a size (2)."""
        buffer.vector(0, 1)  # raises when the vector ends outside the buffer
        offset = buffer.number(1, "Q")
        if offset > _MOST_INLINE_OFFSET:
            self._check_end(offset, buffer.number(2, "Q"), "a buffer", buffer.position)

    def _read_external_buffers(self, model: Table) -> None:
        """Record the files of external buffers: each belongs to a group, and the group names the file beside the model.

        Of several buffers in one file, the reference is that of the buffer that ends last.
        """
        groups = model.vector(_EXTERNAL_GROUPS)
        group_count = groups.count if groups is not None else 0
        kept = KeptItems("files of external buffers", _MOST_NAMES, _MOST_FILE_NAME_BYTES)
        for buffer in model.tables(_EXTERNAL_BUFFERS):
            # ExternalBuffer: group (1), offset in the file (2), length (3).
            group, end = buffer.number(1, "I"), buffer.number(2, "Q") + buffer.number(3, "Q")
            if groups is None or group >= group_count:
                detail = f"an external buffer belongs to group {group}, but there are only {group_count}"
                self._record_out_of_range(detail, buffer.position)
                continue
            # The names of the groups are not kept: many groups can share one long text.
            target = groups.table(group).text(0, _LONGEST_FILE_NAME)
            known = self.references.get(target)
            if target and known is None:
                kept.count(buffer.position, len(target))
            if target and (known is None or known.min_size < end):
                where = Location(offset=buffer.position)
                self.references[target] = Reference(ReferenceKind.DATA, target, "an external buffer", end, where)

    def _check_end(self, offset: int, size: int, label: str, position: int) -> None:
        """Claim data behind the tables, or report that they end after the file.

        An end after the file counts as truncation; one that no file can reach is recorded as a defect.
        """
        detail = f"{label} of {size} bytes at offset {offset} ends outside the {self.buffer.size} bytes of the file"
        if offset + size > _MOST_BYTES:
            self._record_out_of_range(detail, position)
        elif offset + size > self.buffer.size:
            self.truncation = self.truncation or DamagedError(detail, position)
        else:
            claim_data(self.buffer.window, offset, offset + size)

    def _record_out_of_range(self, detail: str, position: int) -> None:
        """Record an index or offset out of range, in the table at ``position``."""
        self._record_defect(TfliteDefect.INDEX_OUTSIDE, detail, position)

    def _record_defect(self, kind: DefectKind, detail: str, position: int) -> None:
        """Record a defect in the table at ``position``; only the first 200 are kept."""
        if len(self.defects) < _MOST_DEFECTS:
            self.defects.append(Defect(kind, detail, Location(offset=position)))
