"""What one licence demands that another one does not: what is lost where a card names the second over the first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from modelaudit.licenses.obligations.answers import Bound, flowing, territories_of
from modelaudit.model.terms import WORLD, Clause, Group, LicenseCategory, LicenseEntry, Vocabulary

_BINDING = frozenset({"share-alike", "pass-on-use-limits", "source-disclosure", "network-source-disclosure"})
"""Duties that reach as far as a limit does: whoever drops one grants what is not theirs to grant."""

_UNDER_TERMS = frozenset(
    {
        LicenseCategory.USE_RESTRICTED,
        LicenseCategory.CONDITIONAL,
        LicenseCategory.NON_COMMERCIAL,
        LicenseCategory.RESEARCH_ONLY,
        LicenseCategory.UNKNOWN,
    }
)


class Loss(StrEnum):
    """The worst of what is dropped."""

    RESTRICTIONS = "restrictions"
    DUTIES = "duties"
    NOTHING = "nothing"


def dropped(upstream: Bound, own: Sequence[LicenseEntry], vocabulary: Vocabulary) -> tuple[Clause, ...]:
    """The clauses of ``upstream`` that flow to the model and that no licence of ``own`` has; limits first.

    A licence that is among ``own`` drops nothing. A cap, a list of territories or of fields is held where one of the
    same kind is as strict.
    """
    if any(entry.id == upstream.entry.id for entry in own):
        return ()
    found = [
        (clause, _weight(clause, kind.group))
        for clause, kind in flowing(upstream, vocabulary)
        if _weight(clause, kind.group) < len(Loss) - 1
        and not any(_holds(other, clause, vocabulary) for entry in own for other in entry.clauses)
    ]
    return tuple(clause for clause, _ in sorted(found, key=lambda pair: pair[1]))


def loss_of(upstream: Bound, own: Sequence[LicenseEntry], vocabulary: Vocabulary) -> Loss:
    """The worst that is dropped. A licence under limits whose clauses nobody has read drops what it may have."""
    clauses = dropped(upstream, own, vocabulary)
    if any(_weight(clause, vocabulary.kinds[clause.kind].group) == 0 for clause in clauses):
        return Loss.RESTRICTIONS
    entry = upstream.entry
    if not entry.read and entry.category in _UNDER_TERMS and all(each.id != entry.id for each in own):
        return Loss.RESTRICTIONS
    return Loss.DUTIES if clauses else Loss.NOTHING


def binds(upstream: Bound, vocabulary: Vocabulary) -> bool:
    """Whether anything but facts flows from a licence to the model, or may, where nobody has read it."""
    return not upstream.entry.read or any(kind.group is not Group.FACT for _, kind in flowing(upstream, vocabulary))


def named(clauses: Iterable[Clause], vocabulary: Vocabulary, most: int = 4) -> str:
    """The headings of clauses for a sentence: “No commercial use” (section 2)."""
    unique = list(dict.fromkeys((vocabulary.kinds[each.kind].title, each.section) for each in clauses))
    listed = ", ".join(f"“{title}”" + (f" ({section})" if section else "") for title, section in unique[:most])
    return listed + (f" and {len(unique) - most} more" if len(unique) > most else "")


def _weight(clause: Clause, group: Group) -> int:
    if group is Group.LIMIT or clause.kind in _BINDING:
        return 0
    return 1 if group in (Group.SHOW, Group.NAME) else 2


def _holds(own: Clause, asked: Clause, vocabulary: Vocabulary) -> bool:
    """Whether ``own`` is of the kind of ``asked`` and as strict."""
    if own.kind != asked.kind or own.url != asked.url:
        return False
    if asked.number is not None and (own.number is None or own.number > asked.number):
        return False
    groups = vocabulary.territories
    wider = territories_of(own.territories, groups) >= territories_of(asked.territories, groups)
    return (wider or WORLD in own.territories) and set(own.fields) >= set(asked.fields)
