"""The part of the evaluator that the models of single functions use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from modelaudit.languages.python.budget import StepBudget
from modelaudit.languages.python.call import Call
from modelaudit.languages.python.recording import UseRecorder
from modelaudit.languages.python.values import Value


class Evaluation(Protocol):
    """What a model of a function asks of the evaluation that calls it."""

    @property
    def recorder(self) -> UseRecorder:
        """The recorder of the source."""
        ...

    @property
    def budget(self) -> StepBudget:
        """The budget of the source."""
        ...

    def call_getattr(self, call: Call) -> Value:
        """Call ``getattr``."""
        ...

    def take_item(self, base: Value, key: Value, line: int) -> Value:
        """Take the item of a value under a key."""
        ...

    def call_value(
        self,
        callee: Value,
        args: Sequence[Value],
        keywords: dict[str, Value],
        line: int,
        base: Value = ...,
        method: str = ...,
    ) -> Value:
        """Call a value; for ``base.method(...)`` with its object and name."""
        ...

    def count_left_steps(self) -> int:
        """Count the steps of walks that functions have left around them."""
        ...

    def list_step_rounds(self, names: Iterable[str], left: int) -> Iterator[None]:
        """Yield once for each further round in which names, or what is around, may be taken further steps."""
        ...

    def keep_named_member(self, base: Value, path: str, line: int) -> None:
        """Keep a member that the source takes without a dot."""
        ...
