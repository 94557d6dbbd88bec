"""One call of a source, as its callee sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelaudit.languages.python.values import Constant, Value, collect_tags


@dataclass(frozen=True, slots=True)
class Call:
    """One call: of what, with which arguments, where, and what flows into it."""

    name: str
    args: Sequence[Value]
    by_name: Mapping[str, Value]
    line: int
    is_hidden: bool = False
    tags: frozenset[str] = frozenset()

    def argument(self, position: int, name: str) -> Value | None:
        """The argument at a position or under a name; ``None`` where it is not given."""
        return self.by_name.get(name, self.args[position] if position < len(self.args) else None)

    @property
    def flows(self) -> frozenset[str]:
        """What flows into the call by its arguments."""
        return frozenset().union(*(collect_tags(each) for each in (*self.args, *self.by_name.values())))

    @property
    def detail(self) -> str:
        """The first argument, where it is a constant."""
        first = self.args[0] if self.args else next(iter(self.by_name.values()), None)
        if not isinstance(first, Constant) or first.value is None:
            return ""
        value = first.value
        if isinstance(value, tuple):
            return " ".join(str(each) for each in value[:8] if isinstance(each, str | bytes))
        return repr(value[:200]) if isinstance(value, str | bytes) else ""
