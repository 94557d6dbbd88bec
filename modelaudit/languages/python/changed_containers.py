"""Find the names whose lists, mappings and other mutable values a source may change unseen.

The evaluator folds the items of a list that a name holds. That is exact only while the source uses the name by reads
alone: ``m[0]``, ``len(m)``, ``for each in m``. Any other use may change the items at a time, and in a way, that the
evaluator does not follow: ``del m[0]``, ``heapify(m)``, ``r = m.reverse``. So the uses that only read are listed here,
and each other use opens the value: its items stay as evidence, and may be anything beside (``Constant.is_open``).

The search goes by the spelling of names, whatever their scopes. A second name of a value, such as the target of an
assignment or of a loop, or the parameter of a function of the source, is followed: its uses count for the first name.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from enum import IntEnum
from typing import Final

from modelaudit.languages.python import container_uses
from modelaudit.languages.python.class_texts import ClassTexts
from modelaudit.languages.python.name_uses import EXACT, ITSELF, Level, Outcome, SourceTree
from modelaudit.languages.python.values import Alternatives, Constant, Container, Value, open_constant
from modelaudit.model.copies import replace

_MAX_FOLLOWED: Final = 256  # second names of one value, and their names
_MAX_NESTING: Final = 4
_MAX_GROWTHS: Final = 256  # additions after the first answer; each voids the earlier answers


class Change(IntEnum):
    """What a source may change of the value that a name holds, unseen by the evaluator."""

    NONE = 0
    ITEMS = 1
    """The lists, mappings and the like inside of the value."""
    WHOLE = 2


class ChangedContainers:
    """The names of one source whose mutable values may change unseen; the tree is read once the first is asked for.

    Attributes:
        is_asked: whether the source looks up a name by a text that it does not write at the place. Only then are names
            judged, which costs work.
        is_complete: whether the whole source is known. If not, each value may change.
        holds_byte_arrays: whether the source makes a ``bytearray``, so that bytes may change too.
        opened: the names that other files of the model may bind again; ``*`` stands for any.
    """

    def __init__(self) -> None:
        self.is_asked = False
        self.is_complete = True
        self.holds_byte_arrays = False
        self.opened: frozenset[str] = frozenset()
        self._tree = SourceTree()
        self._classes = ClassTexts(self._tree)
        self._waiting: list[tuple[Sequence[ast.stmt], ast.AST | None]] = []
        self._bodies: dict[int, Sequence[ast.stmt]] = {}
        self._marked: set[str] = set()
        self._growths = 0
        self._changes: dict[str, Change] = {}
        self._outcomes: dict[str, tuple[Outcome, ...]] = {}
        self._opened: dict[tuple[int, Change, int], tuple[Value, Value]] = {}
        """Opened values by the identity of the value, which is kept, so that the same value is opened but once."""

    def add_body(self, body: Sequence[ast.stmt], around: ast.AST | None = None) -> None:
        """Add statements of the source; those that are known already are left out.

        ``around`` is the call that runs the text in which they stand, and ``None`` for those of the module.
        """
        # Kept, so that no other object gets the identity.
        if id(body) not in self._bodies:
            self._bodies[id(body)] = body
            self._waiting.append((body, around))
            self._forget()
            self._outcomes.clear()

    def mark_changed(self, name: str) -> None:
        """Mark that the source sets a name by a way without its spelling, such as ``setattr``."""
        if name not in self._marked:
            self._marked.add(name)
            self._forget()

    def note_byte_arrays(self) -> None:
        """Note that the source makes a ``bytearray``, so that the bytes which a name holds may change."""
        self.holds_byte_arrays = True

    def _forget(self) -> None:
        """Forget what was found before the tree or the marked names grew."""
        if self._changes:
            self._changes.clear()
            self._growths += 1
            self.is_complete &= self._growths <= _MAX_GROWTHS

    def open_value(self, name: str, value: Value) -> Value:
        """Return the value that a name holds: with open items, as far as the source may change them unseen."""
        if not self.is_asked:
            return value
        if self._may_be_bound(name):
            return open_constant(value)
        if not _may_change(value, self.holds_byte_arrays):
            return value
        change = self.find_change(name)
        if change is Change.NONE:
            return value
        if isinstance(value, Alternatives):
            return Alternatives(tuple(self._open_once(each, change, _MAX_NESTING) for each in value.values))
        return self._open_once(value, change, _MAX_NESTING)

    def open_member(self, owner: ast.ClassDef, name: str, holder: ast.expr, value: Value) -> Value:
        """Return the value of a member that a class of the source gives its name: open, if it may be another one.

        Args:
            owner: the class.
            name: the name of the member.
            holder: the expression whose attribute is taken: the class, or an object of it.
            value: what the class holds.
        """
        if not self.is_asked:
            return value
        self._read_waiting()
        is_settled = self.is_complete and self._classes.is_settled(owner, name, holder)
        return value if is_settled else open_constant(value)

    def _may_be_bound(self, name: str) -> bool:
        """Whether code that runs at an unknown time binds a name: an inner function, or another file."""
        self._read_waiting()
        is_opened = name in self._tree.nonlocal_names or not self.opened.isdisjoint((name, "*"))
        # The namespace of a class may be an object of the source.
        return is_opened or self._tree.uses_name("__prepare__")

    def open_result(self, function: ast.expr, value: Value) -> Value:
        """Return the result of a call: with open items if a decorator may keep it for the next call."""
        name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
        self._read_waiting()
        return self.open_value(name, value) if name in self._tree.decorated_names else value

    def _read_waiting(self) -> None:
        """Read the statements that were added since."""
        for body, around in self._waiting:
            self._tree.add_body(body, around)
        self._waiting.clear()

    def find_change(self, name: str) -> Change:
        """Find what the source may change unseen of the value that a name, or an attribute of that name, holds."""
        if not self.is_complete:
            return Change.WHOLE
        self._read_waiting()
        change = self._changes.get(name)
        if change is None:
            change = self._changes[name] = self._follow_names(name)
        return change

    def _follow_names(self, first: str) -> Change:
        """Judge the uses of a name and of the further names that its value, or an item or holder of it, gets."""
        if self._tree.is_reflective or self._tree.is_rebound(first):
            return Change.WHOLE
        change = Change.NONE
        states = {(first, ITSELF): None}
        waiting = [(first, ITSELF)]
        while waiting and change is not Change.WHOLE:
            name, level = waiting.pop()
            if name in self._marked or name in self._tree.global_names:
                change = max(change, _judge_level(level))
            for outcome in self._list_outcomes(name):
                if len(states) > _MAX_FOLLOWED:
                    return Change.WHOLE
                reached = level.follow(outcome.level)
                if outcome.name is None:
                    change = max(change, _judge_level(reached))
                elif outcome.name == EXACT:
                    # The evaluator folds the change for this name, and not for any other name of the value.
                    is_followed = (name, level) != (first, ITSELF)
                    change = max(change, _judge_level(reached) if is_followed else Change.NONE)
                elif (outcome.name, reached) not in states:
                    states[outcome.name, reached] = None
                    waiting.append((outcome.name, reached))
        return change

    def _list_outcomes(self, name: str) -> tuple[Outcome, ...]:
        """List what the uses of a name lead to, each once."""
        outcomes = self._outcomes.get(name)
        if outcomes is None:
            found = (each for use in self._tree.list_uses(name) for each in container_uses.judge_use(self._tree, use))
            outcomes = tuple(dict.fromkeys((*self._tree.list_other_names(name), *found)))
            self._outcomes[name] = outcomes
        return outcomes

    def _open_once(self, value: Value, change: Change, depth: int) -> Value:
        """Return the opened form of a value; that of a value which several others hold is made once."""
        known = self._opened.get((id(value), change, depth))
        if known is None:
            opened = self._open_whole(value, depth) if change is Change.WHOLE else self._open_items(value, depth)
            known = self._opened[id(value), change, depth] = value, opened
        return known[1]

    def _open_whole(self, value: Value, depth: int) -> Value:
        """Return a value that may be changed: a mutable one with open items, a tuple with what is mutable in it."""
        if isinstance(value, Constant):
            return replace(value, is_open=True) if _may_change(value, self.holds_byte_arrays) else value
        opened = self._open_items(value, depth)
        return replace(opened, is_open=True) if isinstance(opened, Container) and not opened.is_tuple else opened

    def _open_items(self, value: Value, depth: int) -> Value:
        """Return a value whose mutable items may be changed; of several alternatives each is opened."""
        if not depth:
            return value
        if isinstance(value, Container | Alternatives):
            items = tuple(self._open_once(each, Change.WHOLE, depth - 1) for each in value.values)
            return replace(value, values=items)
        return value


def _judge_level(level: Level) -> Change:
    """Return what changes of a value if something at this level does: an item of it, itself, or what holds it."""
    return Change.ITEMS if level.changes_items else Change.WHOLE


def _may_change(value: Value, holds_byte_arrays: bool) -> bool:
    """Whether a value is mutable, or may hold mutable items."""
    if isinstance(value, Constant):
        kind = type(value.value)
        return (kind is tuple and not value.is_tuple) or (kind is bytes and holds_byte_arrays)
    # A constant is what an attacker hides in a list, at any level.
    return isinstance(value, Container | Alternatives) and any(
        isinstance(each, Constant | Container | Alternatives) for each in value.values
    )
