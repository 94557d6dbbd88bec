"""A call of a callable by its full name, with the values of its arguments as far as they are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from modelaudit.languages.python.values import Constant, Value, collect_tags


@dataclass(frozen=True, slots=True)
class Call:
    """One call.

    Attributes:
        name: the full dotted name of the callable; ``*.method`` for a method of an unknown object.
        line: of the call in the text that is evaluated, from 1.
        is_hidden: whether the name was computed, so that a search of the source does not find it.
        tags: what flowed into the callable itself, see ``Unknown``.
        text: what is known of the text or path whose method is called, see ``Unknown``.
    """

    name: str
    args: Sequence[Value]
    keywords: Mapping[str, Value]
    line: int
    is_hidden: bool = False
    tags: frozenset[str] = frozenset()
    text: str = ""
    _argument_tags: frozenset[str] | None = field(default=None, init=False, repr=False, compare=False)

    def get_argument(self, position: int, name: str) -> Value | None:
        """Return the argument at a position or under a name; ``None`` if the call does not pass it."""
        return self.keywords.get(name, self.args[position] if position < len(self.args) else None)

    @property
    def argument_tags(self) -> frozenset[str]:
        """The tags of all arguments; collected once, because several judgements of a call ask for them."""
        if self._argument_tags is None:
            tags = frozenset().union(*map(collect_tags, self.args), *map(collect_tags, self.keywords.values()))
            object.__setattr__(self, "_argument_tags", tags)
        return self._argument_tags or frozenset()

    @property
    def detail(self) -> str:
        """The first argument as evidence for a reader, cut short; empty unless it is a constant text or sequence."""
        first = self.args[0] if self.args else next(iter(self.keywords.values()), None)
        if not isinstance(first, Constant) or first.value is None:
            return ""
        value = first.value
        if isinstance(value, tuple):
            return " ".join(str(each) for each in value[:8] if isinstance(each, str | bytes))
        return repr(value[:200]) if isinstance(value, str | bytes) else ""
