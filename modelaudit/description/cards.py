"""Read facts from the text of a model card: its sections, its labels and its sentences.

The text is read line by line, and each line once, so that a hostile card costs time in proportion to its length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Final

from msgspec import Struct, field

from modelaudit.description.paragraphs import Paragraph, Sentence
from modelaudit.description.tables import LABEL_COLUMNS, ROW, ROW_BORDER, Table, TableReading, split_row
from modelaudit.description.values import LONGEST_PROSE, FactMaker, drop_comments, strip_markup
from modelaudit.model.description import Fact, Topic
from modelaudit.model.description_rules import CardRules, FactRule, Form, SentenceRule
from modelaudit.model.evidence import Prose
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.structure import Location, locate_line

_MOST_LINES: Final = 20_000
_LONGEST_LINE: Final = 4_000
_MOST_FACTS: Final = 1_000
_HEADING: Final = defer_pattern(r" {0,3}(#{1,6})[ \t]+(\S.*)")
_BOLD_HEADING: Final = defer_pattern(r"\s{0,3}(?:\*\*|__)([^*_]{2,80})(?:\*\*|__)\s*:?\s*\Z")
_UNDERLINE: Final = defer_pattern(r" {0,3}(=+|-+)\s*\Z")
_FENCE: Final = defer_pattern(r"\s{0,3}(`{3,}|~{3,})")
_BULLET: Final = defer_pattern(r"(?:[-*+\u2022]|\d{1,2}[.)])\s")
_LONGEST_LABEL: Final = 90
_BARE_LABEL: Final = defer_pattern(r"\s*[-*+•]\s+([A-Z][\w-]{1,30}(?: [a-z][\w-]{1,20})?) (v?\d[\w.+-]{0,40})\s*\Z")
_LIST_LABEL: Final = defer_pattern(r"\s*[-*+•]\s+.{1,80}?[:\uff1a]")
_KEY_AND_VALUE: Final = defer_pattern(
    r"\b(?P<key>[a-z][a-z0-9]{0,30}(?:_[a-z0-9]{1,30}){1,6})"
    r"(?: ?[=:] ?| (?:is|of|was|set to|is set to) )(?P<value>[\w.+-]{1,80})"
)
"""A key of a configuration that a sentence quotes: ``num_hidden_layers = 4``."""
_QUOTED_TOPICS: Final = frozenset({Topic.DIMENSION, Topic.HYPERPARAMETER})
_IMPERATIVE: Final = defer_pattern(r"(?:set|pass|load|use|call|run|try|add|change)\b", re.IGNORECASE)
_ASSIGNED: Final = defer_pattern(r"([\w*`#. -]{1,60}?) ?= ?(?!=)")
_NEXT_LABEL: Final = defer_pattern(r"[,;|\u00b7\u2022] ?(?=[^,;|:=]{1,50}[:\uff1a=])")
_SHORT_VALUE: Final = defer_pattern(r"(?![-*+|>#])[^:\uff1a|]{1,60}\Z")
"""The whole text of a section whose heading is a label."""
_SHORT_WORDS: Final = 6
_LABEL_EDGE: Final = defer_pattern(r"^[^\w#([\u0080-\U0010ffff]+|[^\w)\]\u0080-\U0010ffff]+$|^[\d.]+\s+")
_SYMBOLS: Final = defer_pattern("[\u2190-\u2bff\u2e00-\u2e7f\ufe0f\U0001f000-\U0001faff]")
_HEADING_NUMBER: Final = defer_pattern(r"^(?:\d+(?:\.\d+)*[.)]?|[ivx]+\.)\s+")
_ENDED: Final = defer_pattern(r"[.!?\u3002\uff01\uff1f][)\"'*_\s]*\Z")
_NESTED_ITEM: Final = defer_pattern(r"\s+[-*+\u2022]\s")
_STARTS_ITEM: Final = defer_pattern(r"\s*(?:[-*+\u2022#|>]|\d{1,2}[.)])\s?")
_TITLE: Final = "(title)"
"""The label of the first heading in the rules."""
_LEAD: Final = "(lead)"
"""The heading, in the rules, of the text between the first heading and the second."""
_ARTICLE: Final = defer_pattern(r"^(?:the|a|an|our|for|in)\s+", re.IGNORECASE)
_MOST_MATCHES: Final = 4
_TOP_LEVEL: Final = 1
_NO_GROUPS: Final[Mapping[str, str | None]] = MappingProxyType({})


class _Section(Struct):
    """An open section.

    Attributes:
        level: of its heading, from 1.
        rules: of its prose; those of the section around it if its own heading is not known.
        is_foreign: whether it describes other models, or how to use this one.
        tables: how its tables are read.
        is_lead: whether it is the text between the first heading and the second.
        line: of the first line with prose; 0 before it.
        text: its prose so far.
    """

    level: int
    rules: tuple[FactRule, ...] = ()
    is_foreign: bool = False
    tables: TableReading = TableReading.OWN
    is_lead: bool = False
    line: int = 0
    text: list[str] = field(default_factory=list)
    length: int = 0


def read_card_text(prose: Prose, address: str, rules: CardRules, maker: FactMaker) -> Iterator[Fact]:
    """Yield the facts that the text of a card states, at most ``_MOST_FACTS``."""
    yield from _CardReader(prose, address, rules, maker).read()


class _CardReader:
    """Reads one card line by line."""

    def __init__(self, prose: Prose, address: str, rules: CardRules, maker: FactMaker) -> None:
        self._prose = prose
        self._address = address
        self._rules = rules
        self._maker = maker
        self._sections: list[_Section] = [_Section(0)]
        self._pending: tuple[tuple[FactRule, ...], int] | None = None
        self._title = ""
        self._has_lead = False
        self._table = Table()
        self._paragraph = Paragraph()
        self._is_about_other_so_far = False

    def read(self) -> Iterator[Fact]:
        """Yield the facts of all lines."""
        yield from islice(self._iterate_facts(), _MOST_FACTS)

    def _iterate_facts(self) -> Iterator[Fact]:
        """Yield the facts of all lines, those of a section at its end."""
        fence = ""
        previous = ""
        in_comment = False
        for number, line in enumerate(self._prose.text.split("\n")[:_MOST_LINES], 1):
            source, line = line[:_LONGEST_LINE], line[:_LONGEST_LINE].rstrip()
            marker = _FENCE.match(line)
            if marker is not None and (not fence or line.strip().startswith(fence)):
                yield from self._close_paragraph()
                fence = "" if fence else marker[1]
                continue
            if fence:
                self._add_prose(line, number, is_code=True)
                continue
            in_comment, line = drop_comments(line, in_comment)
            if not line.strip() or _STARTS_ITEM.match(line):
                yield from self._close_paragraph()
                self._is_about_other_so_far = False
            heading = _find_heading(line, previous)
            previous = line.strip()
            if self._table.rows and (heading is not None or not ROW.match(line)):
                yield from self._close_table()
            if heading is not None:
                yield from self._close_paragraph()
                yield from self._read_title(*heading, number)
                yield from self._open_section(*heading)
            elif line.strip():
                yield from self._read_line(line, number, len(source) - len(line))
        yield from self._close_paragraph()
        yield from self._close_table()
        yield from self._close_sections(0)

    def _read_title(self, level: int, title: str, number: int) -> Iterator[Fact]:
        """Yield the name of the model in the first heading of the card."""
        name = normalize_label(title)
        is_known = name in self._rules.headings or self._rules.foreign.search(name) is not None
        if level == _TOP_LEVEL and not self._title and not is_known:
            self._title = strip_markup(title).lower()
            for rule in self._rules.labels.get(_TITLE, ()):
                yield from self._make(rule, _SYMBOLS.sub(" ", strip_markup(title)).strip(), number)

    def _open_section(self, level: int, title: str) -> Iterator[Fact]:
        """Close the sections that a heading ends, and open its own."""
        yield from self._close_sections(level)
        self._pending = None
        name = normalize_label(title)
        known = self._rules.headings.get(name, ())
        parent = self._sections[-1]
        is_foreign = not known and (parent.is_foreign or self._rules.foreign.search(name) is not None)
        inherited = () if is_foreign or level <= _TOP_LEVEL or parent.is_lead else parent.rules
        is_lead = level == _TOP_LEVEL and not known and not is_foreign
        lead = self._rules.headings.get(_LEAD, ()) if is_lead and not self._has_lead else ()
        self._has_lead = self._has_lead or is_lead
        tables = self._choose_reading(name, is_foreign)
        self._sections.append(_Section(level, known or inherited or lead, is_foreign, tables, bool(lead)))
        if not known and not is_foreign and level > _TOP_LEVEL:
            self._pending = self._rules.find_label(name), 0

    def _choose_reading(self, name: str, is_foreign: bool) -> TableReading:
        """Return how the tables of a section with this heading are read."""
        if not is_foreign:
            return TableReading.OWN
        if self._rules.value_tables.search(name) is not None:
            return TableReading.VALUES
        return TableReading.NAMED if self._rules.named_tables.search(name) is not None else TableReading.NONE

    def _close_sections(self, level: int) -> Iterator[Fact]:
        """Close the sections of this level and deeper ones, and yield the facts of their prose."""
        while self._sections and self._sections[-1].level >= max(level, 1):
            section = self._sections.pop()
            for rule in section.rules if section.text and not all(map(_LIST_LABEL.match, section.text)) else ():
                where = self._locate(section.line)
                yield from self._maker.make(rule, "\n".join(section.text), self._address, where, rule.qualifiers)

    def _read_line(self, line: str, number: int, spaces: int) -> Iterator[Fact]:
        """Yield the facts of one line, and keep it as prose of its section.

        Args:
            line: without the spaces at its end.
            number: of the line.
            spaces: at its end; two of them break it.
        """
        section = self._sections[-1]
        if section.tables is TableReading.VALUES and self._rules.other_data.search(line) is not None:
            section.tables = TableReading.NONE
        if ROW.match(line) and section.tables is not TableReading.NONE:
            self._table.add(line, number)
        found = list(self._read_labels(line, number)) if not section.is_foreign else []
        if found:
            yield from self._close_paragraph()
            yield from found
            return
        self._add_prose(line, number)
        if not section.is_foreign and not ROW.match(line):
            if not self._paragraph.goes_on_in(line):
                yield from self._close_paragraph()
            self._paragraph.add(line + spaces * " ", number)

    def _add_prose(self, line: str, number: int, is_code: bool = False) -> None:
        """Keep a line of prose of the open section, up to a bound; code counts for citations alone."""
        section = self._sections[-1]
        is_wanted = not is_code or any(rule.topic == "citation" for rule in section.rules)
        if section.rules and is_wanted and section.length <= 2 * LONGEST_PROSE:
            section.line = section.line or number
            if ROW.match(line):
                line = "" if ROW_BORDER.match(line) else f"{', '.join(filter(None, split_row(line)))};"
            section.text.append(line)
            section.length += len(line)

    def _read_labels(self, line: str, number: int) -> Iterator[Fact]:
        """Yield the facts of a label and its value, in a line, in two lines, or in a row of a table."""
        pending, self._pending = self._pending, None
        for label, value in self._list_labels(line):
            rules = self._find_label(label)
            if not value:
                self._pending = (rules, number) if rules else None
            for rule in rules if value else ():
                yield from self._make(rule, value, number)
        if pending is not None and not self._find_label(line.partition(":")[0]):
            if _NESTED_ITEM.match(line) and any(rule.form is Form.NAMES for rule in pending[0]):
                self._pending = pending  # Its list goes on.
            is_of_heading = not pending[1]
            if is_of_heading and (_SHORT_VALUE.match(line.strip()) is None or len(line.split()) > _SHORT_WORDS):
                return
            for rule in pending[0]:
                yield from self._make(rule, line.strip().lstrip("-*+ "), number)

    def _find_label(self, label: str) -> tuple[FactRule, ...]:
        """Return the rules of a label as a line has it."""
        return self._rules.find_label(normalize_label(label))

    def _list_labels(self, line: str) -> list[tuple[str, str]]:
        """Return the labels of a line with their values: of several, if all are known and only then."""
        labels = list(_list_labels(line))
        for label, value in labels[:1]:
            parts = [f"{label}: {value}"] if ROW.match(line) else _NEXT_LABEL.split(f"{label}: {value}")
            split = [each for part in parts for each in _list_labels(part)]
            if len(parts) > 1 and len(split) == len(parts) and all(self._find_label(each) for each, _ in split):
                return split
        return labels

    def _close_table(self) -> Iterator[Fact]:
        """Yield the facts of the table that ends before the current line."""
        table, self._table = self._table, Table()
        reading = self._sections[-1].tables
        for number, label, value in table.list_labels(self._title, self._list_topics, reading):
            for rule in self._find_label(label):
                # A result among those of other models may be one on other data.
                if reading is not TableReading.NAMED or rule.topic is not Topic.METRIC:
                    yield from self._make(rule, value, number)

    def _list_topics(self, label: str) -> frozenset[Topic]:
        """Return the topics of the facts that a label states."""
        return frozenset(each.topic for each in self._find_label(label))

    def _close_paragraph(self) -> Iterator[Fact]:
        """Yield the facts that the sentences of the lines so far state about the model."""
        paragraph, self._paragraph = self._paragraph, Paragraph()
        if not paragraph.numbers:
            return
        is_continued, self._is_about_other_so_far = self._is_about_other_so_far, False
        lower_text = paragraph.text.lower()
        matching = {
            id(each): each for hint, rules in self._rules.sentences.items() if hint in lower_text for each in rules
        }
        keys = _KEY_AND_VALUE.search(paragraph.text) is not None
        for sentence in paragraph.list_sentences():
            is_other = self._is_about_other(sentence.text)
            self._is_about_other_so_far = is_other or (is_continued and sentence.is_first)
            if keys and not self._is_about_other_so_far and _IMPERATIVE.match(sentence.text.lstrip(" -*+")) is None:
                yield from self._read_keys(sentence)
            for each in matching.values():
                if each.is_of_any or not self._is_about_other_so_far:
                    yield from self._read_sentence(sentence, each)
        self._is_about_other_so_far = self._is_about_other_so_far and _ENDED.search(paragraph.text) is None

    def _read_sentence(self, sentence: Sentence, known: SentenceRule) -> Iterator[Fact]:
        """Yield the facts that a sentence states by a rule."""
        for match in islice(known.pattern.finditer(sentence.text), _MOST_MATCHES):
            has_value = "value" in known.pattern.groupindex
            value = match["value"] if has_value else sentence.text
            line = sentence.find_line(match.start("value") if has_value else match.start())
            yield from self._make(known.rule, value, line, match.groupdict())

    def _read_keys(self, sentence: Sentence) -> Iterator[Fact]:
        """Yield the facts of the keys of configurations that a sentence quotes with their values."""
        for match in islice(_KEY_AND_VALUE.finditer(sentence.text), _MOST_MATCHES):
            for rule in self._rules.find_label(match["key"]):
                if rule.topic in _QUOTED_TOPICS:
                    yield from self._make(rule, match["value"].rstrip("."), sentence.find_line(match.start()))

    def _is_about_other(self, sentence: str) -> bool:
        """Whether a sentence is about another model: by its words, or because it begins with the name of one."""
        if self._rules.others.search(sentence) is not None:
            return True
        subject = self._rules.families.match(_ARTICLE.sub("", sentence))
        return subject is not None and subject[0].lower() not in self._title

    def _make(
        self, rule: FactRule, value: str, number: int, groups: Mapping[str, str | None] = _NO_GROUPS
    ) -> Iterator[Fact]:
        """Yield the facts of a value in a line; ``groups`` of its sentence are the values of qualifiers ``$group``."""
        qualifiers = tuple(
            (name, value if text == "$" else (groups.get(text[1:]) or "") if text.startswith("$") else text)
            for name, text in rule.qualifiers
        )
        yield from self._maker.make(rule, value, self._address, self._locate(number), qualifiers)

    def _locate(self, number: int) -> Location:
        """Return the location of a line of the text."""
        line = self._prose.locate_line(number)
        return Location() if line is None else locate_line(line)


def normalize_label(text: str) -> str:
    """Return a heading or label in lower case, without markup, number, emoji and punctuation around it."""
    bare = _SYMBOLS.sub(" ", strip_markup(text[:200])).strip()
    bare = _HEADING_NUMBER.sub("", bare.lower()).replace("[optional]", "")
    return " ".join(_LABEL_EDGE.sub("", bare).strip(" :\uff1a#*_-.").split())


def _find_heading(line: str, previous: str) -> tuple[int, str] | None:
    """Find a heading: one with number signs, a bold line, or the line above an underline; with its level."""
    match = _HEADING.match(line)
    if match is not None:
        return len(match[1]), match[2].rstrip("# ")
    match = _BOLD_HEADING.match(line)
    if match is not None and not line.lstrip().startswith(("-", "* ", "+")):
        return 6, match[1]
    underline = _UNDERLINE.match(line)
    if underline is not None and previous and len(previous) < 80 and not ROW.match(previous):
        return (1 if underline[1][0] == "=" else 2), previous
    return None


def _list_labels(line: str) -> Iterator[tuple[str, str]]:
    """Yield the labels of a line with their values; a value is empty where it follows in the next line."""
    if ROW.match(line):
        cells = split_row(line)
        if len(cells) == LABEL_COLUMNS and not ROW_BORDER.match(line):
            yield cells[0], cells[1]
        return
    text = line.strip()
    bare = _BARE_LABEL.match(text)
    if bare is not None:
        yield bare[1], bare[2]
        return
    if _BULLET.match(text):
        text = text.partition(text[0] if not text[0].isdigit() else " ")[2].lstrip()
    start = text[:_LONGEST_LABEL].replace("\uff1a", ":")
    label, colon, _ = start.partition(":")
    if colon and label:
        yield label, text[len(label) + 1 :].lstrip("*_ \t").strip()
    elif assigned := _ASSIGNED.match(text):
        yield assigned[1], text[assigned.end() :].lstrip("*_ \t").strip()
