"""Judge published lists of minimum elements by the facts of a report.

An element is present only by a value from a named source of the model or of the run: an empty value, a placeholder such
as ``unknown`` or ``NOASSERTION``, and a sentence of modelaudit do not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cached_property

from modelaudit.elements.report_facts import list_sources
from modelaudit.elements.score import compute_score
from modelaudit.model.description import Confidence, Fact, Topic
from modelaudit.model.element_rules import (
    ElementListRules,
    ElementMatcher,
    ElementPart,
    ElementRule,
    ReportFact,
)
from modelaudit.model.elements import RUN, Element, ElementList, ElementSource, ElementState
from modelaudit.model.placeholders import states_something
from modelaudit.model.report import AuditReport, Extent
from modelaudit.reports.fact_places import name_place

_MOST_SOURCES = 3
"""Sources of one element; more of them would not make it more present."""
_MOST_CHARACTERS = 160
_NUMBERS = frozenset({Topic.METRIC, Topic.HYPERPARAMETER})
_UNITS = {Topic.ENERGY: "kWh", Topic.EMISSIONS: "g of CO2 equivalents"}
_STRENGTHS = (Confidence.VERIFIED.value, Confidence.FOUND.value, Confidence.DECLARED.value, RUN)
"""The words for the confidence of a source, the strongest first."""


def judge_elements(report: AuditReport, lists: Sequence[ElementListRules]) -> tuple[ElementList, ...]:
    """Judge every element of the lists for one report; the description of the report has to be complete."""
    judge = _Judge(report)
    return tuple(judge.judge_list(rules) for rules in lists)


class _Judge:
    """The facts of one report, each computed once."""

    def __init__(self, report: AuditReport) -> None:
        self._report = report
        self._known: dict[ReportFact, tuple[ElementSource, ...]] = {}

    def judge_list(self, rules: ElementListRules) -> ElementList:
        """Judge the elements of one list, and compute its score."""
        elements = tuple(self._judge_element(each) for each in rules.elements)
        score, profile = compute_score(rules, elements) if rules.formula else (None, "")
        return ElementList(rules.id, rules.title, rules.date, rules.checked, elements, score, profile, rules.notes)

    def _judge_element(self, rule: ElementRule) -> Element:
        """Judge one element: it is present if each of its parts has a source."""
        if not rule.parts:
            return Element(rule.id, rule.group, rule.name, ElementState.NOT_AUTOMATABLE, why=rule.reason)
        found = [self._find_sources(part) for part in rule.parts]
        if not any(found):
            return Element(rule.id, rule.group, rule.name, ElementState.ABSENT, why=rule.where)
        each_most = max(1, _MOST_SOURCES // len(found))
        # One statement may be the source of several parts.
        sources = tuple(dict.fromkeys(source for sources in found for source in sources[:each_most]))
        missing = tuple(part.name for part, sources in zip(rule.parts, found, strict=True) if not sources)
        if missing:
            return Element(rule.id, rule.group, rule.name, ElementState.PARTLY, sources, rule.where, missing)
        return Element(rule.id, rule.group, rule.name, ElementState.PRESENT, sources)

    def _find_sources(self, part: ElementPart) -> list[ElementSource]:
        """Find the sources for a part of an element, the strongest first."""
        sources = dict.fromkeys(source for matcher in part.matchers for source in self._match(matcher))
        return sorted(sources, key=lambda source: _STRENGTHS.index(source.confidence))

    def _match(self, matcher: ElementMatcher) -> Iterator[ElementSource]:
        """Yield the sources that fulfil one matcher and state a value."""
        for source in self._list_candidates(matcher):
            if source.confidence in _STRENGTHS and states_something(source.value):
                yield ElementSource(_shorten(source.value), source.confidence, source.place)

    def _list_candidates(self, matcher: ElementMatcher) -> Iterator[ElementSource]:
        """Yield the sources of a matcher, placeholders included."""
        if matcher.fact is not None:
            if matcher.fact not in self._known:
                self._known[matcher.fact] = tuple(list_sources(self._report, matcher.fact))
            yield from self._known[matcher.fact]
        elif matcher.topic is not None:
            for fact in self._report.description.list_facts(matcher.topic):
                if _fulfils(fact, matcher):
                    place = describe_source(fact)
                    if matcher.take:
                        # A version or a licence means nothing without the name of what has it.
                        yield ElementSource(fact.get(matcher.take), fact.confidence, f"{_shorten(fact.value)}, {place}")
                    else:
                        yield ElementSource(fact.value, fact.confidence, place)
        else:
            yield from (
                ElementSource(path, Confidence.FOUND, path)
                for folded, path in self._paths
                if any(fnmatchcase(folded, pattern) for pattern in matcher.files)
            )

    @cached_property
    def _paths(self) -> list[tuple[str, str]]:
        """The paths of all files that were opened, each behind its form without case."""
        records = self._report.coverage.artifacts
        return [(each.path.casefold(), each.path) for each in records if each.extent is not Extent.NOT]


def _shorten(value: str) -> str:
    """Return a value on one line, cut if it is long."""
    value = " ".join(value.split())
    return value if len(value) <= _MOST_CHARACTERS else f"{value[:_MOST_CHARACTERS]}…"


def _fulfils(fact: Fact, matcher: ElementMatcher) -> bool:
    """Whether a fact has a value and the qualifiers that a matcher accepts."""
    if matcher.values and fact.value.casefold() not in matcher.values:
        return False
    if matcher.when is not None and not matcher.when.fullmatch(fact.value):
        return False
    return all(
        fact.get(name).casefold() in words if words else states_something(fact.get(name))
        for name, words in matcher.qualifiers
    )


def describe_source(fact: Fact) -> str:
    """Name the place of a fact: its file with the line or the key, or the record of the Hub.

    A number means nothing alone: the name of a metric or a hyperparameter and the unit of an amount come first.
    """
    words = _UNITS.get(fact.topic) or (fact.get("name") if fact.topic in _NUMBERS else "")
    place = name_place(fact.artifact, fact.where)
    return f"{words}, {place}" if words else place
