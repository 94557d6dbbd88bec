"""The stack of the pickle machine and its marks."""

from __future__ import annotations

from modelaudit.formats.pickles.pickle import PickleDefect
from modelaudit.formats.pickles.pickle.recorder import Recorder
from modelaudit.formats.pickles.pickle.stretches import DeferredStretches
from modelaudit.formats.pickles.pickle.values import PlainStretch, StackValue
from modelaudit.model.pickle import Unknown


class Stack:
    """Values and marks, as CPython's ``_pickle`` keeps them: a mark is a height, and no opcode pops below the last one.

    Where a loader would raise because a value is missing, a defect is recorded and an ``Unknown`` takes its place: a
    loader that is built differently may not stop there.

    Attributes:
        values: from the bottom up. A ``PlainStretch`` among them is replaced by its values when an opcode needs them.
        marks: for each mark the number of values below it.
    """

    __slots__ = ("_recorder", "_stretches", "marks", "values")

    def __init__(self, recorder: Recorder, stretches: DeferredStretches | None) -> None:
        self.values: list[StackValue] = []
        self.marks: list[int] = []
        self._recorder = recorder
        self._stretches = stretches

    def pop(self) -> StackValue:
        """Take the top value; an ``Unknown`` where there is none above the last mark."""
        values = self.values
        floor = self.marks[-1] if self.marks else 0
        if len(values) > floor and type(values[-1]) is not PlainStretch:
            return values.pop()
        self._expand_top()
        if len(values) <= floor:
            self._recorder.record_defect(
                PickleDefect.STACK_UNDERFLOW, "an opcode takes a value that is not on the stack"
            )
            return Unknown("a value missing from the stack")
        return values.pop()

    def peek(self) -> StackValue:
        """Return the top value and leave it there."""
        values = self.values
        floor = self.marks[-1] if self.marks else 0
        if len(values) > floor and type(values[-1]) is not PlainStretch:
            return values[-1]
        self._expand_top()
        if len(values) <= floor:
            # ``pop`` records the defect and supplies the missing value.
            values.append(self.pop())
        return values[-1]

    def pop_mark(self) -> list[StackValue]:
        """Remove the last mark and take the values above it; all values where there is no mark."""
        return self.expand(self.pop_mark_unexpanded())

    def pop_mark_unexpanded(self) -> list[StackValue]:
        """Remove the last mark and take the values above it, with each ``PlainStretch`` among them unexecuted.

        For opcodes that treat all plain data alike. Without a mark, which is a defect, all values are taken.
        """
        if self.marks:
            mark = self.marks.pop()
        else:
            self._recorder.record_defect(PickleDefect.MARK_MISSING, "an opcode needs a mark and there is none")
            mark = 0
        values = self.values[mark:]
        del self.values[mark:]
        return values

    def expand(self, values: list[StackValue]) -> list[StackValue]:
        """Replace every ``PlainStretch`` among ``values`` by the values that it leaves."""
        # A program may put very many values on the stack, so a copy is made only where it differs.
        if self._stretches is None or PlainStretch not in map(type, values):
            return values
        expanded: list[StackValue] = []
        for value in values:
            expanded += self._stretches.expand(value) if type(value) is PlainStretch else (value,)
        return expanded

    def _expand_top(self) -> None:
        """Replace each ``PlainStretch`` on top of the stack by its values, until a value is on top."""
        # A stretch may leave no value at all, and then another one may be below it.
        while self.values and type(self.values[-1]) is PlainStretch:
            self.values += self.expand([self.values.pop()])
