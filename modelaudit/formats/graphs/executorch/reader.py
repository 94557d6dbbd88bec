"""Read ExecuTorch programs: find their operators and backends, and check that segments and indices are in range.

A program is a FlatBuffer. An extended header may follow the file identifier; segments of weights and of compiled
backend data may follow the FlatBuffer. Sources: schema/program.fbs and runtime/executor of ExecuTorch,
https://docs.pytorch.org/executorch/main/pte-file-format.html
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from modelaudit.formats.graphs.executorch import ExecutorchDefect
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import Defect, Location
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.flatbuffer_schema import claim_flatbuffer, load_flat_schema
from modelaudit.wire.flatbuffers import IDENTIFIER_OFFSET, FlatBuffer, Table
from modelaudit.wire.ledger import claim_data, claim_parsed
from modelaudit.wire.windows import SubWindow, get_budget

VOCABULARY: Final = "executorch-operators"
_IDENTIFIER: Final = defer_pattern(rb"ET\d\d")
_HEADER_OFFSET: Final = 8
_HEADER_MAGIC: Final = b"eh00"
# The first header gives the size of the program and the offset of the segments; a later one adds their size.
_SHORT_HEADER_BYTES: Final = 24
_LONG_HEADER_BYTES: Final = 32
_MOST_NAMES: Final = 10_000
_MOST_DEFECTS: Final = 200
_MOST_FACTS: Final = 64
_MOST_BYTES: Final = 2**63 - 1
# Slots of the root table, Program.
_VERSION, _PLANS, _CONSTANT_BUFFERS, _DELEGATE_DATA, _SEGMENTS, _CONSTANT_SEGMENT, _MUTABLE_SEGMENTS, _NAMED_DATA = (
    range(8)
)
# Slots of ExecutionPlan; slot 1 describes containers.
_PLAN_NAME, _VALUES, _INPUTS, _OUTPUTS, _CHAINS, _OPERATORS, _DELEGATES = 0, 2, 3, 4, 5, 6, 7
# Values of InstructionArguments and DataLocation.
_KERNEL_CALL, _DELEGATE_CALL, _JUMP = 1, 2, 4
_INLINE: Final = 0


def recognises(head: Head) -> bool:
    """Whether the file identifier at byte 4 is ``ET`` with two digits."""
    return head.content is None and _IDENTIFIER.match(head.data, IDENTIFIER_OFFSET) is not None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline of the program.

    Raises:
        DamagedError: an offset is invalid or data end after the file; the part before is yielded first.
        LimitReachedError: there are too many operators or tables.
        WindowError: the window could not return the requested bytes.
    """
    reader = _ProgramReader(window, limits)
    failure: DamagedError | WindowError | None = None
    try:
        reader.read_program()
        failure = reader.truncation
    except (DamagedError, WindowError) as error:
        failure = error
    yield Outline("executorch", tuple(reader.mentions.values()), tuple(reader.facts), tuple(reader.defects))
    if failure is not None:
        raise failure


class _ProgramReader:
    """Reads the tables of a program. All methods raise ``DamagedError`` and ``WindowError``.

    Attributes:
        mentions: the operators and backends, by name.
        facts: pairs of a name and a value for the outline.
        defects: indices and offsets out of range.
        truncation: the first data that end after the file does, as in an incomplete download.
    """

    def __init__(self, window: Window, limits: Limits) -> None:
        self._window = window
        self._limits = limits
        self.mentions: dict[str, Mention] = {}
        self.facts: list[tuple[str, str]] = []
        self.defects: list[Defect] = []
        self.truncation: DamagedError | None = None
        self._segment_count = 0

    def read_program(self) -> None:
        """Read the header, the segments, the constants and the execution plan of each method."""
        program_size, segments_start = self._read_header()
        program_window = SubWindow(self._window, 0, program_size, get_budget(self._window, self._limits))
        program = FlatBuffer(program_window, self._limits).read_root()
        self.facts.append(("schema", str(program.number(_VERSION, "I"))))
        self._segment_count = program.count(_SEGMENTS)
        for index, segment in enumerate(program.tables(_SEGMENTS)):
            # DataSegment: offset (0) from the first segment, size (1).
            offset, length = segments_start + segment.number(0, "Q"), segment.number(1, "Q")
            file_bytes = self._window.size
            detail = (
                f"segment {index} of {length} bytes at offset {offset} ends outside the {file_bytes} bytes of the file"
            )
            # Without an extended header, which gives the start of the segments, none can follow the program.
            if (length and not segments_start) or offset + length > _MOST_BYTES:
                self._record_out_of_range(detail, segment.position)
            elif offset + length > self._window.size:
                self.truncation = self.truncation or DamagedError(detail, segment.position)
            else:
                claim_data(self._window, offset, offset + length)
        self._check_subsegments(program.table(_CONSTANT_SEGMENT))
        for constants in program.tables(_MUTABLE_SEGMENTS):
            self._check_subsegments(constants)
        for named in program.tables(_NAMED_DATA):
            # NamedData: key (0), segment_index (1).
            self._check_segment(named.number(1, "I"), f"the data {named.text(0, 80)!r}", named.position)
        # Reading a vector raises when it ends outside the buffer.
        for buffer in program.tables(_CONSTANT_BUFFERS):
            buffer.vector(0, 1)
        inline_count = 0
        for delegate_data in program.tables(_DELEGATE_DATA):
            delegate_data.vector(0, 1)
            inline_count += 1
        for plan in program.tables(_PLANS):
            self._check_plan(plan, inline_count)
        claim_flatbuffer(FlatBuffer(program_window, self._limits), load_flat_schema(Path(__file__).parent))

    def _read_header(self) -> tuple[int, int]:
        """Read the extended header; return the size of the FlatBuffer and the offset of the segments, 0 for none."""
        header = self._window.read(_HEADER_OFFSET, _LONG_HEADER_BYTES)
        if header[:4] != _HEADER_MAGIC:
            return self._window.size, 0
        length = int.from_bytes(header[4:8], "little")
        size = int.from_bytes(header[8:16], "little")
        segments_start = int.from_bytes(header[16:24], "little")
        if length < _SHORT_HEADER_BYTES or len(header) < _SHORT_HEADER_BYTES:
            detail = f"the extended header states {length} bytes, fewer than {_SHORT_HEADER_BYTES}, or breaks off"
            raise DamagedError(detail, _HEADER_OFFSET)
        claim_parsed(self._window, _HEADER_OFFSET, _HEADER_OFFSET + min(length, _LONG_HEADER_BYTES))
        segment_bytes = int.from_bytes(header[24:32], "little") if length >= _LONG_HEADER_BYTES else 0
        if segments_start and segments_start < size:
            detail = f"the program has {size} bytes and the segments begin at {segments_start}"
            self._record_out_of_range(detail, _HEADER_OFFSET)
        needed = max(size, segments_start + segment_bytes)
        if needed > self._window.size:
            detail = f"the program and its segments need {needed} bytes, the file has {self._window.size}"
            self.truncation = DamagedError(detail, self._window.size)
        # A truncated program is read as far as it goes.
        return min(size, self._window.size), segments_start

    def _check_plan(self, plan: Table, inline_count: int) -> None:
        """Read an ExecutionPlan, one method of the program, and check its indices; ``inline_count`` data are inline."""
        if len(self.facts) < _MOST_FACTS:
            self.facts.append(("method", plan.text(_PLAN_NAME)))
        value_count = plan.count(_VALUES)
        operator_count = plan.count(_OPERATORS)
        delegate_count = plan.count(_DELEGATES)
        for operator in plan.tables(_OPERATORS):
            # Operator: name (0), overload (1).
            name, overload = operator.text(0), operator.text(1)
            self._record_mention("operator", f"{name}.{overload}" if overload else name, operator.position)
        for delegate in plan.tables(_DELEGATES):
            # BackendDelegate: id (0), processed (1), which is a BackendDelegateDataReference: location (0), index (1).
            self._record_mention("backend", delegate.text(0), delegate.position)
            processed = delegate.table(1)
            if processed is None:
                continue
            index = processed.number(1, "I")
            if processed.number(0, "b") != _INLINE:
                self._check_segment(index, f"the backend {delegate.text(0)!r}", delegate.position)
            elif index >= inline_count:
                detail = f"the backend {delegate.text(0)!r} uses inline data {index}, but there are only {inline_count}"
                self._record_out_of_range(detail, delegate.position)
        for slot in (_INPUTS, _OUTPUTS):
            self._check_value_indices(plan, slot, value_count, "the method")
        for chain in plan.tables(_CHAINS):
            self._check_chain(chain, value_count, operator_count, delegate_count)

    def _check_chain(self, chain: Table, value_count: int, operator_count: int, delegate_count: int) -> None:
        """Check the instructions (2) of a Chain against the counts of its plan.

        An Instruction has the kind (0) and the table (1) of its arguments. A call has the index (0) of an operator or
        delegate and the indices (1) of its argument values; a jump has the index (1) of the next instruction.
        """
        instruction_count = chain.count(2)
        for instruction in chain.tables(2):
            kind, arguments = instruction.number(0, "B"), instruction.table(1)
            if arguments is None:
                continue
            if kind in (_KERNEL_CALL, _DELEGATE_CALL):
                callee = arguments.number(0, "i")
                callee_count = operator_count if kind == _KERNEL_CALL else delegate_count
                if not 0 <= callee < callee_count:
                    detail = f"an instruction calls operator or delegate {callee}, but there are only {callee_count}"
                    self._record_out_of_range(detail, arguments.position)
                self._check_value_indices(arguments, 1, value_count, "an instruction")
            elif kind == _JUMP:
                target = arguments.number(1, "i")
                # A jump behind the last instruction ends the chain.
                if not 0 <= target <= instruction_count:
                    detail = f"an instruction jumps to {target}, but there are only {instruction_count} instructions"
                    self._record_out_of_range(detail, arguments.position)

    def _check_value_indices(self, table: Table, slot: int, value_count: int, user: str) -> None:
        """Check the list of value indices in a slot; report the first one out of range as used by ``user``."""
        vector = table.vector(slot)
        for number in vector.numbers("i") if vector is not None else ():
            if not 0 <= number < value_count:
                detail = f"{user} uses value {number}, but there are only {value_count}"
                self._record_out_of_range(detail, table.position)
                return

    def _check_subsegments(self, subsegments: Table | None) -> None:
        """Check the segment_index (0) of a SubsegmentOffsets; without offsets (1) it uses no segment."""
        if subsegments is None or not subsegments.count(1):
            return
        subsegments.vector(1, 8)  # raises when the offsets, eight bytes each, end outside the buffer
        # ExecuTorch writes one offset of 0, and no segment, for a program without constants.
        if self._segment_count:
            self._check_segment(subsegments.number(0, "I"), "a list of constants", subsegments.position)

    def _check_segment(self, index: int, user: str, position: int) -> None:
        """Record a defect if ``user``, at ``position``, uses a segment that does not exist."""
        if index >= self._segment_count:
            detail = f"{user} uses segment {index}, but there are only {self._segment_count}"
            self._record_out_of_range(detail, position)

    def _record_mention(self, use: str, name: str, position: int) -> None:
        """Record an operator or backend with its first position; raise ``LimitReachedError`` beyond 10,000 names."""
        if name not in self.mentions and len(self.mentions) >= _MOST_NAMES:
            raise LimitReachedError(f"only the first {_MOST_NAMES} distinct operators and backends were read", position)
        self.mentions.setdefault(name, Mention(VOCABULARY, use, name, Location(offset=position)))

    def _record_out_of_range(self, detail: str, position: int) -> None:
        """Record an index or offset out of range in the table at ``position``; only the first 200 are kept."""
        if len(self.defects) < _MOST_DEFECTS:
            self.defects.append(Defect(ExecutorchDefect.INDEX_OUTSIDE, detail, Location(offset=position)))
