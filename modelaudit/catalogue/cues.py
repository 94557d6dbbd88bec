"""Read ``rules/cues.yaml``: the words by which a sentence is judged that no sign of a restriction lists."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import reduce

from pydantic.dataclasses import dataclass

from modelaudit.catalogue.document import Document
from modelaudit.catalogue.schema import CONFIG, Kebab, Shape, Text
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.restrictions import ORDINARY_NAME, Combination, Cues

_COMBINATION = defer_pattern(r"(?P<needed>[a-z|+ -]+?)(?: - (?P<absent>[a-z|-]+))?(?: ~(?P<distance>\d{1,3}))?")
_ABBREVIATIONS = {"ORDINARY": ORDINARY_NAME, "REST": r"(?:(?!\b(?:but|except|unless|however|only|must|not)\b)[^.;])"}
"""Words that agreements abbreviate: an ordinary licence, and any character up to a limit or the end of the clause."""


@dataclass(config=CONFIG)
class OrdinaryFile:
    """The names of ordinary licences: patterns of the names, and one of the words that may follow any of them."""

    names: list[Text]
    tail: Text


@dataclass(config=CONFIG)
class CuesFile:
    """``rules/cues.yaml``."""

    ordinary: OrdinaryFile
    agreements: list[Text]
    vocabularies: dict[Kebab, list[Text | list[Text]]]
    combinations: dict[Kebab, list[Text]]
    exempt: list[Text]
    topics: dict[Text, list[Text]]
    denials: list[Text] = field(default_factory=list)


_FILE = Shape(CuesFile)


def read_cues(documents: Iterable[Document], kinds: Collection[str]) -> Cues:
    """Read the words of all files; the vocabularies and combinations of later files are added to those of the first.

    Args:
        documents: the files.
        kinds: the kinds of restrictions, from ``restrictions.yaml``.

    Raises:
        ConfigurationError: a kind or a vocabulary is unknown, or a pattern or a combination is malformed.
    """
    ordinary: list[re.Pattern[str]] = []
    agreements: list[re.Pattern[str]] = []
    denials: list[re.Pattern[str]] = []
    vocabularies: dict[str, list[str]] = {}
    combinations: list[Combination] = []
    exempt: list[re.Pattern[str]] = []
    topics: dict[str, list[str]] = {}
    for document in documents:
        file = _FILE.read(document)
        names = rf"(?<![a-z0-9.])(?<!//)(?:{'|'.join(file.ordinary.names)})(?![a-z0-9])(?:{file.ordinary.tail})"
        ordinary.append(compile_pattern(names, document, ("ordinary",)))
        agreements += (compile_pattern(_expand(each), document, ("agreements",)) for each in file.agreements)
        denials += (compile_pattern(_expand(each), document, ("denials",)) for each in file.denials)
        for name, phrases in file.vocabularies.items():
            vocabularies.setdefault(name, []).extend(iter_phrases(phrases))
        for kind, texts in file.combinations.items():
            if kind not in kinds:
                raise document.error(f"combinations.{kind}: is not a kind of restrictions.yaml", ("combinations", kind))
            combinations += (_parse_combination(kind, text, vocabularies, document) for text in texts)
        for name, words in file.topics.items():
            topics.setdefault(name, []).extend(words)
        exempt += (compile_pattern(each, document, ("exempt",)) for each in file.exempt)
    return Cues(
        tuple(ordinary),
        tuple(agreements),
        _freeze(vocabularies),
        tuple(combinations),
        tuple(exempt),
        _freeze(topics),
        tuple(denials),
    )


def _expand(pattern: str) -> str:
    """Write out the abbreviations of a pattern."""
    for short, full in _ABBREVIATIONS.items():
        pattern = pattern.replace(short, full)
    return pattern


def _freeze(named: Mapping[str, Sequence[str]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Turn named phrases into pairs."""
    return tuple((name, tuple(phrases)) for name, phrases in named.items())


def iter_phrases(phrases: Iterable[str | list[str]]) -> Iterator[str]:
    """Yield the phrases of a vocabulary, those of its nested lists included."""
    for phrase in phrases:
        yield from (phrase,) if isinstance(phrase, str) else phrase


def _parse_combination(kind: str, text: str, vocabularies: Collection[str], document: Document) -> Combination:
    """Parse ``a|b + c - d ~9``. Raises ``ConfigurationError`` if it is malformed or names an unknown vocabulary."""
    place = ("combinations", kind)
    match = _COMBINATION.fullmatch(text)
    if match is None:
        raise document.error(f"combinations.{kind}: {text!r} is not of the form 'a|b + c - d ~9'", place)
    groups = tuple(tuple(name.strip() for name in group.split("|")) for group in match["needed"].split("+"))
    absent = tuple((match["absent"] or "").split("|")) if match["absent"] else ()
    unknown = [name for name in (*reduce(tuple.__add__, groups), *absent) if name not in vocabularies]
    if unknown:
        raise document.error(f"combinations.{kind}: {unknown[0]!r} is not a vocabulary of the file", place)
    return Combination(kind, groups, absent, int(match["distance"]) if match["distance"] else None)


def compile_pattern(
    pattern: str, document: Document, place: tuple[str, ...], flags: re.RegexFlag = re.RegexFlag.NOFLAG
) -> re.Pattern[str]:
    """Compile a pattern of a file; one of this installation waits for its first use, because tests compile all of them.

    Raises:
        ConfigurationError: the pattern is invalid; the message has its place.
    """
    if document.is_installed:
        return defer_pattern(pattern, flags)
    try:
        return re.compile(pattern, flags)
    except re.error as error:
        raise document.error(f"{'.'.join(place)}: {pattern!r} is not a regular expression: {error}", place) from None
