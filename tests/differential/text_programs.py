"""Write random programs that bind texts to names, and expressions that make texts of texts.

Each program ends with a text in ``name``. It uses the statements and expressions by which code moves a text: branches
that may not run, loops that end early, errors that something catches, inner functions, lists, mappings and classes.
"""

from __future__ import annotations

from random import Random
from typing import Final

TEXTS: Final = ("system", "getcwd", "getpid", "listdir", "remove", "kill", "fork", "nice", "sep", "name", "uname")
NAMES: Final = ("first", "second", "name")
HEAD: Final = """import os, sys
from contextlib import suppress
from functools import partial
is_set = int(len(sys.argv) > 0)
is_unset = 1 - is_set
def goes_on():
    goes_on.rounds = getattr(goes_on, "rounds", 0) + 1
    return goes_on.rounds % 3
class Catcher:
    def __enter__(self): return "kill"
    def __exit__(self, *error): return True
class Part:
    x = "getcwd"
    y = "getpid"
    def __init__(self, y): self.y = y
part = Part("sep")
table = {"a": "getcwd", "b": "getpid"}
items = ["getcwd", "getpid"]
def make0(value=""): return "nice"
def make1(value=""): return value
def make2(value="kill"): return "uname" if value else value
first = "getcwd"
second = "getpid"
name = "sep"
"""
_TESTS: Final = ("is_set", "not is_set", "is_unset", "True", "False", "first == second", "'s' in first", "len(items)")
_STOPS: Final = ("", "raise ValueError(first)\n", "1 / 0\n", "int('a')\n")


class ProgramWriter:
    """Writes programs and expressions by a random number generator."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def write_program(self) -> str:
        """Return a program, without ``HEAD``."""
        body = "".join(self._write_statement(self._random.choice((1, 1, 2))) for _ in range(self._pick(2, 5)))
        return body + (f"name = {self._write_value(2)}\n" if self._pick(0, 1) else "")

    def _pick(self, least: int, most: int) -> int:
        return self._random.randint(least, most)

    def _choose(self, *choices: str) -> str:
        return self._random.choice(choices)

    def _name(self) -> str:
        return self._random.choice(NAMES)

    def _test(self) -> str:
        return self._random.choice(_TESTS)

    def _write_value(self, depth: int = 1) -> str:
        """Return an expression whose value is a text."""
        if depth <= 0 or self._pick(0, 3) == 0:
            return self._choose(repr(self._random.choice(TEXTS)), self._name(), self._name())

        def inner() -> str:
            return self._write_value(depth - 1)

        forms = (
            lambda: f"({inner()} if {self._test()} else {inner()})",
            lambda: f"items[{self._choose('0', '1', '-1', 'is_set')}]",
            lambda: f"table[{self._choose('chr(97)', repr('a'), repr('b'))}]",
            lambda: f"table.get({self._choose(repr('a'), repr('x'))}, {inner()})",
            lambda: f"{self._choose('part', 'Part')}.{self._choose('x', 'y')}",
            lambda: f"make{self._pick(0, 2)}({inner()})",
            lambda: f"(lambda {self._choose('', '*rest, ')}value={inner()}: value)()",
            lambda: f"(lambda: {inner()})()",
            lambda: (
                f"[each for each in [{inner()}, {inner()}] if {self._choose('each', 'len(each) > 4', 'is_set')}][0]"
            ),
            lambda: f"({inner()}, {inner()})[{self._choose('0', '1', 'is_set', 'is_unset')}]",
            lambda: f"({inner()} {self._choose('or', 'and')} {inner()})",
            lambda: (
                f"sorted([{inner()}, {inner()}]{self._choose('', ', reverse=True', ', key=len')})[{self._pick(0, 1)}]"
            ),
            lambda: f"{self._choose('max', 'min')}({inner()}, {inner()})",
            lambda: f"({inner()} + '_')[:-1]",
            lambda: f"{inner()}[::-1][::-1]",
            lambda: f"next(each for each in (items if {self._test()} else [{inner()}]))",
            lambda: f"list({{'a': {inner()}, 'b': {inner()}}}.values())[0]",
            lambda: f"[*items, {inner()}][{self._choose('0', '-1', 'len(items)')}]",
        )
        return self._random.choice(forms)()

    def _write_block(self, depth: int, in_loop: bool, in_function: bool) -> str:
        """Return an indented block of statements."""
        count = self._pick(1, 3)
        return _indent("".join(self._write_statement(depth, in_loop, in_function) for _ in range(count)))

    def _write_statement(self, depth: int, in_loop: bool = False, in_function: bool = False) -> str:
        """Return a statement."""
        if depth <= 0 or self._pick(0, 4) == 0:
            return f"{self._name()} = {self._write_value()}\n"
        groups = [self._write_simple, self._write_simple]
        groups += [lambda: self._write_compound(depth - 1, in_loop, in_function)] * 2
        if not in_function:
            groups.append(lambda: self._write_function(depth - 1))
        if in_loop:
            groups.append(lambda: f"if {self._test()}:\n    {self._choose('break', 'continue')}\n")
        return self._random.choice(groups)()

    def _write_simple(self) -> str:
        """Return a statement without a block."""
        value, name, key = self._write_value, self._name, lambda: self._choose("a", "b")
        forms = (
            lambda: f"items.append({value()})\n",
            lambda: f"items.insert({self._choose('0', '-1')}, {value()})\n",
            lambda: self._choose("items.reverse()\n", "items.sort()\n", "del items[0]\n"),
            lambda: f"{name()} = items.pop({self._choose('', '0')})\n",
            lambda: f"items[{self._choose('0', '-1', 'is_set')}] = {value()}\n",
            lambda: f"items[{self._choose(':', '1:', ':1')}] = [{value()}, {value()}]\n",
            lambda: f"alias = items\nalias[{self._pick(0, 1)}] = {value()}\n",
            lambda: f"table['{key()}'] = {value()}\n",
            lambda: f"table.update({key()}={value()})\n",
            lambda: f"table = {{**table, 'a': {value()}}}\n",
            lambda: f"{name()} = table.pop('{self._choose('a', 'x')}', {value()})\n",
            lambda: f"{self._choose('part', 'Part')}.{self._choose('x', 'y')} = {value()}\n",
            lambda: f"setattr({self._choose('part', 'Part')}, '{self._choose('x', 'y')}', {value()})\n",
            lambda: f"{name()}, {name()} = {value()}, {value()}\n",
            lambda: (
                f"{self._choose('*items, name', 'first, *items', 'first, *_, name')} = [{value()}, {value()}, {value()}]\n"
            ),
            lambda: f"[({name()} := each) for each in [{value()}, {value()}]{self._choose('', ' if is_unset')}]\n",
            lambda: f"{self._test()} and ({name()} := {value()})\n",
            lambda: f"{name()} += ''\n",
            lambda: f"globals()['{name()}'] = {value()}\n",
            lambda: f"globals().update({name()}={value()})\n",
            lambda: f"class Other(Part):\n    x = {value()}\n{name()} = Other.{self._choose('x', 'y')}\n",
            lambda: f"taken = iter([{value()}, {value()}])\nnext(taken)\n{name()} = next(taken)\n",
            lambda: f"{name()} = partial(lambda value: value, {value()})()\n",
        )
        return self._random.choice(forms)()

    def _write_compound(self, depth: int, in_loop: bool, in_function: bool) -> str:
        """Return a statement with blocks that may not run, or not to their end."""

        def block(inside_loop: bool = in_loop) -> str:
            return self._write_block(depth, inside_loop, in_function)

        def stopped() -> str:
            return (
                block() + _indent(self._random.choice(_STOPS) or "pass\n") + self._write_block(0, in_loop, in_function)
            )

        value, name = self._write_value, self._name
        forms = (
            lambda: f"if {self._test()}:\n{block()}",
            lambda: f"if {self._test()}:\n{block()}else:\n{block()}",
            lambda: f"for {name()} in {self._choose('list(items)', f'[{value()}, {value()}]', '[]')}:\n{block(True)}",
            lambda: (
                f"for _, {name()} in {self._choose('list(table.items())', 'list(enumerate(items))')}:\n{block(True)}"
            ),
            lambda: f"while goes_on():\n{block(True)}",
            lambda: f"try:\n{stopped()}except Exception as error:\n{block()}",
            lambda: f"try:\n{stopped()}except Exception:\n    pass\nelse:\n{block()}finally:\n    pass\n",
            lambda: f"with {self._choose('Catcher()', 'Catcher() as name', 'suppress(Exception)')}:\n{stopped()}",
            lambda: (
                f"match [first, second]:\n    case [{name()}, *_] if {self._test()}:\n{_indent(block())}    case _:\n        pass\n"
            ),
        )
        return self._random.choice(forms)()

    def _write_function(self, depth: int) -> str:
        """Return the definition of a function, or of one with an inner function that binds a name of it."""
        block = self._write_block(depth, False, True)
        if self._pick(0, 1):
            scope = self._choose("", f"    global {self._name()}\n")
            return f"def make{self._pick(0, 2)}(value={self._write_value()}):\n{scope}{block}    return value\n"
        inner = f"    def bind():\n        nonlocal name\n{_indent(block)}    bind()\n"
        return f"def build():\n    name = {self._write_value()}\n{inner}    return name\n{self._name()} = build()\n"


class ExpressionWriter:
    """Writes expressions of texts, numbers and lists by a random number generator."""

    _TEXTS: Final = (
        "system",
        "os",
        "SyStEm",
        "a,b,c",
        " x ",
        "%s",
        "{}",
        "",
        "é",
        "ß",
        "115",
        "{0}",
        "%r%s",
        "avpr",
        "6f73",
    )
    _NUMBERS: Final = ("0", "1", "2", "-1", "3", "115", "True", "False")

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def write_text(self, depth: int) -> str:
        """Return an expression whose value is a text, or which raises an error."""
        if depth <= 0:
            return repr(self._random.choice(self._TEXTS))

        def text() -> str:
            return self.write_text(depth - 1)

        number, listed = (lambda: self._write_number(depth - 1)), (lambda: self._write_list(depth - 1))
        choose = self._random.choice
        forms = (
            lambda: f"({text()} + {text()})",
            lambda: f"({text()} * {number()})",
            lambda: f"{text()}[{number()}]",
            lambda: f"{text()}[{choose(('', number()))}:{choose(('', number()))}:{choose(('', number()))}]",
            lambda: f"{text()}.{choose(('upper', 'lower', 'title', 'swapcase', 'casefold', 'strip'))}()",
            lambda: f"{text()}.{choose(('strip', 'removeprefix', 'lstrip'))}({text()})",
            lambda: f"{text()}.replace({text()}, {text()})",
            lambda: f"{text()}.join({listed()})",
            lambda: f"({text()} % {choose((text, number, listed))()})",
            lambda: f"({text()} % ({text()}, {number()}))",
            lambda: f"{text()}.format({text()}, {choose((number, listed))()})",
            lambda: f'f"""{{{text()}{choose(("", "!r", "!s", "!a", ":>8", ":.2"))}}}"""',
            lambda: f"chr({number()})",
            lambda: f"str({choose((text, number))()})",
            lambda: f"codecs.{choose(('decode', 'encode'))}({text()}, 'rot13')",
            lambda: f"codecs.decode({text()}, 'unicode_escape')",
            lambda: f"{text()}.encode().decode({choose(('', repr('latin-1')))})",
            lambda: f"next(iter({listed()}))",
            lambda: f"{listed()}[{number()}]",
            lambda: f"''.join({choose(('reversed', 'sorted', 'list'))}({text()}))",
            lambda: f"''.join(map({choose(('str', 'chr'))}, {listed()}))",
            lambda: f"''.join({choose(('each', 'each.upper()', 'each[::-1]'))} for each in {listed()})",
            lambda: f"{text()}.split({text()})[{number()}]",
            lambda: f"{text()}.translate(str.maketrans({text()}, {text()}))",
            lambda: f"({text()} if {number()} == {number()} else {text()})",
        )
        return choose(forms)()

    def _write_number(self, depth: int) -> str:
        choose = self._random.choice
        if depth <= 0:
            return choose(self._NUMBERS)
        number, text = (lambda: self._write_number(depth - 1)), (lambda: self.write_text(depth - 1))
        forms = (
            lambda: f"({number()} {choose(('+', '-', '*', '^', '//', '%'))} {number()})",
            lambda: f"len({choose((text, lambda: self._write_list(depth - 1)))()})",
            lambda: f"int({number()})",
            lambda: f"({text()} {choose(('==', 'in', '!='))} {text()})",
            lambda: f"({self._write_list(depth - 1)} == {self._write_list(depth - 1)})",
            lambda: f"{text()}.find({text()})",
        )
        return choose(forms)()

    def _write_list(self, depth: int) -> str:
        choose = self._random.choice
        if depth <= 0:
            return choose(("['s', 'y']", "[]", "[115, 121]", "['system']", "('o', 's')"))
        inner, text = (lambda: self._write_list(depth - 1)), (lambda: self.write_text(depth - 1))
        forms = (
            lambda: f"[{text()}, {text()}]",
            lambda: f"[*{inner()}, {text()}]",
            lambda: f"({text()}, {self._write_number(depth - 1)})",
            lambda: f"list({choose((text, inner))()})",
            lambda: f"({inner()} + {inner()})",
            lambda: f"{inner()}[{self._write_number(0)}:]",
            lambda: f"sorted({inner()}, reverse=True)",
            lambda: f"list(map(str, {inner()}))",
            lambda: f"[each for each in {inner()} if each]",
        )
        return choose(forms)()


def _indent(block: str) -> str:
    """Return lines with four more spaces before each."""
    return "".join(f"    {line}\n" for line in block.rstrip("\n").split("\n"))
