"""The rules that turn values, headings and labels into facts of a description, and that compare those facts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct, field

from modelaudit.model.description import Confidence, Topic
from modelaudit.model.lazy_pattern import defer_pattern

_WORD: Final = defer_pattern(r"[^\W_]+")

_NEVER: Final = defer_pattern(r"(?!)")


class Form(StrEnum):
    """The form of a value, by which it is read from a text."""

    NAME = "name"
    """A name or a number: one line, without markup, of at most 300 characters."""
    NAMES = "names"
    """Several names, divided by commas or semicolons."""
    PROSE = "prose"
    """A text of at most 2,000 characters."""
    REQUIREMENTS = "requirements"
    """Packages, one on each line, with the version or range of each."""
    ADDRESS = "address"
    """A web address, taken out of the markup around it."""
    NUMBERS = "numbers"
    """Whole numbers in digits: ``4,096`` and ``32k tokens`` give ``4096`` and ``32000``."""
    GRAMS = "grams"
    """A mass with its unit, in grams: ``61 kg`` gives ``61000``."""
    KILOWATT_HOURS = "kilowatt-hours"
    """An energy with its unit, in kWh."""
    COUNTS = "counts"
    """As ``NUMBERS``, and with the units of large numbers: ``1.3B`` gives ``1300000000``."""


class FactRule(Struct, frozen=True):
    """What one key, heading or label states.

    Attributes:
        value: the fact, whatever the value is, with references as in qualifiers; empty if the value is the fact.
        qualifiers: name, and either a text or the key of the value behind a dollar sign; ``$`` is the value itself.
        when: only values that it matches completely count; a group ``value`` is the fact.
        values: the fact for a value in another notation, such as a number in place of a name.
        most: facts by this rule in one file; 0 for any number.
    """

    topic: Topic
    form: Form = Form.NAME
    value: str = ""
    qualifiers: tuple[tuple[str, str], ...] = ()
    when: re.Pattern[str] | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    confidence: Confidence = Confidence.DECLARED
    most: int = 0


class KeyRules(Struct, frozen=True):
    """The rules for the keys of one source.

    Attributes:
        exact: by the path of a key, its steps joined by dots; ``#`` is any position in a list.
        wild: of paths with ``*``, which is one step, or with ``**`` at the end, which is any number of steps.
    """

    exact: Mapping[str, tuple[FactRule, ...]] = field(default_factory=dict)
    wild: tuple[tuple[tuple[str, ...], FactRule], ...] = ()


class SentenceRule(Struct, frozen=True):
    """A sentence about the model that states a fact; the group ``value`` of the pattern is the fact.

    Attributes:
        is_of_any: whether a sentence with words on other models counts too; its pattern leaves out what is not meant.
    """

    rule: FactRule
    pattern: re.Pattern[str]
    is_of_any: bool = False


class CardRules(Struct, frozen=True):
    """The rules for the text of a card.

    Attributes:
        headings: by heading, in lower case.
        labels: by label, in lower case: ``developed by``.
        keys: as ``labels``, by key of a configuration whose value is compared: ``num_hidden_layers``.
        words: the word in place of another one of a label, such as an abbreviation; empty if it says nothing.
        loose: labels by their words, as ``sort_words`` returns them.
        sentences: by a hint; they are tried only on lines that contain it in lower case.
        foreign: headings whose sections describe other models, or how to use this one.
        named_tables: those of them whose tables are read where a row or a column names this model.
        value_tables: those of them whose tables of a measure and its value are read.
        other_data: words of a line there that show that its results are on other data.
        others: words of a sentence that show that it is about another model.
        families: names of models; a sentence with one that the title of the card does not have is about another model.
    """

    headings: Mapping[str, tuple[FactRule, ...]] = field(default_factory=dict)
    labels: Mapping[str, tuple[FactRule, ...]] = field(default_factory=dict)
    keys: Mapping[str, tuple[FactRule, ...]] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    loose: Mapping[tuple[str, ...], tuple[FactRule, ...]] = field(default_factory=dict)
    sentences: Mapping[str, tuple[SentenceRule, ...]] = field(default_factory=dict)
    foreign: re.Pattern[str] = _NEVER
    named_tables: re.Pattern[str] = _NEVER
    value_tables: re.Pattern[str] = _NEVER
    other_data: re.Pattern[str] = _NEVER
    others: re.Pattern[str] = _NEVER
    families: re.Pattern[str] = _NEVER

    def find_label(self, label: str) -> tuple[FactRule, ...]:
        """Return the rules of a label in lower case: by its text, as a key of a configuration, or by its words."""
        known = self.labels.get(label) or self.keys.get(label)
        return known or self.loose.get(sort_words(label, self.words), ())


def sort_words(label: str, words: Mapping[str, str]) -> tuple[str, ...]:
    """Return the words of a label, each in the singular and spelled out: ``# of params`` gives ``parameter``.

    Args:
        label: in lower case.
        words: the word in place of another one; empty for one that says nothing.
    """
    spelled = (words.get(each, words.get(each.removesuffix("s"), each)) for each in _WORD.findall(label))
    return tuple(sorted({each.removesuffix("s") for each in " ".join(spelled).split()}))


class Comparing(StrEnum):
    """How two facts are compared."""

    WORD = "word"
    """By the words of the comparison; a value without any of them is not compared."""
    NUMBER = "number"
    COUNT = "count"
    """Numbers of parameters, as people round them."""
    NAME = "name"
    """Names of models and data sets, without owner and spelling."""
    SHARE = "share"
    """Results as fractions or in percent, as people round them."""
    VERSION = "version"
    """The first two numbers of versions."""
    MEMBER = "member"
    """Names of modules: each has to be one of those of the files."""
    LABEL = "label"
    """Names of labels; those that have no number have to be one of the words of the comparison."""


class Word(Struct, frozen=True):
    """A word of a comparison.

    Attributes:
        declared: matches the values of cards that mean it.
        found: matches the values of files that agree with it.
    """

    name: str
    declared: re.Pattern[str]
    found: re.Pattern[str]


class Comparison(Struct, frozen=True):
    """A comparison of the facts of a card with those of files; a card that agrees with one of them is right.

    Attributes:
        title: of the compared thing, in sentences: ``number of layers``.
        name: of the qualifier ``name``; empty if facts with any are compared.
        against: topic and name of the facts of files.
        words: for values of the forms ``WORD`` and ``LABEL``.
        tolerance: of numbers, as a share of the larger one.
        at_most: a smaller number in the card is right as well.
        same: qualifiers that both facts must have equal, or the value itself.
        strongest: only the facts of the strongest confidence count.
        unless: nothing is compared if the card has a fact on the topic with this qualifier ``name``.
        every: the card has to agree with each fact, and not with one of them.
    """

    topic: Topic
    how: Comparing
    title: str
    name: str = ""
    against: tuple[tuple[Topic, str], ...] = ()
    words: tuple[Word, ...] = ()
    tolerance: float = 0.0
    at_most: bool = False
    same: str = ""
    strongest: bool = False
    every: bool = False
    unless: str = ""


class DescriptionRules(Struct, frozen=True):
    """All rules of a description.

    Attributes:
        keys: by source: the name of a file or ``card``.
        placeholders: values that state nothing.
        libraries: by the name of an import, the name of its package where both differ.
        compared_only: values of the qualifier ``name`` of facts that are compared and not a part of the description.
        no_weights: parts of names of files whose tensors are no weights of the model.
        pickles_beside: parts of paths of pickles that lie beside the weights.
    """

    keys: Mapping[str, KeyRules] = field(default_factory=dict)
    card: CardRules = field(default_factory=CardRules)
    placeholders: re.Pattern[str] = _NEVER
    libraries: Mapping[str, str] = field(default_factory=dict)
    comparisons: tuple[Comparison, ...] = ()
    compared_only: frozenset[str] = frozenset()
    no_weights: re.Pattern[str] = _NEVER
    pickles_beside: re.Pattern[str] = _NEVER
