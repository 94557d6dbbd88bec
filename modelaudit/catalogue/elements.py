"""Read ``rules/elements/<list>.yaml``: published lists of minimum elements, and what makes each element present."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from modelaudit.catalogue.document import Document, Place
from modelaudit.catalogue.schema import CONFIG, Amount, Flag, IsoDate, Shape, Text, Texts, Url
from modelaudit.model.description import Topic
from modelaudit.model.element_rules import (
    ElementListRules,
    ElementMatcher,
    ElementPart,
    ElementRule,
    Penalty,
    Profile,
    ReportFact,
    ScoreFormula,
)


def _expand_matcher(value: object) -> object:
    """Expand the short form of a matcher, a bare word, to the topic or the fact of that name."""
    if not isinstance(value, str):
        return value
    return {"topic": value} if value in set(Topic) else {"fact": value}


@dataclass(config=CONFIG)
class MatcherFile:
    """One matcher: exactly one of ``topic``, ``fact`` and ``files``."""

    topic: Topic | None = None
    fact: ReportFact | None = None
    files: Texts | None = None
    values: Texts | None = None
    when: str = ""
    qualifiers: dict[Text, list[Text]] = Field(default_factory=dict)
    take: str = ""


Matcher = Annotated[MatcherFile, BeforeValidator(_expand_matcher)]


@dataclass(config=CONFIG)
class ElementFile:
    """One element: ``match`` or ``parts`` with ``where``, or the reason under ``not-automatable``."""

    group: Text
    name: Text
    match: list[Matcher] = Field(default_factory=list)
    parts: dict[Text, list[Matcher]] = Field(default_factory=dict)
    where: str = ""
    not_automatable: str = ""
    tier: str = ""
    counts_if_present: Flag = False
    path: str = ""


@dataclass(config=CONFIG)
class PenaltyFile:
    """One penalty."""

    tier: Text
    least: Annotated[int, Field(ge=1)]
    factor: Annotated[float, Field(gt=0, le=1)]


@dataclass(config=CONFIG)
class ProfileFile:
    """One profile; it requires the elements of the profiles before it too."""

    name: Text
    least: Amount
    elements: list[Text]


@dataclass(config=CONFIG)
class FormulaFile:
    """The formula of a score."""

    weights: dict[Text, Amount]
    penalties: list[PenaltyFile] = Field(default_factory=list)
    profiles: list[ProfileFile] = Field(default_factory=list)


@dataclass(config=CONFIG)
class ElementListFile:
    """``rules/elements/<list>.yaml``."""

    title: Text
    source: Url
    date: IsoDate
    checked: IsoDate
    elements: Annotated[dict[Text, ElementFile], Field(min_length=1)]
    notes: list[Text] = Field(default_factory=list)
    score: FormulaFile | None = None


_FILE = Shape(ElementListFile)


def read_element_lists(documents: Iterable[tuple[str, Document]]) -> tuple[ElementListRules, ...]:
    """Read the lists, sorted by id, from pairs of id and file.

    Raises:
        ConfigurationError: a list is there twice, an element has neither matchers nor a reason or has both, a matcher
            has not exactly one condition, or the formula names a group or an element that the list lacks.
    """
    lists: dict[str, ElementListRules] = {}
    for id_, document in documents:
        if id_ in lists:
            raise document.error(f"the list {id_!r} is there already; give this file another name")
        lists[id_] = _read_list(id_, document)
    return tuple(lists[id_] for id_ in sorted(lists))


def _read_list(id_: str, document: Document) -> ElementListRules:
    """Read one list; ``read_element_lists`` documents the errors."""
    file = _FILE.read(document)
    elements = tuple(_read_element(each, element, document) for each, element in file.elements.items())
    return ElementListRules(
        id_,
        file.title,
        file.date,
        file.checked,
        file.source,
        elements,
        tuple(file.notes),
        _read_formula(file.score, elements, document) if file.score else None,
    )


def _read_element(id_: str, file: ElementFile, document: Document) -> ElementRule:
    """Read one element."""
    place: Place = ("elements", id_)
    if [bool(file.match), bool(file.parts), bool(file.not_automatable)].count(True) != 1:
        raise document.error(f"elements.{id_}: needs one of match, parts and not-automatable", place)
    if not file.not_automatable and not file.where:
        raise document.error(f"elements.{id_}: where is missing: name the place where it would be stated", place)
    if len(file.parts) == 1 or not all(file.parts.values()):
        raise document.error(f"elements.{id_}: parts needs two or more names, each with a matcher", place)
    parts = file.parts or ({"": file.match} if file.match else {})
    return ElementRule(
        id_,
        file.group,
        file.name,
        tuple(
            ElementPart(name, tuple(_read_matcher(each, document, place) for each in matchers))
            for name, matchers in parts.items()
        ),
        file.where,
        file.not_automatable,
        file.tier,
        file.counts_if_present,
        file.path,
    )


def _read_matcher(file: MatcherFile, document: Document, place: Place) -> ElementMatcher:
    """Read one matcher of the element at ``place``."""
    if sum(each is not None for each in (file.topic, file.fact, file.files)) != 1:
        raise document.error(f"{'.'.join(map(str, place))}: a matcher needs one of topic, fact and files", place)
    if file.topic is None and (file.values or file.when or file.qualifiers or file.take):
        raise document.error(f"{'.'.join(map(str, place))}: values, when, qualifiers and take need a topic", place)
    return ElementMatcher(
        file.topic,
        file.fact,
        tuple(each.casefold() for each in file.files or ()),
        frozenset(each.casefold() for each in file.values or ()),
        _compile(file.when, document, place),
        tuple((name, frozenset(each.casefold() for each in words)) for name, words in sorted(file.qualifiers.items())),
        file.take,
    )


def _compile(pattern: str, document: Document, place: Place) -> re.Pattern[str] | None:
    """Compile the pattern of ``when``; ``None`` if there is none."""
    try:
        return re.compile(pattern, re.IGNORECASE) if pattern else None
    except re.error as error:
        raise document.error(f"{'.'.join(map(str, place))}: when is not a regular expression: {error}", place) from None


def _read_formula(file: FormulaFile, elements: tuple[ElementRule, ...], document: Document) -> ScoreFormula:
    """Read the formula, and compare its groups, tiers and elements with those of the list."""
    known = {each.id for each in elements}
    if set(file.weights) != {each.group for each in elements}:
        raise document.error("score.weights: needs exactly the groups of the elements", ("score", "weights"))
    if sum(file.weights.values()) != 100:
        raise document.error("score.weights: the weights do not add up to 100", ("score", "weights"))
    tiers = {each.tier for each in elements}
    for number, penalty in enumerate(file.penalties):
        if penalty.tier not in tiers:
            raise document.error(f"no element has the tier {penalty.tier!r}", ("score", "penalties", number))
    required: list[str] = []
    profiles = []
    for number, profile in enumerate(file.profiles):
        unknown = [each for each in profile.elements if each not in known]
        if unknown:
            raise document.error(f"the list has no element {unknown[0]!r}", ("score", "profiles", number))
        required += profile.elements
        profiles.append(Profile(profile.name, profile.least, tuple(required)))
    penalties = tuple(Penalty(each.tier, each.least, each.factor) for each in file.penalties)
    return ScoreFormula(file.weights, penalties, tuple(profiles))
