"""Follow steps by computed names in functions of the source that a library calls.

``tree_map(lambda o: getattr(o, name), tree)`` takes a step in a call that the library makes, as ``forward`` does of a
module in ``Sequential`` and a hook of a layer. The library may pass such a function whatever it gets itself, what the
function returned before, and hand out its result. What holds a function to call it later carries the tag ``calls:N``
with the number of its definition; of a class or an object of one, ``forward`` and each special method counts.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from modelaudit.languages.python import blind_steps, callbacks
from modelaudit.languages.python.call import Call
from modelaudit.languages.python.definitions import Definition, DefinitionTable
from modelaudit.languages.python.evaluation import Evaluation
from modelaudit.languages.python.values import (
    UNKNOWN,
    Alternatives,
    Container,
    ExternalName,
    LocalDefinition,
    PartialCall,
    Unknown,
    Value,
    join_values,
    list_alternatives,
    list_steps,
)
from modelaudit.model.copies import replace

_HOLDS: Final = "calls:"
_MAX_HELD: Final = 16  # functions that one call follows
_MAX_NESTED: Final = 2  # calls by libraries in functions that a library calls
_MAX_ROUNDS: Final = 8  # of one call
_MAX_ITEMS: Final = 64  # of a list that are looked at
_MAX_DEPTH: Final = 3  # of lists in lists, and of classes above another
_OPENING: Final = frozenset({"vars", "getattr"})
_SETTERS: Final = frozenset({"builtins.setattr", "builtins.object.__setattr__", "operator.setitem"})
_NONE: Final[frozenset[str]] = frozenset()
_HANDING: Final = frozenset({"__getitem__", "__iter__", "__next__", "__getattr__"})
"""Methods whose results an object hands out that holds one of their class."""


def tag_held(values: Iterable[Value]) -> frozenset[str]:
    """Return the tags of what holds the functions and objects of the source among some values.

    The tag of a function with bound arguments ends with their number: a library passes nothing in their place.
    """
    return frozenset(tag for value in values for tag in _list_tags(value, _MAX_DEPTH))


def _list_tags(value: Value, depth: int) -> Iterator[str]:
    """Yield the tags of the functions, classes and objects of the source that a value is or holds."""
    for each in list_alternatives(value):
        if isinstance(each, Container) and depth:
            for item in each.values[:_MAX_ITEMS]:
                yield from _list_tags(item, depth - 1)
        elif isinstance(each, LocalDefinition):
            yield f"{_HOLDS}{each.number}"
        elif isinstance(each, PartialCall) and depth:
            bound = (*each.args, *(item for _, item in each.keywords))
            count = 0 if _collect_steps(bound) else len(each.args)
            for function in callbacks.list_functions(each):
                yield f"{_HOLDS}{function.number}:{count}" if count else f"{_HOLDS}{function.number}"
            for item in bound:
                yield from _list_tags(item, depth - 1)


def _collect_steps(values: Iterable[Value]) -> frozenset[str]:
    """Return the tags of steps of some values, and of the arguments that functions among them bind."""
    found = _NONE
    for value in values:
        found |= blind_steps.collect_steps(value)
        for each in list_alternatives(value):
            if isinstance(each, PartialCall):
                bound = (*each.args, *(item for _, item in each.keywords))
                found = found.union(*map(blind_steps.collect_steps, bound))
    return found


def list_held(tags: frozenset[str]) -> frozenset[str]:
    """Return those tags of functions that a value holds."""
    return frozenset(each for each in tags if each.startswith(_HOLDS))


def _read_tag(tag: str) -> tuple[int, int]:
    """Return the number of the function of a tag, and that of the arguments which are bound."""
    number, _, bound = tag.removeprefix(_HOLDS).partition(":")
    return int(number), int(bound or 0)


def drop_held(tags: frozenset[str]) -> frozenset[str]:
    """Return the tags without those of functions that a value holds."""
    return tags - list_held(tags)


def hold(value: Value, tags: frozenset[str]) -> Value:
    """Return a value that holds functions besides."""
    if isinstance(value, Unknown) or (isinstance(value, ExternalName) and value.is_result):
        return replace(value, tags=value.tags | tags)
    if isinstance(value, Alternatives):
        return join_values(*(hold(each, tags) for each in value.values))
    return join_values(value, Unknown(tags))


def find_holder(target: ast.expr) -> ast.expr:
    """Return the object that gets what is put into an expression: ``layer`` of ``vars(layer)``."""
    while True:
        if isinstance(target, ast.Subscript) or (isinstance(target, ast.Attribute) and target.attr.startswith("_")):
            target = target.value
        elif isinstance(target, ast.Call) and target.args and getattr(target.func, "id", "") in _OPENING:
            target = target.args[0]
        else:
            return target


def is_own_object(node: ast.expr) -> bool:
    """Whether an expression is the object or class of the source whose method is evaluated: ``self``, ``super()``."""
    if isinstance(node, ast.Call):
        return getattr(node.func, "id", "") == "super"
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def find_getter_of_functions(node: ast.Call, callee: Value) -> ast.expr | None:
    """Return the expression of the object that a call may give functions; ``None`` if there is none."""
    if isinstance(callee, ExternalName) and callee.name in _SETTERS and node.args:
        return node.args[0]
    return node.func.value if isinstance(node.func, ast.Attribute) else None


def write_class(line: int) -> ast.ClassDef:
    """Return the statement of a class without a body, in place of a call that makes one."""
    return ast.ClassDef("", [], [], [], [], lineno=line, col_offset=0, end_lineno=line, end_col_offset=0)


class HandedFunctions:
    """The functions of one source that libraries get, and the calls of them that were followed.

    Attributes:
        is_asked: whether the source takes, or may take, a step by a computed name, so that such functions matter.
        everywhere: the tags of functions that the own object of a method gets, or each object of a library.
    """

    def __init__(self, evaluation: Evaluation, definitions: DefinitionTable) -> None:
        self.is_asked = False
        self._has_steps = False
        self.everywhere = _NONE
        self._evaluation = evaluation
        self._definitions = definitions
        self._results: dict[tuple[int, int, int, bool, frozenset[str], int], frozenset[str]] = {}
        self._calling: set[int] = set()

    def note_steps(self, steps: Iterable[str]) -> None:
        """Note that the source takes a step by a computed name, if there are tags of one."""
        if any(True for _ in steps):
            self.is_asked = self._has_steps = True

    def copy_for_next_pass(self, evaluation: Evaluation, definitions: DefinitionTable) -> HandedFunctions:
        """Return what the next pass begins with: it follows functions if this pass has met a step."""
        copied = HandedFunctions(evaluation, definitions)
        copied.is_asked = copied._has_steps = self._has_steps
        copied.everywhere = self.everywhere if self._has_steps else _NONE
        return copied

    def follow_call(self, call: Call, is_object: bool, is_made: bool) -> frozenset[str]:
        """Follow the functions that a library, or code that is not known, may call in a call of it.

        Args:
            call: its tags are those of what is called.
            is_object: whether an object is called that an earlier call returned, and no method or function.
            is_made: whether a class is called, so that the result is an object which holds what it gets.

        Returns:
            The tags that the result has from them; those of held functions among them.
        """
        passed = call.tags | call.argument_tags
        held = list_held(passed)
        handed = tag_held((*call.args, *call.keywords.values()))
        if call.name.rpartition(".")[2].startswith("register") and not is_object:
            self.everywhere |= handed
        followed = held | handed | (self.everywhere if is_object else _NONE)
        numbers = sorted(_read_tag(each) for each in followed)[:_MAX_HELD]
        if not numbers:
            return _NONE
        steps = list_steps(passed) | _collect_steps((*call.args, *call.keywords.values()))
        found = self._follow(numbers, steps, is_made, call.line)
        kept = list_held(call.argument_tags) if is_object else held
        return (found if found != steps else _NONE) | handed | kept

    def _follow(
        self, numbers: Sequence[tuple[int, int]], steps: frozenset[str], is_made: bool, line: int
    ) -> frozenset[str]:
        """Return the tags of steps of what functions return, if they get what has these tags or their own results."""
        found = steps
        left = self._evaluation.count_left_steps()
        rounds = self._evaluation.list_step_rounds((), left)
        for _ in range(_MAX_ROUNDS):
            before = found
            for number, bound in numbers:
                found |= self._call(number, bound, found, is_made, line)
            if found == before and next(rounds, self) is self:
                break
        return found

    def _call(self, number: int, bound: int, steps: frozenset[str], is_made: bool, line: int) -> frozenset[str]:
        """Return the tags of steps of what a function, or a method of a class, returns for what has such tags."""
        scope = self._definitions.get(LocalDefinition(number)).scope
        key = (number, bound, id(scope), is_made, steps, self._evaluation.count_left_steps())
        if key in self._results or number in self._calling or len(self._calling) >= _MAX_NESTED:
            return self._results.get(key, _NONE)
        self._calling.add(number)
        try:
            found = _NONE
            for name, owner, function in self._list_called(number):
                if is_made and owner is not None and name not in _HANDING:
                    continue
                args = self._make_arguments(owner, bound, self._definitions.get(function), steps)
                found |= blind_steps.collect_steps(self._evaluation.call_value(function, args, {}, line))
        finally:
            self._calling.discard(number)
        self._results[key] = found
        return found

    def _list_called(self, number: int) -> Iterator[tuple[str, LocalDefinition | None, LocalDefinition]]:
        """Yield a function, or the methods of a class, and of those above it, that are called without their names."""
        value = LocalDefinition(number)
        if self._definitions.get_members(value) is None:
            if not isinstance(self._definitions.get(value).node, ast.ClassDef):
                yield "", None, value
            return
        waiting: list[Value] = [value]
        for _ in range(_MAX_DEPTH):
            classes = [each for each in waiting if isinstance(each, LocalDefinition)]
            waiting = [base for each in classes for base in self._definitions.get(each).bases]
            for each in classes:
                members = self._definitions.get_members(each)
                for name, member in members.names.items() if members is not None else ():
                    for function in list_alternatives(member):
                        is_special = name == "forward" or (name.startswith("__") and name != "__init__")
                        if not isinstance(function, LocalDefinition) or not is_special:
                            continue
                        if self._definitions.get_members(function) is None:
                            yield name, LocalDefinition(number, is_result=True), function

    @staticmethod
    def _make_arguments(
        owner: LocalDefinition | None, bound: int, definition: Definition, steps: frozenset[str]
    ) -> Sequence[Value]:
        """Return what a library may pass to each parameter of a function without a default."""
        assert not isinstance(definition.node, ast.ClassDef)
        args = definition.node.args
        count = max(0, len(args.posonlyargs) + len(args.args) - len(args.defaults))
        is_bound = (owner is not None or definition.scope.is_class) and definition.find_bound() != "nothing"
        values = [Unknown(steps) if steps else UNKNOWN] * (count + (args.vararg is not None))
        bound = max(bound, int(is_bound))
        return [*[owner or UNKNOWN, *[UNKNOWN] * bound][: min(bound, len(values))], *values[bound:]]
