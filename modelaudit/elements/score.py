"""Compute the score of a list by its own formula."""

from __future__ import annotations

from collections.abc import Sequence

from modelaudit.model.element_rules import ElementListRules, ScoreFormula
from modelaudit.model.elements import Element, ElementState


def compute_score(rules: ElementListRules, elements: Sequence[Element]) -> tuple[float, str]:
    """Return the score, from 0 to 100, and the highest profile that it reaches; empty for none.

    Within a group all elements weigh the same. The formula is that of OWASP's ``calculate_completeness_score``
    (github.com/GenAI-Security-Project/aibom-generator at 74cde08, src/models/scoring.py); the rule file holds its
    numbers.

    Raises:
        ValueError: the list has no formula.
    """
    if rules.formula is None:
        raise ValueError(f"the list {rules.id} has no formula")
    present = {each.id for each in elements if each.state is ElementState.PRESENT}
    return compute_score_of(rules, rules.formula, present)


def compute_score_of(rules: ElementListRules, formula: ScoreFormula, present: set[str]) -> tuple[float, str]:
    """Return the score and the profile for the ids of the elements that are present."""
    subtotal = 0.0
    for group, weight in formula.weights.items():
        counted = [
            each.id
            for each in rules.elements
            if each.group == group and (each.id in present or not each.counts_if_present)
        ]
        share = sum(each in present for each in counted) / len(counted) if counted else 0.0
        subtotal += round(share * weight, 1)
    factor = 1.0
    for tier in dict.fromkeys(penalty.tier for penalty in formula.penalties):
        absent = sum(each.tier == tier and each.id not in present for each in rules.elements)
        applied = (each.factor for each in formula.penalties if each.tier == tier and absent >= each.least)
        factor *= next(applied, 1.0)
    score = max(0.0, min(100.0, round(subtotal * factor, 1)))
    reached = [each.name for each in formula.profiles if score >= each.least and present.issuperset(each.elements)]
    return score, reached[-1] if reached else ""
