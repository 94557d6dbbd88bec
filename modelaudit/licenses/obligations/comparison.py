"""Compare two licences: list the clauses of one that the other lacks.

A card can declare a milder licence than the base model's. The clauses dropped that way still bind the user.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from modelaudit.licenses.obligations.answers import BindingLicense, expand_territories, iter_applying_clauses
from modelaudit.model.terms import WORLD, Clause, Group, LicenseCategory, LicenseEntry, Vocabulary

_BINDING_DUTIES = frozenset({"share-alike", "pass-on-use-limits", "source-disclosure", "network-source-disclosure"})
"""Duties as far-reaching as limits: a licence that drops one grants rights that are not its own to grant."""

_LIMITING_CATEGORIES = frozenset(
    {
        LicenseCategory.USE_RESTRICTED,
        LicenseCategory.CONDITIONAL,
        LicenseCategory.NON_COMMERCIAL,
        LicenseCategory.RESEARCH_ONLY,
        LicenseCategory.UNKNOWN,
    }
)


class DroppedTerms(StrEnum):
    """The most severe of the dropped clauses."""

    RESTRICTIONS = "restrictions"
    DUTIES = "duties"
    NOTHING = "nothing"


def list_dropped_clauses(
    upstream: BindingLicense, own: Sequence[LicenseEntry], vocabulary: Vocabulary
) -> tuple[Clause, ...]:
    """List the clauses of ``upstream`` that reach the model and that no licence of ``own`` has, limits first.

    The same licence among ``own`` drops nothing. A cap, a list of territories or a list of fields is kept if a clause
    of the same kind is as strict.
    """
    if any(entry.id == upstream.entry.id for entry in own):
        return ()
    found = [
        (clause, _rank_clause(clause, kind.group))
        for clause, kind in iter_applying_clauses(upstream, vocabulary)
        if _rank_clause(clause, kind.group) < len(DroppedTerms) - 1
        and not any(_is_as_strict(other, clause, vocabulary) for entry in own for other in entry.clauses)
    ]
    return tuple(clause for clause, _ in sorted(found, key=lambda pair: pair[1]))


def rate_dropped_terms(upstream: BindingLicense, own: Sequence[LicenseEntry], vocabulary: Vocabulary) -> DroppedTerms:
    """Rate the most severe dropped clause.

    A licence of a limiting category whose terms are not verified may have limits, so it counts as dropping limits.
    """
    clauses = list_dropped_clauses(upstream, own, vocabulary)
    if any(_rank_clause(clause, vocabulary.kinds[clause.kind].group) == 0 for clause in clauses):
        return DroppedTerms.RESTRICTIONS
    entry = upstream.entry
    if not entry.read and entry.category in _LIMITING_CATEGORIES and all(each.id != entry.id for each in own):
        return DroppedTerms.RESTRICTIONS
    return DroppedTerms.DUTIES if clauses else DroppedTerms.NOTHING


def has_binding_clauses(upstream: BindingLicense, vocabulary: Vocabulary) -> bool:
    """Whether anything but facts reaches the model from a licence, or may reach it because its terms are unverified."""
    return not upstream.entry.read or any(
        kind.group is not Group.FACT for _, kind in iter_applying_clauses(upstream, vocabulary)
    )


def format_clause_titles(clauses: Iterable[Clause], vocabulary: Vocabulary, most: int = 4) -> str:
    """Join the titles of clauses for a sentence: “No commercial use” (section 2)."""
    unique = list(dict.fromkeys((vocabulary.kinds[each.kind].title, each.section) for each in clauses))
    listed = ", ".join(f"“{title}”" + (f" ({section})" if section else "") for title, section in unique[:most])
    return listed + (f" and {len(unique) - most} more" if len(unique) > most else "")


def _rank_clause(clause: Clause, group: Group) -> int:
    if group is Group.LIMIT or clause.kind in _BINDING_DUTIES:
        return 0
    return 1 if group in (Group.SHOW, Group.NAME) else 2


def _is_as_strict(own: Clause, asked: Clause, vocabulary: Vocabulary) -> bool:
    """Whether ``own`` is of the same kind as ``asked`` and at least as strict."""
    if own.kind != asked.kind or own.url != asked.url:
        return False
    if asked.number is not None and (own.number is None or own.number > asked.number):
        return False
    groups = vocabulary.territories
    wider = expand_territories(own.territories, groups) >= expand_territories(asked.territories, groups)
    return (wider or WORLD in own.territories) and set(own.fields) >= set(asked.fields)
