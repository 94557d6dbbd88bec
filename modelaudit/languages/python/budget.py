"""The bound on the work that one source may cause: steps of evaluation, counted against a limit and the deadline.

A few lines of Python can ask for any amount of work (nested calls, loops over constants, long texts), so the evaluator
pays one step for each node that it visits, and more for work whose cost grows with a constant or with alternatives.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from modelaudit.wire.deadline import check_deadline

MAX_STEPS: Final = 1_000_000
_STEPS_FOR_ANY_SOURCE: Final = 100_000
_STEPS_PER_CHARACTER: Final = 3
_PART_DIVISOR: Final = 4
"""A part may take a quarter of the steps that remain, so that an expensive part leaves steps for those behind it."""
_DEADLINE_MASK: Final = 63
"""The deadline is checked once in 64 steps: asking for the time at each step would double the cost of a step."""


class TooDeepError(Exception):
    """An expression nests deeper than it is evaluated, or the source takes more steps than its budget."""


def limit_steps(text: str) -> int:
    """Return the number of steps that may be spent on a source: it grows with the text, up to ``MAX_STEPS``."""
    return min(MAX_STEPS, _STEPS_FOR_ANY_SOURCE + _STEPS_PER_CHARACTER * len(text))


@dataclass(slots=True)
class StepBudget:
    """Steps spent on one source, and the most that may be spent.

    Attributes:
        part_end: the number of steps that the source may have spent by the end of its current part.
    """

    max_steps: int = MAX_STEPS
    steps: int = 0
    part_end: int = field(init=False)

    def __post_init__(self) -> None:
        """Let the first part be the whole source."""
        self.part_end = self.max_steps

    @property
    def is_exceeded(self) -> bool:
        """Whether more steps were asked for than the budget holds."""
        return self.steps > self.max_steps

    def begin_part(self) -> None:
        """Begin a part of the source: a statement of the module, or the body of a function."""
        self.part_end = self.steps + (self.max_steps - self.steps) // _PART_DIVISOR

    def spend(self, count: int = 1) -> None:
        """Pay ``count`` steps; work on a long constant counts by its length.

        Raises:
            TooDeepError: the budget of the source or of its current part is exceeded.
            LimitReachedError: the deadline of the artifact has passed.
        """
        self.steps += count
        # The steps modulo 64 are fewer than ``count`` if these steps have passed a multiple of 64.
        if (self.steps & _DEADLINE_MASK) < count:
            check_deadline()
        if self.steps > self.part_end:
            raise TooDeepError
