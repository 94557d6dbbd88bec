"""Programs of ExecuTorch: the operators and backends that they name, and whether segments and indices stay inside.

Layout: a FlatBuffer, in which a header of its own may stand behind the identifier; then segments of weights and of
what backends have compiled. Sources: schema/program.fbs and runtime/executor of ExecuTorch,
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
_HEADER_AT: Final = 8
_HEADER: Final = b"eh00"
_SHORT_HEADER: Final = 24
_LONG_HEADER: Final = 32
_MOST_NAMES: Final = 10_000
_MOST_DEFECTS: Final = 200
_MOST_FACTS: Final = 64
_MOST_BYTES: Final = 2**63 - 1
_KERNEL, _DELEGATE_CALL, _JUMP = 1, 2, 4
_INLINE: Final = 0


def recognises(head: Head) -> bool:
    """The four letters at byte 4."""
    return head.content is None and _IDENTIFIER.match(head.data, IDENTIFIER) is not None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline.

    Raises:
        DamagedError: an offset leads nowhere; what stands before is yielded first.
        LimitReachedError: it holds more than is followed.
        WindowError: from the window.
    """
    walk = _Walk(window, limits)
    broken: DamagedError | WindowError | None = None
    try:
        walk.program()
        broken = walk.cut
    except (DamagedError, WindowError) as error:
        broken = error
    yield Outline("executorch", tuple(walk.mentions.values()), tuple(walk.facts), tuple(walk.defects))
    if broken is not None:
        raise broken


class _Walk:
    """Goes through a program and notes what is found. All methods raise ``DamagedError`` and ``WindowError``.

    Attributes:
        cut: the first stretch that lies beyond the end of the file, as in one that was not fetched whole.
    """

    def __init__(self, window: Window, limits: Limits) -> None:
        self._window = window
        self._limits = limits
        self.mentions: dict[str, Mention] = {}
        self.facts: list[tuple[str, str]] = []
        self.defects: list[Defect] = []
        self.cut: DamagedError | None = None
        self._segments = 0

    def program(self) -> None:
        """The whole file."""
        size, base = self._header()
        stretch = SubWindow(self._window, 0, size, get_budget(self._window, self._limits))
        program = FlatBuffer(stretch, self._limits).read_root()
        self.facts.append(("schema", str(program.number(0, "I"))))
        self._segments = program.count(4)
        for index, segment in enumerate(program.tables(4)):
            offset, length = base + segment.number(0, "Q"), segment.number(1, "Q")
            detail = f"segment {index} of {length} bytes lies at {offset} of {self._window.size}"
            if (length and not base) or offset + length > _MOST_BYTES:
                self._outside(detail, segment.position)
            elif offset + length > self._window.size:
                self.cut = self.cut or DamagedError(detail, segment.position)
        self._subsegments(program.table(5))
        for part in program.tables(6):
            self._subsegments(part)
        for named in program.tables(7):
            self._segment(named.number(1, "I"), f"the data {named.text(0, 80)!r}", named.position)
        for buffer in program.tables(2):
            buffer.vector(0, 1)
        inline = 0
        for blob in program.tables(3):
            blob.vector(0, 1)
            inline += 1
        for plan in program.tables(1):
            self._plan(plan, inline)

    def _header(self) -> tuple[int, int]:
        """The size of the program and where its segments begin, which is 0 where there are none."""
        head = self._window.read(_HEADER_AT, _LONG_HEADER)
        if head[:4] != _HEADER:
            return self._window.size, 0
        length = int.from_bytes(head[4:8], "little")
        size, base = (int.from_bytes(head[at : at + 8], "little") for at in (8, 16))
        if length < _SHORT_HEADER or len(head) < _SHORT_HEADER:
            raise DamagedError(f"its header says that it takes {length} bytes", _HEADER_AT)
        segments = int.from_bytes(head[24:32], "little") if length >= _LONG_HEADER else 0
        if base and base < size:
            self._outside(f"the program takes {size} bytes and the segments begin at {base}", _HEADER_AT)
        if max(size, base + segments) > self._window.size:
            detail = f"the program and its segments take {max(size, base + segments)} bytes of {self._window.size}"
            self.cut = DamagedError(detail, self._window.size)
        return min(size, self._window.size), base

    def _plan(self, plan: Table, inline: int) -> None:
        if len(self.facts) < _MOST_FACTS:
            self.facts.append(("method", plan.text(0)))
        values, operators, delegates = plan.count(2), plan.count(6), plan.count(7)
        for operator in plan.tables(6):
            name, overload = operator.text(0), operator.text(1)
            self._mention("operator", f"{name}.{overload}" if overload else name, operator.position)
        for delegate in plan.tables(7):
            self._mention("backend", delegate.text(0), delegate.position)
            processed = delegate.table(1)
            if processed is None:
                continue
            index = processed.number(1, "I")
            if processed.number(0, "b") != _INLINE:
                self._segment(index, f"the backend {delegate.text(0)!r}", delegate.position)
            elif index >= inline:
                self._outside(f"the backend {delegate.text(0)!r} is blob {index} of {inline}", delegate.position)
        for slot in (3, 4):
            self._indices(plan, slot, values, "the method")
        for chain in plan.tables(5):
            self._chain(chain, values, operators, delegates)

    def _chain(self, chain: Table, values: int, operators: int, delegates: int) -> None:
        steps = chain.count(2)
        for instruction in chain.tables(2):
            kind, arguments = instruction.number(0, "B"), instruction.table(1)
            if arguments is None:
                continue
            if kind in (_KERNEL, _DELEGATE_CALL):
                most = operators if kind == _KERNEL else delegates
                if not 0 <= arguments.number(0, "i") < most:
                    self._outside(f"an instruction calls number {arguments.number(0, 'i')} of {most}",
                                  arguments.position)  # fmt: skip
                self._indices(arguments, 1, values, "an instruction")
            elif kind == _JUMP and not 0 <= arguments.number(1, "i") <= steps:
                self._outside(f"an instruction jumps to {arguments.number(1, 'i')} of {steps}", arguments.position)

    def _indices(self, table: Table, slot: int, most: int, what: str) -> None:
        vector = table.vector(slot)
        for number in vector.numbers("i") if vector is not None else ():
            if not 0 <= number < most:
                self._outside(f"{what} names value {number} of {most}", table.position)
                return

    def _subsegments(self, part: Table | None) -> None:
        if part is not None and part.count(1):
            vector = part.vector(1, 8)
            if vector is not None and self._segments:
                self._segment(part.number(0, "I"), "a list of constants", part.position)

    def _segment(self, index: int, what: str, position: int) -> None:
        if index >= self._segments:
            self._outside(f"{what} is segment {index} of {self._segments}", position)

    def _mention(self, use: str, name: str, position: int) -> None:
        if len(self.mentions) >= _MOST_NAMES:
            raise LimitReachedError(f"more than {_MOST_NAMES} distinct operators", position)
        self.mentions.setdefault(name, Mention(VOCABULARY, use, name, Location(offset=position)))

    def _outside(self, detail: str, position: int) -> None:
        if len(self.defects) < _MOST_DEFECTS:
            self.defects.append(Defect(ExecutorchDefect.INDEX_OUTSIDE, detail, Location(offset=position)))
