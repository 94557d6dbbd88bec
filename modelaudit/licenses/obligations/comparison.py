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

_RESTRICTION, _DUTY, _UNRATED = range(3)
"""Ranks of dropped clauses, the most severe first; an unrated one is not reported."""

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

    Only limits, duties as far-reaching, and duties to show or to name something are listed. The same licence among
    ``own`` drops nothing. A cap, a list of territories or a list of fields is kept if a clause of the same kind is as
    strict.
    """
    if any(entry.id == upstream.entry.id for entry in own):
        return ()
    own_clauses = [clause for entry in own for clause in entry.clauses]
    dropped: list[tuple[int, Clause]] = []
    for clause, kind in iter_applying_clauses(upstream, vocabulary):
        rank = _rank_clause(clause, kind.group)
        if rank < _UNRATED and not any(_is_as_strict(own_clause, clause, vocabulary) for own_clause in own_clauses):
            dropped.append((rank, clause))
    return tuple(clause for _, clause in sorted(dropped, key=lambda pair: pair[0]))


def rate_dropped_terms(upstream: BindingLicense, own: Sequence[LicenseEntry], vocabulary: Vocabulary) -> DroppedTerms:
    """Rate the most severe clause of ``upstream`` that the licences ``own`` drop.

    A licence of a limiting category whose terms are not verified may have limits, so it counts as dropping limits.
    """
    clauses = list_dropped_clauses(upstream, own, vocabulary)
    if any(_rank_clause(clause, vocabulary.kinds[clause.kind].group) == _RESTRICTION for clause in clauses):
        return DroppedTerms.RESTRICTIONS
    entry = upstream.entry
    is_unverified_limit = not entry.read and entry.category in _LIMITING_CATEGORIES
    if is_unverified_limit and all(each.id != entry.id for each in own):
        return DroppedTerms.RESTRICTIONS
    return DroppedTerms.DUTIES if clauses else DroppedTerms.NOTHING


def has_binding_clauses(upstream: BindingLicense, vocabulary: Vocabulary) -> bool:
    """Whether anything but facts reaches the model from a licence, or may reach it because its terms are unverified."""
    if not upstream.entry.read:  # its terms are unverified
        return True
    return any(kind.group is not Group.FACT for _, kind in iter_applying_clauses(upstream, vocabulary))


def format_clause_titles(clauses: Iterable[Clause], vocabulary: Vocabulary, most: int = 4) -> str:
    """Join the titles of clauses, at most ``most``, for a sentence: “No commercial use” (section 2)."""
    unique = list(dict.fromkeys((vocabulary.kinds[each.kind].title, each.section) for each in clauses))
    titles = [f"“{title}” ({section})" if section else f"“{title}”" for title, section in unique[:most]]
    more = f" and {len(unique) - most} more" if len(unique) > most else ""
    return ", ".join(titles) + more


def format_likely_restrictions(entry: LicenseEntry | None, vocabulary: Vocabulary) -> str:
    """Format the limits of the licence that a changed text resembles, as a sentence with a space before it.

    Nobody has compared the changed words with them, so they are likely and not certain; empty without a limit.
    """
    limits = [clause for clause in entry.clauses if vocabulary.kinds[clause.kind].group is Group.LIMIT] if entry else []
    return f" Likely restrictions: {format_clause_titles(limits, vocabulary)}." if limits else ""


def _rank_clause(clause: Clause, group: Group) -> int:
    """Rank a dropped clause: a restriction, a duty to show or to name something, or one that is not reported."""
    if group is Group.LIMIT or clause.kind in _BINDING_DUTIES:
        return _RESTRICTION
    return _DUTY if group in (Group.SHOW, Group.NAME) else _UNRATED


def _is_as_strict(own: Clause, required: Clause, vocabulary: Vocabulary) -> bool:
    """Whether ``own`` is of the same kind as ``required`` and at least as strict."""
    # Clauses with different addresses refer to different policies.
    if own.kind != required.kind or own.url != required.url:
        return False
    # A cap is stricter if it is lower; territories and fields are stricter if they cover more.
    if required.number is not None and (own.number is None or own.number > required.number):
        return False
    groups = vocabulary.territories
    covered, needed = expand_territories(own.territories, groups), expand_territories(required.territories, groups)
    covers_territories = WORLD in own.territories or covered >= needed
    return covers_territories and set(own.fields) >= set(required.fields)
