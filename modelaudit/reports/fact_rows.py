"""The facts about a model in rows of one topic each, compact, with the source and the confidence of each fact."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from modelaudit.model.description import Confidence, Fact, ModelDescription, Topic
from modelaudit.model.openness import Openness
from modelaudit.reports.fact_places import describe_source
from modelaudit.reports.wording import join_first, join_phrases, lower_first

_MOST_FACTS: Final = 4
_MOST_CHARACTERS: Final = 400

CONFIDENCES: Final = {
    Confidence.DECLARED: "declared",
    Confidence.FOUND: "found",
    Confidence.VERIFIED: "verified",
}

_LABELS: Final = {
    Topic.MODEL_TYPE: "Kind of model",
    Topic.ARCHITECTURE_FAMILY: "Architecture family",
    Topic.DATASET: "Data set",
    Topic.OUT_OF_SCOPE: "Out of scope",
    Topic.INPUT: "Inputs",
    Topic.OUTPUT: "Outputs",
    Topic.SAFETY_RISK: "Class of risk",
    Topic.ENERGY: "Energy, kWh",
    Topic.EMISSIONS: "Emissions, g CO2 equivalents",
    Topic.LICENSE_TEXT: "Licence text",
}

_FIRST: Final = (
    *(Topic.TASK, Topic.MODEL_TYPE, Topic.ARCHITECTURE_FAMILY, Topic.ARCHITECTURE, Topic.PARAMETERS, Topic.PRECISION),
    *(Topic.BASE_MODEL, Topic.DATASET, Topic.INTENDED_USE, Topic.OUT_OF_SCOPE, Topic.LIMITATION, Topic.ETHICS),
    *(Topic.SUPPLIER, Topic.AUTHOR, Topic.RELEASE_TIME, Topic.LANGUAGE, Topic.INPUT, Topic.OUTPUT),
)
"""The topics that the page prints; further ones are folded."""


_DATA_PARTS: Final = {"training-data": "training", "evaluation-data": "evaluation"}
"""The parts of a release that are data sets, and the use of the facts that name them."""


def list_absent_parts(openness: Openness, description: ModelDescription) -> tuple[list[str], list[str]]:
    """List the parts of a release that the repository only names, with their source, and those that it lacks."""
    named, absent = [], []
    for part in openness.components:
        if part.present and not part.elsewhere:
            continue
        use = _DATA_PARTS.get(part.id)
        facts = (each for each in description.facts if each.topic is Topic.DATASET and use)
        names = list(dict.fromkeys(each.value for each in facts if each.get("use") in (use, "")))
        licensed = f"; {', '.join(part.licenses)}" if part.licenses else ""
        reason = join_first(names, _MOST_FACTS) or part.evidence
        reason = f"{reason}{licensed}" if reason else ""
        if part.id == "evaluation-results" and any(each.topic is Topic.METRIC for each in description.facts):
            reason = "stated in the card, without a file of their own"
        if reason:
            named.append(f"{lower_first(part.title)} ({reason})")
        else:
            absent.append(part.title)
    return named, absent


class FactRow(Struct, frozen=True):
    """The facts on one topic.

    Attributes:
        values: the first facts, each with its qualifiers.
        more: the number of further facts.
        source: the files, or the record of the Hub, with the places of a single fact.
        confidence: who vouches for them, in words.
    """

    label: str
    values: tuple[str, ...]
    more: int
    source: str
    confidence: str


def list_fact_rows(description: ModelDescription) -> tuple[tuple[FactRow, ...], tuple[FactRow, ...]]:
    """List the rows that the page prints, and the further ones."""
    by_topic: dict[Topic, list[Fact]] = {}
    for fact in description.facts:
        by_topic.setdefault(fact.topic, []).append(fact)
    first = tuple(_build_row(topic, by_topic[topic]) for topic in _FIRST if topic in by_topic)
    rest = tuple(_build_row(topic, facts) for topic, facts in by_topic.items() if topic not in _FIRST)
    return first, rest


def _build_row(topic: Topic, facts: list[Fact]) -> FactRow:
    """Build the row of a topic from its facts, the most trusted first."""
    shown = facts[:_MOST_FACTS]
    label = _LABELS.get(topic, topic.replace("-", " ").capitalize())
    confidences = [
        CONFIDENCES[confidence] for confidence in reversed(Confidence) if any(f.confidence is confidence for f in shown)
    ]
    return FactRow(
        label,
        tuple(dict.fromkeys(map(_describe_fact, shown))),
        len(facts) - len(shown),
        join_phrases([describe_source(fact) for fact in shown]),
        join_phrases(confidences),
    )


def _describe_fact(fact: Fact) -> str:
    """Describe the value of a fact with its qualifiers."""
    value = fact.value
    if fact.topic is Topic.PARAMETERS and value.isdecimal() and len(value) < 20:
        value = f"{int(value):,}"
    value = value if len(value) <= _MOST_CHARACTERS else f"{value[: _MOST_CHARACTERS - 1]}…"
    name = fact.get("name")
    others = ", ".join(f"{key} {text}" for key, text in fact.qualifiers if key != "name" and text)
    return f"{f'{name}: ' if name else ''}{value}{f' ({others})' if others else ''}"
