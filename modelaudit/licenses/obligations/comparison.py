"""What one licence demands that another one does not: what is lost where a card names the second over the first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from modelaudit.licenses.obligations.answers import BindingLicense, expand_territories, iter_applying_clauses
from modelaudit.model.terms import WORLD, Clause, Group, LicenseCategory, LicenseEntry, Vocabulary

_BINDING_DUTIES = frozenset({"share-alike", "pass-on-use-limits", "source-disclosure", "network-source-disclosure"})
"""Duties that reach as far as a limit does: whoever drops one grants what is not theirs to grant."""

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
    """The worst of what is dropped."""

    RESTRICTIONS = "restrictions"
    DUTIES = "duties"
    NOTHING = "nothing"


def list_dropped_clauses(
    upstream: BindingLicense, own: Sequence[LicenseEntry], vocabulary: Vocabulary
) -> tuple[Clause, ...]:
    """The clauses of ``upstream`` that flow to the model and that no licence of ``own`` has; limits first.

    A licence that is among ``own`` drops nothing. A cap, a list of territories or of fields is held where one of the
    same kind is as strict.
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
    """The worst that is dropped. A licence under limits whose clauses nobody has read drops what it may have."""
    clauses = list_dropped_clauses(upstream, own, vocabulary)
    if any(_rank_clause(clause, vocabulary.kinds[clause.kind].group) == 0 for clause in clauses):
        return DroppedTerms.RESTRICTIONS
    entry = upstream.entry
    if not entry.read and entry.category in _LIMITING_CATEGORIES and all(each.id != entry.id for each in own):
        return DroppedTerms.RESTRICTIONS
    return DroppedTerms.DUTIES if clauses else DroppedTerms.NOTHING


def has_binding_clauses(upstream: BindingLicense, vocabulary: Vocabulary) -> bool:
    """Whether anything but facts flows from a licence to the model, or may, where nobody has read it."""
    return not upstream.entry.read or any(
        kind.group is not Group.FACT for _, kind in iter_applying_clauses(upstream, vocabulary)
    )


def format_clause_titles(clauses: Iterable[Clause], vocabulary: Vocabulary, most: int = 4) -> str:
    """The headings of clauses for a sentence: “No commercial use” (section 2)."""
    unique = list(dict.fromkeys((vocabulary.kinds[each.kind].title, each.section) for each in clauses))
    listed = ", ".join(f"“{title}”" + (f" ({section})" if section else "") for title, section in unique[:most])
    return listed + (f" and {len(unique) - most} more" if len(unique) > most else "")


def _rank_clause(clause: Clause, group: Group) -> int:
    if group is Group.LIMIT or clause.kind in _BINDING_DUTIES:
        return 0
    return 1 if group in (Group.SHOW, Group.NAME) else 2


def _is_as_strict(own: Clause, asked: Clause, vocabulary: Vocabulary) -> bool:
    """Whether ``own`` is of the kind of ``asked`` and as strict."""
    if own.kind != asked.kind or own.url != asked.url:
        return False
    if asked.number is not None and (own.number is None or own.number > asked.number):
        return False
    groups = vocabulary.territories
    wider = expand_territories(own.territories, groups) >= expand_territories(asked.territories, groups)
    return (wider or WORLD in own.territories) and set(own.fields) >= set(asked.fields)
