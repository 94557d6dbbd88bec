"""Define settings, the single values of a document with the path of keys to each, and their interpreters.

An *interpreter* knows the meaning of some keys. Because it reads settings instead of a parsed document, it is written
once for all formats.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from msgspec import Struct

from modelaudit.model.limits import Limits
from modelaudit.model.structure import Location
from modelaudit.wire.base import Reading, ReadingStep
from modelaudit.wire.deadline import check_deadline

_MOST_WORDS_SEARCHED: Final = 40
_MAX_KEY_LENGTH: Final = 200

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Setting:
    """One single value.

    Attributes:
        path: the keys and, in lists, the indices that lead to the value, as text: ``("auto_map", "AutoModel")``.
        value: of JSON as parsed; of YAML the text, or ``None`` for null. An empty mapping is ``None`` too.
        line: from 1, if the format provides it.
        tag: the explicit YAML tag of the value, or of the collection around it; empty if there is none.
    """

    path: tuple[str, ...]
    value: Scalar
    line: int | None = None
    tag: str = ""
    _key: str | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def key(self) -> str:
        """The last step of the path that is not a list index; empty if there is none.

        It is cached, because twenty interpreters read it for hundreds of thousands of values.
        """
        if self._key is None:
            object.__setattr__(self, "_key", next((step for step in reversed(self.path) if not step.isdigit()), ""))
        return self._key or ""

    @property
    def where(self) -> Location:
        """The location for findings: the line and the joined path, shortened."""
        return Location(line=self.line, key=".".join(self.path)[:_MAX_KEY_LENGTH])

    def get_steps_below(self, key: str) -> tuple[str, ...] | None:
        """Return the steps of the path behind the last ``key``; ``None`` if the path does not contain it."""
        for index in range(len(self.path) - 1, -1, -1):
            if self.path[index] == key:
                return self.path[index + 1 :]
        return None


class ListedWords(Struct, frozen=True):
    """A pattern with a word as its first group; a match counts if the word is on a list.

    Looking a word up takes a fraction of the time of an alternation of many words, which is tried at each character.

    Attributes:
        pattern: matches every word in the right place, and consumes nothing else. The word is its only group.
        words: the list.
    """

    pattern: re.Pattern[str]
    words: frozenset[str]

    def search(self, text: str) -> re.Match[str] | None:
        """Return the first match with a word of the list."""
        # Few texts have such a word. A search for each of a few words takes the least time, and for many words, a list
        # of what the pattern finds takes less than its matches.
        if len(self.words) > _MOST_WORDS_SEARCHED:
            if self.words.isdisjoint(self.pattern.findall(text)):
                return None
            return next((found for found in self.pattern.finditer(text) if found[1] in self.words), None)
        found = (self._find_word(word, text) for word in self.words if word in text)
        return min((each for each in found if each is not None), key=lambda each: each.start(), default=None)

    def _find_word(self, word: str, text: str) -> re.Match[str] | None:
        """Return the first match with one word."""
        start = text.find(word)
        while start >= 0:
            found = self.pattern.match(text, start)
            if found is not None and found[1] == word:
                return found
            start = text.find(word, start + 1)
        return None


class TextMarks(Struct, frozen=True):
    """Patterns for marks in a text, each with a literal that all of its matches contain.

    The search for a literal is many times faster than that for a pattern, and most texts have few of the literals.
    A pattern that begins with its literal is fast besides.
    """

    patterns: tuple[tuple[str, re.Pattern[str] | ListedWords], ...]

    def search(self, text: str) -> bool:
        """Whether the text matches any of the patterns."""
        return any(literal in text and pattern.search(text) is not None for literal, pattern in self.patterns)


class Interpreter(Struct, frozen=True):
    """A reader of the keys of one library or concern.

    Attributes:
        keys: it reads documents with one of these keys at any depth; ``*`` stands for every document.
        read: takes the path, the settings and the limits; yields structures and absences.
        names: it reads files with these names, in lower case, whatever their keys.
        marks: it reads documents whose text matches this pattern or one of these, whatever their keys.
        unsearched: names of files, in lower case, whose text is not searched for marks.
        is_descriptive: no check depends on what it yields, so that a bound which only it reaches is no absence.
    """

    keys: frozenset[str]
    read: Callable[[str, Sequence[Setting], Limits], Iterator[Reading]]
    names: frozenset[str] = frozenset()
    marks: re.Pattern[str] | TextMarks | None = None
    is_descriptive: bool = False
    unsearched: frozenset[str] = frozenset()

    def wants_document(self, keys: Collection[str], name: str) -> bool:
        """Whether the interpreter has to read the document, whatever its text.

        Args:
            keys: all keys of the document.
            name: the file name, in lower case.
        """
        return name in self.names or not self.keys.isdisjoint(keys) or "*" in self.keys


def normalize_key(key: str) -> str:
    """Return a key as Python spells it, without the section before it: ``option.trust-remote-code``."""
    return key.rpartition(".")[2].lstrip("-").replace("-", "_")


def list_spellings(keys: Iterable[str]) -> frozenset[str]:
    """Return the keys, and each as command-line options spell it: ``user_dir``, ``user-dir`` and ``--user-dir``."""
    return frozenset(
        spelling for key in keys for spelling in (key, key.replace("_", "-"), "--" + key.replace("_", "-"))
    )


def compile_keys_in_text(keys: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern of the keys behind a section, ``option.trust_remote_code``, or in JSON that is a text."""
    names = "|".join(re.escape(key).replace("_", "[_-]") for key in sorted(keys))
    return re.compile(rf"[.\"'](?:{names})\\{{0,8}}[\"']?\s{{0,20}}[:=]")


def select_interpreters(
    interpreters: Sequence[Interpreter], keys: Collection[str], name: str, texts: Iterable[str]
) -> list[Interpreter]:
    """Return the interpreters that have to read a document, by its keys, its name or marks in its text.

    Args:
        interpreters: all of them.
        keys: the keys of the document.
        name: its file name, in lower case.
        texts: its text, in pieces that overlap by more than a mark; none if its marks do not count.
    """
    chosen = {id(each) for each in interpreters if each.wants_document(keys, name)}
    undecided = [
        each
        for each in interpreters
        if id(each) not in chosen and each.marks is not None and name not in each.unsearched
    ]
    for text in texts if undecided else ():
        check_deadline()
        chosen |= {id(each) for each in undecided if each.marks is not None and each.marks.search(text)}
        undecided = [each for each in undecided if id(each) not in chosen]
        if not undecided:
            break
    return [each for each in interpreters if id(each) in chosen]


def interpret_settings(
    interpreters: Iterable[Interpreter], path: str, settings: Sequence[Setting], limits: Limits
) -> Iterator[Reading]:
    """Yield one step for each interpreter, so that a failure of one costs no finding of another.

    Args:
        interpreters: those that want the document.
        path: the path of the artifact.
        settings: the values of the document.
        limits: the bounds of the scan.
    """
    for interpreter in interpreters:
        name = f"{interpreter.read.__module__.removeprefix('modelaudit.')} interpreter"
        yield ReadingStep(name, partial(interpreter.read, path, settings, limits))
