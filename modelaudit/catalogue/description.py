"""Read ``rules/description/``: the keys, headings, labels and sentences that describe a model."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import field
from typing import Annotated

from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass

from modelaudit.catalogue.cues import compile_pattern
from modelaudit.catalogue.document import Document, Place
from modelaudit.catalogue.schema import CONFIG, Shape, Text
from modelaudit.model.copies import replace
from modelaudit.model.description import Confidence, Topic
from modelaudit.model.description_rules import (
    CardRules,
    Comparing,
    Comparison,
    DescriptionRules,
    FactRule,
    Form,
    KeyRules,
    SentenceRule,
    Word,
    sort_words,
)
from modelaudit.model.lazy_pattern import defer_pattern


@dataclass(config=CONFIG)
class FactEntry:
    """What one key, heading or label states; its short form is the topic alone."""

    topic: Topic
    form: Form = Form.NAME
    value: str = ""
    qualifiers: dict[str, str] = field(default_factory=dict)
    when: str = ""
    values: dict[str, str] = field(default_factory=dict)
    confidence: Confidence | None = None
    most: int = 0


def _as_entries(value: object) -> object:
    """Expand the short form of an entry, its topic, and wrap a single entry into a list."""
    entries = value if isinstance(value, list) else [value]
    return [{"topic": each} if isinstance(each, str) else each for each in entries]


_Entries = Annotated[list[FactEntry], BeforeValidator(_as_entries)]


@dataclass(config=CONFIG)
class SourceEntry:
    """The keys of some sources."""

    sources: list[Text]
    confidence: Confidence
    keys: dict[str, _Entries]


@dataclass(config=CONFIG)
class LabelEntry(FactEntry):
    """A fact with its headings and labels, or its sentences."""

    topic: Topic
    headings: list[Text] = field(default_factory=list)
    labels: list[Text] = field(default_factory=list)


@dataclass(config=CONFIG)
class SentenceEntry(FactEntry):
    """A sentence with the words that a line must contain.

    Attributes:
        nouns: a pattern of the words for the stated thing, before or behind its number.
        of_any: as ``SentenceRule.is_of_any``.
    """

    topic: Topic
    hints: list[Text] = field(default_factory=list)
    patterns: list[Text] = field(default_factory=list)
    nouns: Text = ""
    of_any: bool = False


@dataclass(config=CONFIG)
class WordEntry:
    """The patterns of one word, in cards and in files."""

    declared: Text
    found: str = ""


def _as_word(value: object) -> object:
    """Expand the short form of a word, one pattern for cards and files."""
    return {"declared": value} if isinstance(value, str) else value


@dataclass(config=CONFIG)
class AgainstEntry:
    """Facts of files that are compared; the short form is the topic alone."""

    topic: Topic
    name: str | None = None


def _as_against(value: object) -> object:
    """Expand the short form of facts, their topic."""
    return {"topic": value} if isinstance(value, str) else value


@dataclass(config=CONFIG)
class ComparisonEntry:
    """One comparison."""

    topic: Topic
    how: Comparing
    title: Text
    against: list[Annotated[AgainstEntry, BeforeValidator(_as_against)]]
    name: str = ""
    words: dict[str, Annotated[WordEntry, BeforeValidator(_as_word)]] = field(default_factory=dict)
    tolerance: float = 0.0
    at_most: bool = False
    same: str = ""
    strongest: bool = False
    every: bool = False
    unless: str = ""


@dataclass(config=CONFIG)
class DescriptionFile:
    """A file of ``rules/description/``."""

    keys: list[SourceEntry] = field(default_factory=list)
    card: list[LabelEntry] = field(default_factory=list)
    sentences: list[SentenceEntry] = field(default_factory=list)
    foreign_headings: list[Text] = field(default_factory=list)
    named_table_headings: list[Text] = field(default_factory=list)
    value_table_headings: list[Text] = field(default_factory=list)
    other_data: list[Text] = field(default_factory=list)
    other_models: list[Text] = field(default_factory=list)
    placeholders: list[Text] = field(default_factory=list)
    no_weights: list[Text] = field(default_factory=list)
    pickles_beside: list[Text] = field(default_factory=list)
    label_words: dict[str, list[Text]] = field(default_factory=dict)
    libraries: dict[str, Text] = field(default_factory=dict)
    model_families: list[Text] = field(default_factory=list)
    comparisons: list[ComparisonEntry] = field(default_factory=list)
    compared_only: list[Text] = field(default_factory=list)


_FILE = Shape(DescriptionFile)
_NUMBER = r"(?P<value>\d[\d,]{0,14}(?:\.\d{1,6})?(?:e-?\d{1,2})?(?: ?[kKM]\b)?)"
_NOUNS = (
    rf"(?<![\w.,-]){_NUMBER}[ -](?:NOUN)\b",
    rf"\b(?:NOUN)(?: (?:(?:is |was )?set to|is|was|are|were|equals|of|being)|:| ?=) ?(?:about |around |~)?{_NUMBER}\b",
)
"""The patterns of ``nouns``: the number before its noun, and behind the noun with a verb between."""
_KEY_NAME = defer_pattern(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")


def read_description(documents: Iterable[Document]) -> DescriptionRules:
    """Read the rules; those of later files are added to those of the first.

    Raises:
        ConfigurationError: a pattern is invalid, or one without a group ``value`` states no fixed value.
    """
    reader = _Reader()
    for document in documents:
        reader.add(document, _FILE.read(document))
    return reader.finish()


class _Reader:
    """Collects the rules of all files."""

    def __init__(self) -> None:
        self._exact: dict[str, dict[str, tuple[FactRule, ...]]] = {}
        self._wild: dict[str, list[tuple[tuple[str, ...], FactRule]]] = {}
        self._headings: dict[str, tuple[FactRule, ...]] = {}
        self._labels: dict[str, tuple[FactRule, ...]] = {}
        self._sentences: dict[str, tuple[SentenceRule, ...]] = {}
        self._foreign: list[str] = []
        self._named_tables: list[str] = []
        self._value_tables: list[str] = []
        self._other_data: list[str] = []
        self._others: list[str] = []
        self._placeholders: list[str] = []
        self._no_weights: list[str] = []
        self._pickles_beside: list[str] = []
        self._libraries: dict[str, str] = {}
        self._families: list[str] = []
        self._comparisons: list[Comparison] = []
        self._compared_only: set[str] = set()
        self._words: dict[str, str] = {}

    def add(self, document: Document, file: DescriptionFile) -> None:
        """Add the rules of one file. Raises ``ConfigurationError``."""
        self._add_keys(document, file)
        for number, each in enumerate(file.card):
            rule = _make_rule(each, document, ("card", number))
            for names, known in ((each.headings, self._headings), (each.labels, self._labels)):
                for each_name in names:
                    known[each_name.lower()] = (*known.get(each_name.lower(), ()), rule)
        for number, sentence in enumerate(file.sentences):
            self._add_sentence(sentence, document, ("sentences", number))
        for name, patterns, kept in (
            ("foreign-headings", file.foreign_headings, self._foreign),
            ("named-table-headings", file.named_table_headings, self._named_tables),
            ("value-table-headings", file.value_table_headings, self._value_tables),
            ("other-data", file.other_data, self._other_data),
            ("other-models", file.other_models, self._others),
            ("placeholders", file.placeholders, self._placeholders),
            ("no-weights", file.no_weights, self._no_weights),
            ("pickles-beside", file.pickles_beside, self._pickles_beside),
            ("model-families", file.model_families, self._families),
        ):
            for pattern in patterns:
                compile_pattern(pattern, document, (name,))
            kept += patterns
        self._libraries |= file.libraries
        self._compared_only |= set(file.compared_only)
        self._words |= {each.lower(): word for word, spellings in file.label_words.items() for each in spellings}
        for number, entry in enumerate(file.comparisons):
            self._comparisons.append(_make_comparison(entry, document, ("comparisons", str(number))))

    def _add_keys(self, document: Document, file: DescriptionFile) -> None:
        """Add the rules of the keys of one file. Raises ``ConfigurationError``."""
        for number, group in enumerate(file.keys):
            for key, entries in group.keys.items():
                place = ("keys", number, "keys", key)
                rules = tuple(_make_rule(each, document, place, group.confidence) for each in entries)
                for source in group.sources:
                    self._add_key(source, key, rules)

    def _add_key(self, source: str, key: str, rules: tuple[FactRule, ...]) -> None:
        """Add the rules of a key of one source."""
        steps = tuple(key.split("."))
        if "*" in steps or "**" in steps:
            self._wild.setdefault(source, []).extend((steps, rule) for rule in rules)
        else:
            exact = self._exact.setdefault(source, {})
            exact[key] = (*exact.get(key, ()), *rules)

    def _add_sentence(self, entry: SentenceEntry, document: Document, place: Place) -> None:
        """Add the patterns of a sentence. Raises ``ConfigurationError``."""
        rule = _make_rule(entry, document, place)
        for text in (*entry.patterns, *(each.replace("NOUN", entry.nouns) for each in _NOUNS if entry.nouns)):
            pattern = compile_pattern(text, document, tuple(map(str, place)), re.IGNORECASE)
            if not rule.value and "(?P<value>" not in text:
                raise document.error(f"{text!r} has no group 'value', and its entry states no value", place)
            for hint in map(str.lower, entry.hints):
                known = self._sentences.get(hint, ())
                self._sentences[hint] = (*known, SentenceRule(rule, pattern, entry.of_any))

    def finish(self) -> DescriptionRules:
        """Return all rules."""
        sources = {*self._exact, *self._wild}
        keys = {each: KeyRules(self._exact.get(each, {}), tuple(self._wild.get(each, ()))) for each in sources}
        card = CardRules(
            self._headings,
            self._labels,
            self._list_key_labels(),
            self._words,
            self._list_loose_labels(),
            self._sentences,
            _join_patterns(self._foreign),
            _join_patterns(self._named_tables),
            _join_patterns(self._value_tables),
            _join_patterns(self._other_data),
            _join_patterns(self._others),
            _join_patterns(self._families),
        )
        return DescriptionRules(
            keys,
            card,
            _join_patterns(self._placeholders),
            self._libraries,
            tuple(self._comparisons),
            frozenset(self._compared_only),
            _join_patterns(self._no_weights),
            _join_patterns(self._pickles_beside),
        )

    def _is_compared(self, rule: FactRule) -> bool:
        """Whether a fact by a rule is compared with files."""
        name = dict(rule.qualifiers).get("name", "")
        return any(each.topic is rule.topic and (each.name == name or each.same) for each in self._comparisons)

    def _list_key_labels(self) -> dict[str, tuple[FactRule, ...]]:
        """Return the rules of cards that quote a key of a configuration, by the last step of the key."""
        labels: dict[str, tuple[FactRule, ...]] = {}
        for known in self._exact.values():
            for key, rules in known.items():
                name = key.rpartition(".")[2]
                kept = tuple(
                    replace(
                        each,
                        confidence=Confidence.DECLARED,
                        form=Form.NUMBERS if each.topic is Topic.DIMENSION else each.form,
                    )
                    for each in rules
                    if each.confidence is Confidence.FOUND and self._is_compared(each) and not each.values
                )
                if kept and _KEY_NAME.fullmatch(name) and name not in self._labels:
                    labels.setdefault(name, kept)
        return labels

    def _list_loose_labels(self) -> dict[tuple[str, ...], tuple[FactRule, ...]]:
        """Return the rules of labels whose values are compared, by their words; not of words with two meanings."""
        loose: dict[tuple[str, ...], tuple[FactRule, ...]] = {}
        for label, rules in self._labels.items():
            words = sort_words(label, self._words)
            if words and all(map(self._is_compared, rules)):
                loose[words] = rules if loose.get(words, rules) == rules else ()
        return loose


def _make_rule(
    entry: FactEntry, document: Document, place: Place, confidence: Confidence = Confidence.DECLARED
) -> FactRule:
    """Make the rule of an entry. Raises ``ConfigurationError`` if its pattern is invalid."""
    when = compile_pattern(entry.when, document, tuple(map(str, place)), re.IGNORECASE) if entry.when else None
    qualifiers = tuple(sorted(entry.qualifiers.items()))
    return FactRule(
        entry.topic, entry.form, entry.value, qualifiers, when, entry.values, entry.confidence or confidence, entry.most
    )


def _make_comparison(entry: ComparisonEntry, document: Document, place: tuple[str, ...]) -> Comparison:
    """Make a comparison. Raises ``ConfigurationError`` if a pattern is invalid, or words are missing."""
    if (entry.how in (Comparing.WORD, Comparing.LABEL)) is not bool(entry.words):
        raise document.error("words: state them for a comparison by words or labels, and for no other", place)
    words = tuple(
        Word(
            name,
            compile_pattern(word.declared, document, place, re.IGNORECASE),
            compile_pattern(word.found or word.declared, document, place, re.IGNORECASE),
        )
        for name, word in entry.words.items()
    )
    against = tuple((each.topic, entry.name if each.name is None else each.name) for each in entry.against)
    return Comparison(
        entry.topic,
        entry.how,
        entry.title,
        entry.name,
        against,
        words,
        entry.tolerance,
        entry.at_most,
        entry.same,
        entry.strongest,
        entry.every,
        entry.unless,
    )


def _join_patterns(patterns: Iterable[str]) -> re.Pattern[str]:
    """Join patterns to one; without any, it matches nothing."""
    return defer_pattern("|".join(f"(?:{each})" for each in patterns) or r"(?!)", re.IGNORECASE)
