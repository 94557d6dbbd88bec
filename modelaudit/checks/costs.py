"""Find the calls of a pickle that exhaust the memory or the time of its loader, although every name in it is trusted.

An object such as ``itertools.count()`` costs nothing until something goes through it, and ``Decimal("1E+999999999")``
nothing until something writes out its digits. For each name, the list of callables states the objects of this kind that
it makes, the arguments that it goes through, and those that set the size of its result. A program refers to an object
by its maker alone. So one endless object makes every object of its maker count as endless.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Final

from msgspec import Struct

from modelaudit.checks.callables import judge_name
from modelaudit.checks.stored_functions import may_call_stored_function, stores_function
from modelaudit.checks.values import format_value
from modelaudit.model.catalogue import ArgumentUse, CallableEntry, Callables, Standing
from modelaudit.model.pickle import (
    LARGE_NUMBER,
    UNKNOWN_ARGUMENTS,
    Act,
    CallResult,
    ContainerValue,
    Cost,
    Name,
    PickleEvent,
    PlainValue,
    Reading,
    Result,
    Value,
)

_PASSING_USES: Final = frozenset({ArgumentUse.CALLS, ArgumentUse.CONSTRUCTS, ArgumentUse.KEEPS})
# Levels of containers below an argument that a callable goes through; -1 if it goes through no argument.
_LEVELS: Final = {Reading.DEEPLY: 4, Reading.ITEMS: 1, Reading.ITSELF: 0, Reading.NOTHING: -1}
_LONGEST_NUMBER: Final = 7  # characters of the repr of a text too short for a large number, even to the base 36
_FIRST_OF_TEXT: Final = frozenset("'\"b")  # of the repr of a text or of bytes
_LEVELS_OF_STATE: Final = 1  # that a type goes through, the state itself and its items
_LEVELS_OF_STORED: Final = 2  # the state of a ``partial`` holds its arguments in a tuple


class _Call(Struct, frozen=True):
    """A call in the program, or one that a callable such as ``copyreg.__newobj__`` makes with its own arguments.

    Attributes:
        event: the event.
        name: the callee.
        cost: of the callee.
        is_passed_on: whether another callable passes the arguments on, so that their positions are unknown.
    """

    event: PickleEvent
    name: Name
    cost: Cost
    is_passed_on: bool = False

    @property
    def sets_size(self) -> bool:
        """Whether an argument of the callee sets the size of its result."""
        return bool(self.cost.sizes or self.cost.shapes)

    def select_sizes(self) -> Iterator[tuple[int, Value]]:
        """Yield (product of its numbers, argument) of each argument that sets a size."""
        magnitudes = self.event.magnitudes
        for index, value in enumerate(self.event.arguments):
            is_at_size = self._is_at(index, self.cost.sizes)
            # The items of a list that a type copies are content, and not sizes.
            is_literal = self.is_passed_on or self._is_keywords(index) or not isinstance(value, ContainerValue)
            if (is_at_size and is_literal) or self._is_at(index, self.cost.shapes):
                yield (magnitudes.numbers[index] if magnitudes else 1), value

    def has_long_exponent(self) -> bool:
        """Whether an argument whose exponent is written out has a long one."""
        exponents = self.event.magnitudes.long_exponents if self.event.magnitudes else ()
        return any(is_long and self._is_at(index, self.cost.exponents) for index, is_long in enumerate(exponents))

    def _is_at(self, index: int, positions: tuple[int, ...]) -> bool:
        """Whether the argument ``index`` may be at one of ``positions``."""
        return index in positions or (bool(positions) and (self.is_passed_on or self._is_keywords(index)))

    def _is_keywords(self, index: int) -> bool:
        """Whether the argument ``index`` is the mapping of keyword arguments."""
        return self.event.opcode == "NEWOBJ_EX" and index == len(self.event.arguments) - 1


class CostFinder:
    """Finds the events of one program that exhaust memory or time.

    ``find_events`` is the only method for others. Streams are objects that yield very many items, or numbers of very
    many digits.
    """

    def __init__(self, events: Sequence[PickleEvent], callables: Callables) -> None:
        self._events = events
        self._callables = callables
        self._calls = [call for event in events for call in self._iterate_calls(event)]
        self._stream_makers: set[Name] = set()
        self._number_makers: set[Name] = set()  # of numbers that are large or unknown
        self._numbers_of_stored_calls = self._multiply_numbers_of_stored_calls()
        self._find_makers()

    def find_events(self) -> Iterator[tuple[PickleEvent, Name, str]]:
        """Yield each event that exhausts memory or time, with the callable that does, and a description of how."""
        reported: set[int] = set()
        calls_stored_functions = any(may_call_stored_function(event, self._callables) for event in self._events)
        for call in self._calls:
            # A ``partial`` that is not called passes its arguments to no function.
            is_stored = call.is_passed_on and self._only_stores(call.event) and not calls_stored_functions
            if is_stored or id(call.event) in reported:
                continue
            detail = self._describe_cost(call)
            if detail:
                reported.add(id(call.event))
                yield call.event, call.name, f"{format_value(call.name)} {detail}"
        for event in self._events if self._stream_makers else ():
            maker = event.operand.maker if isinstance(event.operand, CallResult) else None
            stream = self._find_stream_in_object(event, calls_stored_functions)
            if isinstance(maker, Name) and stream is not None:
                yield event, maker, f"an object of {format_value(maker)} goes through {_describe_stream(stream)}"

    def _find_stream_in_object(self, event: PickleEvent, calls_stored_functions: bool) -> Value | None:
        """Return a stream that an object may go through: in the arguments of a ``partial``, or in the state of a type.

        The state of a type that is written in C is a tuple; a mapping is only stored.
        """
        target = event.operand
        stores = stores_function(target, self._callables)
        if event.act is Act.SET_STATE:
            state = event.arguments[0] if event.arguments else None
            is_read = (
                isinstance(state, ContainerValue) and state.type == "tuple" and (calls_stored_functions or not stores)
            )
        else:
            is_read = event.act is Act.CALL and stores
        return (
            self._find_stream(event.arguments, _LEVELS_OF_STORED if stores else _LEVELS_OF_STATE) if is_read else None
        )

    def _iterate_calls(self, event: PickleEvent) -> Iterator[_Call]:
        """Yield the call that an event is, and those that its callee makes with its arguments."""
        if event.act is Act.SET_STATE and stores_function(event.operand, self._callables):
            for _, value in event.set_attributes:
                yield from self._make_passed_call(event, value)
        elif event.act in (Act.CALL, Act.CONSTRUCT) and isinstance(event.operand, Name):
            entry = self._find_trusted(event.operand)
            if entry is None:
                return
            if any(rule.use in _PASSING_USES for rule in entry.arguments):
                # Such as ``copyreg._reconstructor(class, base, state)``, which passes the state to the base.
                for argument in event.arguments:
                    yield from self._make_passed_call(event, argument)
            yield _Call(event, event.operand, entry.cost)

    def _make_passed_call(self, event: PickleEvent, callee: Value) -> Iterator[_Call]:
        """Yield the call of a trusted name that is itself an argument of the event."""
        entry = self._find_trusted(callee)
        if entry is not None and isinstance(callee, Name):
            yield _Call(event, callee, entry.cost, is_passed_on=True)

    def _multiply_numbers_of_stored_calls(self) -> int:
        """Return the greatest product of the numbers that a stored function gets when it is called or stored again."""
        called = stored = 1
        for event in self._events:
            numbers = prod(event.magnitudes.numbers) if event.magnitudes else 1
            if event.act is Act.CALL and stores_function(event.operand, self._callables):
                called = max(called, numbers)
            elif event.act is Act.CALL and any(stores_function(value, self._callables) for value in event.arguments):
                stored = max(stored, numbers)
        return called * stored

    def _find_trusted(self, value: Value) -> CallableEntry | None:
        """Return the entry of a trusted name; ``None`` for any other value."""
        entry = judge_name(value, self._callables).entry
        return entry if entry is not None and entry.standing is Standing.TRUSTED else None

    def _only_stores(self, event: PickleEvent) -> bool:
        """Whether an event stores a function with its arguments, as a ``partial`` does, and calls nothing."""
        if event.act is Act.SET_STATE:
            return True
        entry = self._find_trusted(event.operand)
        return entry is not None and any(rule.use is ArgumentUse.KEEPS for rule in entry.arguments)

    # -- makers of costly objects -------------------------------------------------------------------------------------

    def _find_makers(self) -> None:
        """Find the makers of costly objects: those with a large argument, and those that wrap an object of another."""
        sources = [call for call in self._calls if call.cost.result is not None]
        results = {call.name: call.cost.result for call in sources}
        for event in self._events if sources else ():
            target = event.operand
            if event.act is not Act.SET_STATE or not isinstance(target, CallResult) or target.maker not in results:
                continue
            # Such as the state of a dtype, which has the bytes of an element.
            if event.magnitudes is not None and max(event.magnitudes.numbers) > LARGE_NUMBER:
                self._add_maker(target.maker, results[target.maker])
        is_changed = bool(sources)
        while is_changed:  # each round but the last adds at least one of the few names
            is_changed = False
            for call in sources:
                if call.name not in self._get_makers(call.cost.result) and self._makes_costly_object(call):
                    self._add_maker(call.name, call.cost.result)
                    if call.is_passed_on and isinstance(call.event.operand, Name):
                        self._add_maker(call.event.operand, call.cost.result)
                    is_changed = True

    def _add_maker(self, name: Name, result: Result | None) -> None:
        """Add a maker of streams, or of numbers if its result is one."""
        self._get_makers(result).add(name)

    def _get_makers(self, result: Result | None) -> set[Name]:
        """Return the makers of numbers if a result is one, otherwise the makers of streams."""
        return self._number_makers if result in (Result.NUMBER, Result.PARSED) else self._stream_makers

    def _makes_costly_object(self, call: _Call) -> bool:
        """Whether the result of a call is a costly object of the kind that its entry states."""
        arguments, magnitudes = call.event.arguments, call.event.magnitudes
        if call.is_passed_on:
            return True  # no library makes such an object that way, and the places of the arguments are unknown
        match call.cost.result:
            case Result.ENDLESS:
                return True
            case Result.COUNTED:
                # Without a number, or where it may be a keyword, ``itertools.repeat`` has no end.
                has_number = any(index < len(arguments) for index in (*call.cost.sizes, *call.cost.shapes))
                is_constructed = call.event.opcode == "NEWOBJ_EX"
                return not has_number or is_constructed or self._takes_large_size(call, max)
            case Result.EXPONENT:
                has_digits = bool(arguments) and isinstance(arguments[0], ContainerValue)
                return call.has_long_exponent() or (has_digits and magnitudes is not None)
            case Result.NUMBER | Result.PARSED:
                is_unknown = any(isinstance(value, CallResult) or value == UNKNOWN_ARGUMENTS for value in arguments)
                is_large = magnitudes is not None and (
                    prod(magnitudes.numbers) > LARGE_NUMBER or any(magnitudes.long_numbers)
                )
                is_text = call.cost.result is Result.PARSED and any(map(_is_long_number, arguments))
                return is_unknown or is_large or is_text
            case Result.SHORTEST:
                return all(self._find_stream((value,), 0) is not None for value in arguments)
            case _:
                first = arguments[0] if arguments else None
                is_function = isinstance(first, Name) or (first and stores_function(first, self._callables))
                return bool(is_function) or self._find_stream(arguments[:1], 0) is not None

    # -- costs of calls -----------------------------------------------------------------------------------------------

    def _describe_cost(self, call: _Call) -> str:
        """Return how a call exhausts memory or time; an empty text if it does not."""
        if call.has_long_exponent() and call.cost.result is not Result.EXPONENT:
            return "writes out the digits of a number with a long exponent"
        if call.sets_size and call.cost.result is not Result.COUNTED and self._takes_large_size(call, prod):
            return "takes as much memory as a number in the file says"
        stream = self._find_stream(call.event.arguments, _LEVELS[call.cost.reads])
        return f"goes through {_describe_stream(stream)}" if stream is not None else ""

    def _takes_large_size(self, call: _Call, combine: Callable[[Sequence[int]], int]) -> bool:
        """Whether the arguments that set a size are large, once combined, or numbers that are large or unknown."""
        if call.event.arguments == (UNKNOWN_ARGUMENTS,):
            return True
        sizes = list(call.select_sizes())
        if call.is_passed_on and sizes and self._only_stores(call.event):
            # The call of the stored function has the other arguments, among which there may be sizes too.
            sizes.append((self._numbers_of_stored_calls, UNKNOWN_ARGUMENTS))
        if any(isinstance(value, CallResult) and value.maker in self._number_makers for _, value in sizes):
            return True
        return bool(sizes) and combine([number for number, _ in sizes]) > LARGE_NUMBER

    def _find_stream(self, values: Sequence[Value], levels: int) -> Value | None:
        """Return the first stream among values and the items of containers down to ``levels``, if there is one."""
        if levels < 0 or not self._stream_makers:
            return None
        for value in values:
            if value == UNKNOWN_ARGUMENTS or (isinstance(value, CallResult) and value.maker in self._stream_makers):
                return value
            if isinstance(value, ContainerValue):
                stream = self._find_stream([item for _, item in value.entries], levels - 1)
                if stream is not None:
                    return stream
        return None


def _is_long_number(value: Value) -> bool:
    """Whether a value is a text that may be a large number in some base."""
    return isinstance(value, PlainValue) and value.text[:1] in _FIRST_OF_TEXT and len(value.text) > _LONGEST_NUMBER


def _describe_stream(stream: Value) -> str:
    """Return a text that describes a stream."""
    if stream == UNKNOWN_ARGUMENTS:
        return "arguments that only loading shows, in a file that makes endless objects"
    return f"{format_value(stream)}, which has no end or a very distant one"
