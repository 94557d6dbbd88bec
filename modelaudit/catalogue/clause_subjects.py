"""Read ``rules/clause_subjects.yaml``: the subjects of clauses that do not restrict the model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field

from pydantic.dataclasses import dataclass

from modelaudit.catalogue.cues import compile_pattern, iter_phrases
from modelaudit.catalogue.document import Document
from modelaudit.catalogue.schema import CONFIG, Kebab, Shape, Text
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.restrictions import CardSection, ClauseShape, ClauseSubjects

_LIST_NAME = defer_pattern(r"\{([a-z]+(?:-[a-z]+)*)\}")
_LISTS_IN_LISTS = 2
"""How many lists may be named inside of each other."""


@dataclass(config=CONFIG)
class ClauseShapeFile:
    """One shape of a clause. The patterns name lists of words in braces."""

    name: Kebab
    words: Text
    unless: list[Text] = field(default_factory=list)
    follows: bool = False
    alone: bool = False
    within: list[Kebab] = field(default_factory=list)


@dataclass(config=CONFIG)
class CardSectionFile:
    """A kind of section: patterns of its headings, and how far a score must exceed the threshold there."""

    headings: list[Text]
    margin: float


@dataclass(config=CONFIG)
class ClauseSubjectsFile:
    """``rules/clause_subjects.yaml``."""

    clauses: Text
    spared: list[Text]
    carries: list[Text]
    asides: list[Text]
    words: dict[Kebab, list[Text | list[Text]]]
    sections: dict[Kebab, CardSectionFile]
    shapes: list[ClauseShapeFile]


_FILE = Shape(ClauseSubjectsFile)


def read_clause_subjects(documents: Iterable[Document]) -> ClauseSubjects:
    """Read the shapes of clauses; a further rule folder adds words and shapes, and the last file splits the clauses.

    Raises:
        ConfigurationError: a shape names an unknown list, or a pattern is invalid.
    """
    boundary: re.Pattern[str] | None = None
    spared: list[re.Pattern[str]] = []
    carries: list[re.Pattern[str]] = []
    asides: list[re.Pattern[str]] = []
    words: dict[str, list[str]] = {}
    shapes: list[ClauseShape] = []
    sections: list[CardSection] = []
    for document in documents:
        file = _FILE.read(document)
        for name, phrases in file.words.items():
            words.setdefault(name, []).extend(iter_phrases(phrases))
        lists = {name: f"(?:{'|'.join(map(_write_phrase, phrases))})" for name, phrases in words.items()}
        boundary = compile_pattern(file.clauses, document, ("clauses",))
        spared += _compile(file.spared, lists, document, "spared")
        carries += _compile(file.carries, lists, document, "carries")
        asides += _compile(file.asides, lists, document, "asides")
        for name, section in file.sections.items():
            (heading,) = _compile([rf"(?:{'|'.join(section.headings)})"], lists, document, "sections")
            sections.append(CardSection(name, heading, section.margin))
        names = {section.name for section in sections}
        for shape in file.shapes:
            if unknown := [each for each in shape.within if each not in names]:
                raise document.error(f"shapes: {unknown[0]!r} is none of the sections", ("shapes",))
            (pattern,) = _compile([shape.words], lists, document, "shapes")
            unless = tuple(_compile(shape.unless, lists, document, "shapes"))
            shapes.append(ClauseShape(shape.name, pattern, unless, shape.follows, shape.alone, tuple(shape.within)))
    return ClauseSubjects(boundary, tuple(spared), tuple(carries), tuple(asides), tuple(shapes), tuple(sections))


def _compile(
    patterns: Sequence[str], lists: Mapping[str, str], document: Document, key: str
) -> Iterator[re.Pattern[str]]:
    """Compile patterns of a file, with the words of the lists that they name."""
    for written in write_patterns(patterns, lists, document, key):
        yield compile_pattern(written, document, (key,))


def write_patterns(patterns: Sequence[str], lists: Mapping[str, str], document: Document, key: str) -> Iterator[str]:
    """Write patterns of a file with the words of the lists that they name."""
    for pattern in patterns:
        written = pattern
        for _ in range(1 + _LISTS_IN_LISTS):
            for name in dict.fromkeys(_LIST_NAME.findall(written)):
                if name not in lists:
                    raise document.error(f"{key}: {{{name}}} is none of the lists of words", (key,))
                written = written.replace(f"{{{name}}}", lists[name])
        yield written


def _write_phrase(phrase: str) -> str:
    """Write a phrase as a pattern: ``*`` ends a stem, and words of one place are separated by ``|``."""
    if _LIST_NAME.fullmatch(phrase):
        return phrase
    places = phrase.split()
    return r"\W+".join(_write_alternatives(place) for place in places)


def _write_alternatives(place: str) -> str:
    """Write the words of one place of a phrase."""
    words = [f"{re.escape(word[:-1])}\\w*" if word.endswith("*") else re.escape(word) for word in place.split("|")]
    return words[0] if len(words) == 1 else f"(?:{'|'.join(words)})"
