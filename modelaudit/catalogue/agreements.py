"""Check the agreements of a register beside the rule set: their licences, and the clauses that they permit."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from modelaudit.catalogue.known_keys import suggest_word
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.register import RegisterEntry, SubjectKind
from modelaudit.model.terms import Vocabulary

_OWN_LICENSE = "LicenseRef-"
"""Prefix of the licences that SPDX lacks: nearly all of them are the terms of one owner."""


def check_agreements(
    entries: Iterable[RegisterEntry], clauses: Vocabulary, licenses: Collection[str] | None = None
) -> None:
    """Check each agreement of a register.

    Args:
        entries: of the register.
        clauses: the kinds of clauses.
        licenses: the ids of the known licences; ``None`` if they are not known.

    Raises:
        ConfigurationError: an agreement names an unknown licence, a clause that none can lift, or no model although the
            licence has many owners.
    """
    for entry in entries:
        is_agreement = entry.subject.kind is SubjectKind.AGREEMENT
        fault = _explain_invalid_agreement(entry, clauses, licenses) if is_agreement else ""
        if fault:
            raise ConfigurationError(f"{entry.place}: {fault}")


def _explain_invalid_agreement(entry: RegisterEntry, clauses: Vocabulary, licenses: Collection[str] | None) -> str:
    """Explain why an agreement can have no effect; empty if it can."""
    for name in entry.subject.licenses:
        if licenses is not None and name not in licenses:
            hint = suggest_word(name, licenses) or "; `modelaudit explain` lists them"
            return f"subject.agreement: {name!r} is not a licence of the rule set{hint}"
        if not (entry.model or entry.bound_to or name.startswith(_OWN_LICENSE)):
            return f"model: is missing; many owners use {name}, so name the model whose owner signed the agreement"
    kinds, negotiable = clauses.kinds, clauses.negotiable_kinds
    for kind in entry.permits:
        if kind not in kinds:
            return f"permits: {kind!r} is no kind of clause{suggest_word(kind, kinds)}"
        if kind not in negotiable:
            return f"permits: no agreement lifts {kind}; use those of {', '.join(negotiable)}"
    return ""
