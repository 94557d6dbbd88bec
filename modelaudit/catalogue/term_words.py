"""Read ``rules/term_words.yaml``: the words by which a text reads like terms."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pydantic.dataclasses import dataclass

from modelaudit.catalogue.cues import compile_pattern
from modelaudit.catalogue.document import Document
from modelaudit.catalogue.schema import CONFIG, Kebab, Shape, Text
from modelaudit.model.term_words import TermWords


@dataclass(config=CONFIG)
class TermWordsFile:
    """``rules/term_words.yaml``."""

    window: int
    enough: int
    titled: int
    needed: list[Kebab]
    titles: list[Text]
    signs: dict[Kebab, list[Text]]
    quiet: list[Text]


_FILE = Shape(TermWordsFile)


def read_term_words(documents: Iterable[Document]) -> TermWords:
    """Read the signs of terms; a further rule folder adds patterns, and the last file sets the numbers.

    Raises:
        ConfigurationError: a needed sign is not listed, a number is not positive, or a pattern is invalid.
    """
    numbers = (1, 1, 1)
    needed: list[str] = []
    titles: list[re.Pattern[str]] = []
    quiet: list[re.Pattern[str]] = []
    signs: dict[str, list[re.Pattern[str]]] = {}
    for document in documents:
        file = _FILE.read(document)
        for key, number in (("window", file.window), ("enough", file.enough), ("titled", file.titled)):
            if number < 1:
                raise document.error(f"{key}: {number} is no positive number", (key,))
        numbers = file.window, file.enough, file.titled
        for id_, patterns in file.signs.items():
            signs.setdefault(id_, []).extend(compile_pattern(each, document, ("signs", id_)) for each in patterns)
        for id_ in file.needed:
            if id_ not in signs:
                raise document.error(f"needed: {id_!r} is none of the signs", ("needed",))
        needed += file.needed
        titles += (compile_pattern(each, document, ("titles",)) for each in file.titles)
        quiet += (compile_pattern(each, document, ("quiet",), re.DOTALL) for each in file.quiet)
    return TermWords(
        *numbers, frozenset(needed), tuple(titles), {id_: tuple(each) for id_, each in signs.items()}, tuple(quiet)
    )
