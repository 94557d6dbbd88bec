"""Read the commands that a Python source starts: a text for a shell, or a list of words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from modelaudit.discovery.commands import CommandReader
from modelaudit.languages.python.values import Constant, Container, TaggedValue, Value, list_alternatives
from modelaudit.model.copies import replace
from modelaudit.model.discovery import ModelUse
from modelaudit.model.lazy_pattern import defer_pattern

_COMPUTED: Final = "${computed}"
"""Stands for a part that the code computes, as a variable does in a shell."""
_HOLDS_COMPUTED: Final = defer_pattern(r"holds \$\{?computed\}?")
_UNKNOWN_PART: Final = "…"


def list_started(commands: Iterable[tuple[Sequence[Value], int]], reader: CommandReader) -> Iterator[ModelUse]:
    """Yield the uses of the commands; each is the arguments of a call, and its line."""
    for use in _list_uses(commands, reader):
        yield replace(use, detail=_HOLDS_COMPUTED.sub("is computed by the code", use.detail))


def _list_uses(commands: Iterable[tuple[Sequence[Value], int]], reader: CommandReader) -> Iterator[ModelUse]:
    """Yield the uses as the reader of commands describes them."""
    for args, line in commands:
        first = args[0] if args else None
        for value in list_alternatives(first) if first is not None else ():
            words = _list_words(value)
            if words is not None:
                yield from reader.read_words(words, line)
            elif len(args) > 1 and all(isinstance(each, Constant) and isinstance(each.value, str) for each in args):
                # ``create_subprocess_exec`` takes the words one by one.
                yield from reader.read_words([_write_word(each) for each in args], line)
            else:
                yield from reader.read_script(_write_word(value), line)


def _list_words(value: Value) -> list[str] | None:
    """List the words of a command that is a list; ``None`` for any other value."""
    if isinstance(value, Constant) and isinstance(value.value, tuple):
        return [str(each) for each in value.value]
    return [_write_word(each) for each in value.values] if isinstance(value, Container) and not value.keys else None


def _write_word(value: Value) -> str:
    """Return a text, with what is not known of it as a variable."""
    if isinstance(value, Constant):
        return str(value.value)
    return value.text.replace(_UNKNOWN_PART, _COMPUTED) or _COMPUTED if isinstance(value, TaggedValue) else _COMPUTED
