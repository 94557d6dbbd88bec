"""The rules that turn values, headings and labels into facts of a description, and that compare those facts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from modelaudit.model.description import Confidence, Topic


class Form(StrEnum):
    """The form of a value, by which it is read from a text."""

    NAME = "name"
    """A name or a number: one line, without markup, of at most 300 characters."""
    NAMES = "names"
    """Several names, divided by commas or semicolons."""
    PROSE = "prose"
    """A text of at most 2,000 characters."""
    ADDRESS = "address"
    """A web address, taken out of the markup around it."""


@dataclass(frozen=True, slots=True)
class FactRule:
    """What one key, heading or label states.

    Attributes:
        value: the fact, whatever the value is; empty if the value is the fact.
        qualifiers: name, and either a text or the key of the value behind a dollar sign; ``$`` is the value itself.
        when: only values that it matches completely count; a group ``value`` is the fact.
    """

    topic: Topic
    form: Form = Form.NAME
    value: str = ""
    qualifiers: tuple[tuple[str, str], ...] = ()
    when: re.Pattern[str] | None = None
    confidence: Confidence = Confidence.DECLARED


@dataclass(frozen=True, slots=True)
class KeyRules:
    """The rules for the keys of one source.

    Attributes:
        exact: by the path of a key, its steps joined by dots; ``#`` is any position in a list.
        wild: of paths with ``*``, which is one step, or with ``**`` at the end, which is any number of steps.
    """

    exact: Mapping[str, tuple[FactRule, ...]] = field(default_factory=dict)
    wild: tuple[tuple[tuple[str, ...], FactRule], ...] = ()


@dataclass(frozen=True, slots=True)
class SentenceRule:
    """A sentence about the model that states a fact; the group ``value`` of the pattern is the fact.

    Attributes:
        hints: the pattern is tried only on lines in lower case that contain one of them.
    """

    rule: FactRule
    pattern: re.Pattern[str]
    hints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CardRules:
    """The rules for the text of a card.

    Attributes:
        headings: by heading, in lower case.
        labels: by label, in lower case: ``developed by``.
        foreign: headings whose sections describe other models, or how to use this one.
        others: words of a line that show that it is about another model.
    """

    headings: Mapping[str, tuple[FactRule, ...]] = field(default_factory=dict)
    labels: Mapping[str, tuple[FactRule, ...]] = field(default_factory=dict)
    sentences: tuple[SentenceRule, ...] = ()
    foreign: re.Pattern[str] = re.compile(r"(?!)")
    others: re.Pattern[str] = re.compile(r"(?!)")


class Comparing(StrEnum):
    """How two facts are compared."""

    WORD = "word"
    """Normalised by the words of the comparison; a value without a word is not compared."""
    NUMBER = "number"
    COUNT = "count"
    """Numbers of parameters, within a tolerance."""
    NAME = "name"
    """Names of models and data sets, without owner and spelling."""
    SHARE = "share"
    """Results between 0 and 1, or in percent."""
    VERSION = "version"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison of declared facts with those in files.

    Attributes:
        title: of the topic, in sentences: ``the context length``.
        name: of the qualifier ``name``, for topics that have it; empty for any other.
        words: the patterns of each word, for values of the form ``WORD``; a value may match several words.
        by: facts are compared only if these qualifiers are equal.
    """

    topic: Topic
    how: Comparing
    title: str
    name: str = ""
    words: tuple[tuple[str, re.Pattern[str]], ...] = ()
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DescriptionRules:
    """All rules of a description.

    Attributes:
        keys: by source: the name of a file or ``card``.
        placeholders: values that state nothing.
        libraries: by the name of an import, the name of its package where both differ.
    """

    keys: Mapping[str, KeyRules] = field(default_factory=dict)
    card: CardRules = field(default_factory=CardRules)
    placeholders: re.Pattern[str] = re.compile(r"(?!)")
    libraries: Mapping[str, str] = field(default_factory=dict)
    comparisons: tuple[Comparison, ...] = ()
