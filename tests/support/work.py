"""Count the work of a computation, which no load of the machine changes: executed lines, and steps of a regular expression.

A measured time depends on the machine, and a test that asserts one fails by chance. The numbers here are equal in every
run. ``find_growth_fault`` compares them for a size and for twice the size. The engine of ``re`` counts nothing, so
``CountingPattern`` executes each parsed pattern on a backtracking machine as well, which tries the alternatives in the
order of ``re``. Its matches equal those of ``re``, as every use checks.
"""

from __future__ import annotations

import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import islice, zip_longest
from pathlib import Path
from re import _compiler as compiler
from re import _constants as codes
from re import _parser as parser
from types import FrameType
from typing import Any, ClassVar, Final, TypeAlias

import pytest

from modelaudit.model import lazy_pattern
from modelaudit.model.lazy_pattern import LazyPattern

MOST_GROWTH: Final = 2.5
"""Factor by which the work may grow if the size doubles: a linear computation needs 2, a quadratic one 4."""
MOST_STEPS: Final = 1_000_000
"""Steps after which a match is given up: a pattern that backtracks without a bound would take days."""

_COUNTS = True
"""Whether work is counted; otherwise it is only done."""

Text: TypeAlias = str | bytes
Program: TypeAlias = list[tuple]  # type: ignore[type-arg] - an instruction is its name and its operands
Groups: TypeAlias = dict[int, int]
"""Positions by number: the start 2g and the end 2g + 1 of group g, and negative numbers for the starts of repetitions."""


def find_growth_fault(count: Callable[[int], int], size: int) -> str:
    """Return why the work is not linear: a sentence with both counts; an empty string if it is.

    Args:
        count: returns the work for a size.
        size: the larger of both sizes; the work for half of it must exceed constant work.
    """
    # The first run imports modules and fills caches, which must not count for one of both sizes only. Counting would
    # make reading the rules take as long as fifty scans.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules[__name__], "_COUNTS", False)
        count(size // 8)
    small, large = count(size // 2), count(size)
    return "" if large <= MOST_GROWTH * small else f"size {size // 2} takes {small} steps, size {size} takes {large}"


def count_work(action: Callable[[], object]) -> int:
    """Count the lines of Python that ``action`` executes, and the steps of the patterns of ``modelaudit``.

    Patterns that are neither variables of a module nor a ``CountingPattern`` are not counted.
    """
    if not _COUNTS:
        return count_lines(action)
    steps_before = CountingPattern.steps
    replaced = [(names, variable, names[variable]) for names, variable in _list_patterns(len(sys.modules))]
    try:
        for names, variable, pattern in replaced:
            names[variable] = _make_counting(pattern)
        lines = count_lines(action)
    finally:
        for names, variable, pattern in replaced:
            names[variable] = pattern
    return lines + CountingPattern.steps - steps_before


@cache
def _list_patterns(modules: int) -> list[tuple[dict[str, Any], str]]:
    """List the variables of ``modelaudit`` that hold a pattern, each with the namespace of its module.

    Args:
        modules: how many modules are imported. A search takes longer than most work that is counted.
    """
    spaces = [vars(each) for name, each in list(sys.modules.items()) if name.startswith("modelaudit.")]
    return [
        (names, key) for names in spaces for key, value in names.items() if isinstance(value, re.Pattern | LazyPattern)
    ]


@cache
def _make_counting(pattern: re.Pattern[Any] | LazyPattern) -> CountingPattern:
    """Make a counting pattern of a pattern, once for each."""
    return CountingPattern(pattern)


def count_lines(action: Callable[[], object]) -> int:
    """Count the lines of Python that ``action`` executes, each as often as it is executed.

    Those of this module do not count, nor those that compile a pattern: a pattern is compiled once, at its first use.
    """
    if not _COUNTS:
        action()
        return 0
    lines = 0
    uncounted = (__file__, str(Path(re.__file__).parent), lazy_pattern.__file__)

    def trace(frame: FrameType, event: str, argument: object) -> Callable[..., object] | None:
        nonlocal lines
        if frame.f_code.co_filename.startswith(uncounted):
            return None
        lines += event == "line"
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(previous)
    return lines


class CountingPattern:
    """A compiled pattern that answers as ``re`` does, and counts the steps of a backtracking machine for the same matches.

    Attributes:
        steps: those of all patterns since the program began.
    """

    steps: ClassVar[int] = 0

    def __init__(self, pattern: re.Pattern[Any] | LazyPattern) -> None:
        self._pattern: Any = pattern

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pattern, name)

    def finditer(self, text: Text, start: int = 0) -> Iterator[re.Match[Any]]:
        """Yield the matches, and count those that are requested.

        Raises:
            AssertionError: the machine finds another match than ``re``.
        """
        for span, match in zip_longest(_iterate_spans(self._pattern, text, start), self._pattern.finditer(text, start)):
            assert match is not None and span == match.span(), f"{self._pattern.pattern!r} in {text!r}"
            yield match

    def search(self, text: Text, start: int = 0) -> re.Match[Any] | None:
        """Return the first match."""
        return next(self.finditer(text, start), None)

    def findall(self, text: Text, start: int = 0) -> list[Any]:
        """Return the text or the groups of each match."""
        _exhaust(self.finditer(text, start))
        return self._pattern.findall(text, start)

    def sub(self, replacement: Any, text: Text, most: int = 0) -> Any:
        """Return the text with each match replaced, or only the first ``most``."""
        _exhaust(islice(self.finditer(text), most or None))
        return self._pattern.sub(replacement, text, most)

    def split(self, text: Text, most: int = 0) -> list[Any]:
        """Return the parts between the matches."""
        _exhaust(islice(self.finditer(text), most or None))
        return self._pattern.split(text, most)

    def match(self, text: Text, start: int = 0) -> re.Match[Any] | None:
        """Return the match that begins at ``start``."""
        _Machine(text).execute(_compile(self._pattern), start, {})
        return self._pattern.match(text, start)

    def fullmatch(self, text: Text, start: int = 0) -> re.Match[Any] | None:
        """Return the match that covers the text from ``start``."""
        _Machine(text).execute(_compile(self._pattern, is_full=True), start, {})
        return self._pattern.fullmatch(text, start)


def _exhaust(items: Iterable[object]) -> None:
    """Request all items."""
    deque(items, maxlen=0)


def _iterate_spans(pattern: re.Pattern[Any], text: Text, start: int) -> Iterator[tuple[int, int]]:
    """Yield the start and the end of each match, as the machine finds them."""
    machine, program = _Machine(text), _compile(pattern)
    can_begin = _list_beginnings(pattern)
    empty_match = -1  # behind an empty match, the next one at the same place is not empty
    while start <= len(text):
        if can_begin is not None:
            place = next((at for at in range(start, len(text)) if can_begin(text[at])), len(text))
            CountingPattern.steps += place - start
            start = place
        found = machine.execute(program, start, {}, rejected_end=empty_match)
        if found is None:
            start, empty_match = start + 1, -1
            continue
        end, _ = found
        yield start, end
        start, empty_match = end, end if end == start else -1


class _CharacterTest(dict[str | int, bool]):
    """Whether a pattern accepts a character or byte, for each that was asked for."""

    def __init__(self, pattern: re.Pattern[Any]) -> None:
        super().__init__()
        self._pattern = pattern

    def __missing__(self, character: str | int) -> bool:
        text = bytes([character]) if isinstance(character, int) else character
        accepts = self[character] = self._pattern.match(text) is not None
        return accepts


@dataclass(slots=True)
class _Machine:
    """Executes programs on one text by backtracking, and counts the instructions."""

    text: Text
    steps: int = 0

    def execute(  # noqa: C901 - one branch for each frequent instruction
        self, program: Program, start: int, groups: Groups, rejected_end: int = -1
    ) -> tuple[int, Groups] | None:
        """Return the end of the first match that begins at ``start`` and its groups, or ``None``.

        Raises:
            AssertionError: the text takes more than ``MOST_STEPS``.
        """
        alternatives = [(0, start, groups)]
        text, size = self.text, len(self.text)
        # This loop takes most of the time of a test that counts, so that it calls nothing for most instructions.
        steps, most = 0, MOST_STEPS - self.steps
        while alternatives:
            place, position, groups = alternatives.pop()
            while True:
                steps += 1
                assert steps <= most, f"more than {MOST_STEPS} steps for {size} characters"
                instruction = program[place]
                name = instruction[0]
                place += 1
                if name == "take":
                    if position >= size or not instruction[1][text[position]]:
                        break
                    position += 1
                elif name == "fork":
                    alternatives.append((place + instruction[2], position, groups))
                    place += instruction[1]
                elif name == "jump":
                    place += instruction[1]
                elif name == "save":
                    groups = {**groups, instruction[1]: position}
                elif name == "moved":  # an iteration that consumes nothing would repeat for ever
                    if groups[instruction[1]] == position:
                        break
                elif name == "end":
                    if position == rejected_end:
                        break
                    self._add_steps(steps)
                    return position, groups
                else:
                    self._add_steps(steps)
                    moved = self._execute_rare(name, instruction[1:], position, groups)
                    steps, most = 0, MOST_STEPS - self.steps
                    if moved is None:
                        break
                    position, groups = moved
        self._add_steps(steps)
        return None

    def _add_steps(self, steps: int) -> None:
        """Count steps of this machine and of all patterns."""
        self.steps += steps
        CountingPattern.steps += steps

    def _execute_rare(
        self,
        name: str,
        operands: tuple,  # type: ignore[type-arg]
        position: int,
        groups: Groups,
    ) -> tuple[int, Groups] | None:
        """Execute an instruction that asks about a place or runs a program of its own; return ``None`` if it fails."""
        if name == "at":
            holds = operands[0](self.text, position)
        elif name == "look":
            program, width, is_wanted = operands
            found = self.execute(program, position - width, groups) if position >= width else None
            holds = (found is not None) is is_wanted
        elif name == "atomic":
            return self.execute(operands[0], position, groups)
        else:  # "repeat-group"
            start, end = (groups.get(2 * operands[0] + side, -1) for side in (0, 1))
            captured = self.text[start:end]
            holds = end >= 0 and self.text[position : position + len(captured)] == captured
            position += len(captured)
        return (position, groups) if holds else None


@cache
def _compile(pattern: re.Pattern[Any], is_full: bool = False) -> Program:
    """Return the program of a pattern; with ``is_full``, its match ends where the text ends."""
    # The lines of this translation are no work of the computation that is counted.
    trace = sys.gettrace()
    sys.settrace(None)
    try:
        parsed = parser.parse(pattern.pattern, pattern.flags)
        if is_full:
            parsed.append((codes.AT, codes.AT_END_STRING))
        return _Compiler(pattern.pattern[:0]).compile(parsed, pattern.flags)
    finally:
        sys.settrace(trace)


@cache
def _list_beginnings(pattern: re.Pattern[Any]) -> Callable[[str | int], bool] | None:
    """Return a test of the characters with which a match can begin, or ``None`` if a match can be empty.

    One step at a character that fails it is enough: the machine would find that out in a few.
    """
    tests: list[_CharacterTest] = []
    if _collect_first_tests(_compile(pattern), tests):
        return None
    return cache(lambda character: any(test[character] for test in tests))


def _collect_first_tests(program: Program, tests: list[_CharacterTest]) -> bool:
    """Collect the tests of first characters; return whether the program may end without taking one."""
    can_be_empty = False
    pending, seen = [0], set[int]()
    while pending:
        place = pending.pop()
        if place in seen:
            continue
        seen.add(place)
        name, *operands = program[place]
        if name == "take":
            tests.append(operands[0])
        elif name in ("fork", "jump"):
            pending += [place + 1 + distance for distance in operands]
        elif name in ("end", "repeat-group"):
            can_be_empty = True
        elif name != "atomic" or _collect_first_tests(operands[0], tests):
            pending.append(place + 1)
    return can_be_empty


@dataclass(slots=True)
class _Compiler:
    """Translates a parsed pattern to a program.

    Attributes:
        empty: an empty text or empty bytes, as the pattern has.
        program: the instructions so far.
        marks: how many numbers of ``Groups`` repetitions have used.
    """

    empty: Text
    program: Program = field(default_factory=list)
    marks: int = 0

    def compile(self, parsed: parser.SubPattern, flags: int) -> Program:
        """Return the program of a pattern."""
        self._add_sequence(parsed, flags)
        self.program.append(("end",))
        return self.program

    def _add_sequence(self, parsed: parser.SubPattern, flags: int) -> None:
        """Add the instructions of each item."""
        for code, argument in parsed:
            self._add_item(code, argument, flags)

    def _add_item(self, code: object, argument: object, flags: int) -> None:
        """Add the instructions of one item of a parsed pattern."""
        program = self.program
        match code, argument:
            case codes.LITERAL | codes.NOT_LITERAL | codes.ANY | codes.IN, _:
                key = (code, repr(argument), flags, self.empty)
                if key not in _TESTS:
                    _TESTS[key] = _make_test(code, argument, flags, self.empty)
                program.append(("take", _TESTS[key]))
            case codes.AT, where:
                program.append(("at", _make_position_test(where, flags, self.empty)))
            case codes.BRANCH, (_, branches):
                self._add_branches(branches, flags)
            case codes.SUBPATTERN, (group, added, removed, inner):
                if group is not None:
                    program.append(("save", 2 * group))
                # One of the flags a, u and L replaces the others.
                replaced = parser.TYPE_FLAGS if added & parser.TYPE_FLAGS else 0
                self._add_sequence(inner, flags & ~(replaced | removed) | added)
                if group is not None:
                    program.append(("save", 2 * group + 1))
            case ((codes.MAX_REPEAT | codes.MIN_REPEAT), (least, most, inner)):
                self._add_repetition(least, most, inner, flags, is_greedy=code is codes.MAX_REPEAT)
            case codes.GROUPREF, group:
                program.append(("repeat-group", group))
            case _:
                self._add_isolated_item(code, argument, flags)

    def _add_isolated_item(self, code: object, argument: object, flags: int) -> None:
        """Add an item of which only the first match is tried."""
        apart = _Compiler(self.empty, marks=self.marks + 1000)  # an isolated program shares no mark with this one
        match code, argument:
            case codes.POSSESSIVE_REPEAT, (least, most, inner):
                apart._add_repetition(least, most, inner, flags, is_greedy=True)
                self.program.append(("atomic", [*apart.program, ("end",)]))
            case codes.ATOMIC_GROUP, inner:
                self.program.append(("atomic", apart.compile(inner, flags)))
            case ((codes.ASSERT | codes.ASSERT_NOT), (direction, inner)):
                width = inner.getwidth()[0] if direction < 0 else 0
                self.program.append(("look", apart.compile(inner, flags), width, code is codes.ASSERT))
            case _:
                raise ValueError(f"the steps of {code} in a regular expression cannot be counted")

    def _translate(self, parsed: parser.SubPattern, flags: int) -> Program:
        """Return the instructions of each item apart; they may be added more than once, since they jump by distances."""
        apart = _Compiler(self.empty, marks=self.marks)
        apart._add_sequence(parsed, flags)
        self.marks = apart.marks
        return apart.program

    def _add_branches(self, branches: list[parser.SubPattern], flags: int) -> None:
        """Add alternatives, which are tried in their order."""
        *others, last = (self._translate(branch, flags) for branch in branches)
        rest = sum(len(each) + 2 for each in others) + len(last)
        for each in others:
            rest -= len(each) + 2
            self.program += [("fork", 0, len(each) + 1), *each, ("jump", rest)]
        self.program += last

    def _add_repetition(self, least: int, most: int, inner: parser.SubPattern, flags: int, *, is_greedy: bool) -> None:
        """Add the instructions of ``inner`` as often as it must occur, and as often as it may."""
        once = self._translate(inner, flags)
        self.program += once * least
        self.marks += 1
        body = [("save", -self.marks), *once, ("moved", -self.marks)]
        if most is codes.MAXREPEAT:
            ways = (0, len(body) + 1)
            self.program += [("fork", *(ways if is_greedy else reversed(ways))), *body, ("jump", -len(body) - 2)]
            return
        for left in reversed(range(most - least)):
            ways = (0, len(body) + left * (len(body) + 1))
            self.program += [("fork", *(ways if is_greedy else reversed(ways))), *body]


_TESTS: Final[dict[tuple[object, str, int, Text], _CharacterTest]] = {}
"""The tests of characters so far: a bounded repetition repeats the same ones, up to a thousand times."""


def _make_test(code: object, argument: object, flags: int, empty: Text) -> _CharacterTest:
    """Return the test of one character or byte; ``re`` itself decides about each that occurs."""
    item = parser.SubPattern(parser.State(), [(code, argument)])
    item.state.str = empty
    item.state.flags = flags
    return _CharacterTest(compiler.compile(item, flags))


_POSITION_PATTERNS: Final = {
    codes.AT_BEGINNING: "^",
    codes.AT_BEGINNING_STRING: r"\A",
    codes.AT_BOUNDARY: r"\b",
    codes.AT_NON_BOUNDARY: r"\B",
    codes.AT_END: "$",
    codes.AT_END_STRING: r"\Z",
}


def _make_position_test(where: object, flags: int, empty: Text) -> Callable[[Text, int], bool]:
    """Return a function that tests a position between two characters, as ``re`` does."""
    spelling = _POSITION_PATTERNS[where]
    compiled = re.compile(spelling if isinstance(empty, str) else spelling.encode(), flags & ~re.VERBOSE & ~re.DEBUG)
    return lambda text, position: compiled.match(text, position) is not None
