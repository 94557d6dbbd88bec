"""Find base models that vocabulary and shape show, and that neither the card nor a setting names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelaudit.licenses.obligations.answers import BindingLicense
from modelaudit.licenses.obligations.comparison import (
    DroppedTerms,
    format_clause_titles,
    list_dropped_clauses,
    rate_dropped_terms,
)
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.license import Conflict
from modelaudit.model.lineage import Kinship, TemplateDifference
from modelaudit.model.structure import NOWHERE
from modelaudit.model.terms import LicenseEntry, Relation

UNDECLARED = "origin-undeclared"
"""The kind of conflict; it keeps a permission from being shown."""
CHANGED_TEMPLATE = "template-differs"
_MAX_NAMES = 3


def find_undeclared_bases(
    kinships: Sequence[Kinship], own: Sequence[LicenseEntry], rules: Catalogue
) -> Iterator[Conflict]:
    """Yield a conflict for each undeclared base model under stricter terms, and one for each changed template.

    Where one of the base models that fit is under terms that the model's own licence keeps, nothing is shown.

    Args:
        kinships: of the model and its parts.
        own: the chosen alternative of the model's own licence; empty without one.
        rules: the rule set.
    """
    for kinship in kinships:
        conflict = None if kinship.declared else _build_conflict(kinship, own, rules)
        if conflict is not None:
            yield conflict
        if kinship.template is not None:
            yield _build_template_conflict(kinship, kinship.template)


def _build_conflict(kinship: Kinship, own: Sequence[LicenseEntry], rules: Catalogue) -> Conflict | None:
    """Build the conflict of one undeclared base model; ``None`` if its terms may be those of the model."""
    entries = [rules.licenses[id_] for id_ in kinship.licenses if id_ in rules.licenses]
    bounds = [BindingLicense(entry, kinship.bases[0], (Relation.UNSTATED,)) for entry in entries]
    ratings = [rate_dropped_terms(bound, own, rules.clauses) for bound in bounds]
    if not bounds or DroppedTerms.NOTHING in ratings:
        return None
    clauses = list_dropped_clauses(bounds[0], own, rules.clauses)
    dropped = format_clause_titles(clauses, rules.clauses) or "terms that are not verified for this rule set"
    names = " or ".join(kinship.bases[:_MAX_NAMES])
    licenses = " or ".join(entry.name for entry in entries)
    part = f" of {kinship.part}" if kinship.part else ""
    own_names = ", ".join(entry.name for entry in own) or "no known licence"
    return Conflict(
        UNDECLARED,
        f"The vocabulary and the shape{part} are those of {names}, which no file names as its base model: it is under "
        f"{licenses}, and {own_names}, the declared licence, drops {dropped}.",
        (*(entry.id for entry in own), *(entry.id for entry in entries)),
        kinship.artifact,
        NOWHERE,
        kinship.evidence,
        str(DroppedTerms.RESTRICTIONS if DroppedTerms.RESTRICTIONS in ratings else DroppedTerms.DUTIES),
    )


def _build_template_conflict(kinship: Kinship, difference: TemplateDifference) -> Conflict:
    """Build the conflict of a chat template that differs from that of the base model."""
    parts = [f"{len(difference.added)} pieces are new" if len(difference.added) > 1 else "one piece is new"]
    if not difference.added:
        parts = []
    if difference.missing:
        parts.append(f"{difference.missing} of the base model's are missing")
    return Conflict(
        CHANGED_TEMPLATE,
        f"The chat template in {difference.artifact} differs from that of {kinship.bases[0]}: {', and '.join(parts)}.",
        (),
        difference.artifact,
        NOWHERE,
        tuple(f"{difference.artifact}: {piece}" for piece in difference.added),
    )
