"""Compute the functions of a Makefile that depend on text alone, such as ``subst`` and ``filter``.

Source: the manual of GNU make 4.4, sections 8.2 "Functions for String Substitution and Analysis" and 8.3 "Functions for
File Names".
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import Final

from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.deadline import iterate_within_deadline

_MOST_CHARACTERS: Final = 100_000  # of a result
_REPEATING_FUNCTIONS: Final = frozenset({"subst", "patsubst", "addsuffix", "addprefix"})


def check_result_length(name: str, values: list[str]) -> None:
    """Check that a function that repeats a text, such as ``subst``, has no result of an extreme length.

    Raises:
        LimitReachedError: the result would be too long.
    """
    if name not in _REPEATING_FUNCTIONS or len(values) < 2:
        return
    repetitions = values[-1].count(values[0]) if name == "subst" else len(values[-1].split())
    if repetitions * max(map(len, values[:-1])) > _MOST_CHARACTERS:
        raise LimitReachedError("the functions of a Makefile have too long results")


def _match_pattern(pattern: str, word: str) -> str | None:
    """Return the part of a word that ``%`` of a pattern stands for; ``None`` if the word does not match."""
    prefix, mark, suffix = pattern.partition("%")
    if not mark:
        return "" if word == pattern else None
    is_match = len(word) >= len(prefix) + len(suffix) and word.startswith(prefix) and word.endswith(suffix)
    return word[len(prefix) : len(word) - len(suffix)] if is_match else None


def replace_patterns(pattern: str, replacement: str, text: str) -> str:
    """Return the words of a text with those that match a pattern replaced."""
    words: list[str] = []
    for word in text.split():
        stem = _match_pattern(pattern, word)
        words.append(word if stem is None else replacement.replace("%", stem, 1) if "%" in pattern else replacement)
    return " ".join(words)


def _filter_words(patterns: str, text: str, keeps_matches: bool) -> str:
    """Return the words of a text that match one of the patterns, or those that match none."""
    given = patterns.split()
    kept = (
        word
        for word in iterate_within_deadline(text.split())
        if any(_match_pattern(pattern, word) is not None for pattern in given) == keeps_matches
    )
    return " ".join(kept)


def _map_words(change: Callable[[str], str]) -> Callable[[str], str]:
    """Return a function that changes each word of a text."""
    return lambda text: " ".join(map(change, text.split()))


def _join_lists(first: str, second: str) -> str:
    """Return the words of two lists, joined one by one."""
    first_words, second_words = first.split(), second.split()
    count = max(len(first_words), len(second_words))
    pairs = (("".join(first_words[i : i + 1]), "".join(second_words[i : i + 1])) for i in range(count))
    return " ".join(a + b for a, b in pairs)


# Functions of text alone, whose arguments are known.
TEXT_FUNCTIONS: Final[dict[str, Callable[..., str]]] = {
    "subst": lambda old, new, text: text.replace(old, new) if old else text,
    "patsubst": lambda old, new, text: replace_patterns(old.strip(), new.strip(), text),
    "strip": lambda text: " ".join(text.split()),
    "findstring": lambda part, text: part if part in text else "",
    "filter": lambda patterns, text: _filter_words(patterns, text, True),
    "filter-out": lambda patterns, text: _filter_words(patterns, text, False),
    "sort": lambda text: " ".join(sorted(set(text.split()))),
    "word": lambda number, text: "".join(text.split()[int(number) - 1 : int(number)]),
    "wordlist": lambda start, end, text: " ".join(text.split()[int(start) - 1 : int(end)]),
    "words": lambda text: str(len(text.split())),
    "firstword": lambda text: "".join(text.split()[:1]),
    "lastword": lambda text: "".join(text.split()[-1:]),
    "dir": _map_words(lambda word: word[: word.rfind("/") + 1] or "./"),
    "notdir": _map_words(posixpath.basename),
    "suffix": _map_words(lambda word: posixpath.splitext(word)[1]),
    "basename": _map_words(lambda word: posixpath.splitext(word)[0]),
    "addsuffix": lambda suffix, text: " ".join(word + suffix for word in text.split()),
    "addprefix": lambda prefix, text: " ".join(prefix + word for word in text.split()),
    "join": _join_lists,
    # The names that a pattern matches are those of files, and a shell expands the pattern as well.
    "wildcard": str.strip,
    "realpath": str.strip,
    "abspath": str.strip,
}
