"""Read ExecuTorch programs: find their operators and backends, and check that segments and indices are in range.

A program is a FlatBuffer. An extended header may follow the file identifier; segments of weights and of compiled
backend data may follow the FlatBuffer. Sources: schema/program.fbs and runtime/executor of ExecuTorch,
https://docs.pytorch.org/executorch/main/pte-file-format.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelaudit.formats.graphs.executorch import ExecutorchDefect
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import Defect, Location
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.flatbuffers import IDENTIFIER, FlatBuffer, Table
from modelaudit.wire.windows import SubWindow, get_budget

VOCABULARY: Final = "executorch-operators"
_IDENTIFIER: Final = re.compile(rb"ET\d\d")
_HEADER_OFFSET: Final = 8
_HEADER_MAGIC: Final = b"eh00"
# The first header gives the size of the program and the offset of the segments; a later one adds their size.
_SHORT_HEADER: Final = 24
_LONG_HEADER: Final = 32
_MOST_NAMES: Final = 10_000
_MOST_DEFECTS: Final = 200
_MOST_FACTS: Final = 64
_MOST_BYTES: Final = 2**63 - 1
# InstructionArguments and DataLocation of the schema.
_KERNEL_CALL, _DELEGATE_CALL, _JUMP = 1, 2, 4
_INLINE: Final = 0


def recognises(head: Head) -> bool:
    """Whether the file identifier at byte 4 is ``ET`` with two digits."""
    return head.content is None and _IDENTIFIER.match(head.data, IDENTIFIER) is not None


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
    """Read the tables of a program. All methods raise ``DamagedError`` and ``WindowError``.

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
        size, base = self._read_header()
        part = SubWindow(self._window, 0, size, get_budget(self._window, self._limits))
        program = FlatBuffer(part, self._limits).read_root()
        self.facts.append(("schema", str(program.number(0, "I"))))
        self._segment_count = program.count(4)
        for index, segment in enumerate(program.tables(4)):
            offset, length = base + segment.number(0, "Q"), segment.number(1, "Q")
            detail = f"segment {index} of {length} bytes is at offset {offset} of {self._window.size} bytes"
            if (length and not base) or offset + length > _MOST_BYTES:
                self._record_out_of_range(detail, segment.position)
            elif offset + length > self._window.size:
                self.truncation = self.truncation or DamagedError(detail, segment.position)
        self._check_subsegments(program.table(5))
        for constants in program.tables(6):
            self._check_subsegments(constants)
        for named in program.tables(7):
            self._check_segment(named.number(1, "I"), f"the data {named.text(0, 80)!r}", named.position)
        # Reading a vector raises when it ends outside the buffer.
        for buffer in program.tables(2):
            buffer.vector(0, 1)
        inline_count = 0
        for blob in program.tables(3):
            blob.vector(0, 1)
            inline_count += 1
        for plan in program.tables(1):
            self._check_plan(plan, inline_count)

    def _read_header(self) -> tuple[int, int]:
        """Read the extended header; return the size of the FlatBuffer and the offset of the segments, 0 for none."""
        head = self._window.read(_HEADER_OFFSET, _LONG_HEADER)
        if head[:4] != _HEADER_MAGIC:
            return self._window.size, 0
        length = int.from_bytes(head[4:8], "little")
        size, base = (int.from_bytes(head[at : at + 8], "little") for at in (8, 16))
        if length < _SHORT_HEADER or len(head) < _SHORT_HEADER:
            raise DamagedError(f"the extended header has a length of {length} bytes", _HEADER_OFFSET)
        segments = int.from_bytes(head[24:32], "little") if length >= _LONG_HEADER else 0
        if base and base < size:
            self._record_out_of_range(f"the program has {size} bytes and the segments begin at {base}", _HEADER_OFFSET)
        if max(size, base + segments) > self._window.size:
            needs = max(size, base + segments)
            detail = f"the program and its segments need {needs} bytes, the file has {self._window.size}"
            self.truncation = DamagedError(detail, self._window.size)
        return min(size, self._window.size), base

    def _check_plan(self, plan: Table, inline_count: int) -> None:
        """Read an ExecutionPlan, one method of the program, and check its indices against the count of inline data."""
        if len(self.facts) < _MOST_FACTS:
            self.facts.append(("method", plan.text(0)))
        values, operators, delegates = plan.count(2), plan.count(6), plan.count(7)
        for operator in plan.tables(6):
            name, overload = operator.text(0), operator.text(1)
            self._record_mention("operator", f"{name}.{overload}" if overload else name, operator.position)
        for delegate in plan.tables(7):
            self._record_mention("backend", delegate.text(0), delegate.position)
            processed = delegate.table(1)
            if processed is None:
                continue
            index = processed.number(1, "I")
            if processed.number(0, "b") != _INLINE:
                self._check_segment(index, f"the backend {delegate.text(0)!r}", delegate.position)
            elif index >= inline_count:
                detail = f"the backend {delegate.text(0)!r} uses inline data {index} of {inline_count}"
                self._record_out_of_range(detail, delegate.position)
        for slot in (3, 4):
            self._check_indices(plan, slot, values, "the method")
        for chain in plan.tables(5):
            self._check_chain(chain, values, operators, delegates)

    def _check_chain(self, chain: Table, values: int, operators: int, delegates: int) -> None:
        """Check the instructions of a Chain: called operators and delegates, arguments, and jumps."""
        steps = chain.count(2)
        for instruction in chain.tables(2):
            kind, arguments = instruction.number(0, "B"), instruction.table(1)
            if arguments is None:
                continue
            if kind in (_KERNEL_CALL, _DELEGATE_CALL):
                most = operators if kind == _KERNEL_CALL else delegates
                if not 0 <= arguments.number(0, "i") < most:
                    detail = f"an instruction calls number {arguments.number(0, 'i')} of {most}"
                    self._record_out_of_range(detail, arguments.position)
                self._check_indices(arguments, 1, values, "an instruction")
            elif kind == _JUMP and not 0 <= arguments.number(1, "i") <= steps:
                self._record_out_of_range(
                    f"an instruction jumps to {arguments.number(1, 'i')} of {steps}", arguments.position
                )

    def _check_indices(self, table: Table, slot: int, most: int, what: str) -> None:
        """Check a list of indices; report the first one out of range."""
        vector = table.vector(slot)
        for number in vector.numbers("i") if vector is not None else ():
            if not 0 <= number < most:
                self._record_out_of_range(f"{what} uses value {number} of {most}", table.position)
                return

    def _check_subsegments(self, part: Table | None) -> None:
        """Check the segment of a SubsegmentOffsets that has offsets."""
        if part is not None and part.count(1):
            vector = part.vector(1, 8)
            if vector is not None and self._segment_count:
                self._check_segment(part.number(0, "I"), "a list of constants", part.position)

    def _check_segment(self, index: int, what: str, position: int) -> None:
        if index >= self._segment_count:
            self._record_out_of_range(f"{what} uses segment {index} of {self._segment_count}", position)

    def _record_mention(self, use: str, name: str, position: int) -> None:
        if len(self.mentions) >= _MOST_NAMES:
            raise LimitReachedError(f"more than {_MOST_NAMES} distinct operators", position)
        self.mentions.setdefault(name, Mention(VOCABULARY, use, name, Location(offset=position)))

    def _record_out_of_range(self, detail: str, position: int) -> None:
        if len(self.defects) < _MOST_DEFECTS:
            self.defects.append(Defect(ExecutorchDefect.INDEX_OUTSIDE, detail, Location(offset=position)))
