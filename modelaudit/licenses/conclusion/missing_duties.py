"""Find duties of publishers that the repository does not meet: missing texts, notices, names and policies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from modelaudit.licenses.conclusion.agreement import OwnLicense
from modelaudit.licenses.evidence.record import Evidence
from modelaudit.licenses.evidence.scope import find_file_with_address, find_text_file, is_use_policy_text
from modelaudit.licenses.lineage.binding_licenses import is_hub_id, list_chains
from modelaudit.licenses.obligations.answers import BindingLicense, iter_applying_clauses
from modelaudit.licenses.obligations.permission import (
    NOTICE_DUTY,
    exclude_license_texts,
    find_file_with_words,
    flatten_phrase,
)
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.evidence import ProseKind
from modelaudit.model.license import ConclusionState, Conflict, LicenseClaim, Origin
from modelaudit.model.terms import LINK_DUTY, TEXT_DUTY, Clause, LicenseEntry

NAMING = "attribution-naming"
DERIVED_NAME = "derivative-naming"
PASS_ON = "pass-on-use-limits"


def find_missing_duties(
    evidence: Evidence,
    own: OwnLicense,
    chosen: Sequence[str],
    claims: Sequence[LicenseClaim],
    origins: Sequence[tuple[Origin, BindingLicense]],
    rules: Catalogue,
) -> Iterator[Conflict]:
    """Yield one conflict for each item that a binding licence requires and the repository lacks.

    Duties of derived models, such as a name to show, apply only if the model has a base model.

    Args:
        evidence: everything that was read.
        own: the model's own licence; its duties count only if it is concluded.
        chosen: the alternative of the model's own licence that all answers are for.
        claims: all claims.
        origins: each base model with a licence that reaches the model from it.
        rules: the rule set.
    """
    concluded = chosen if own.state is ConclusionState.CONCLUDED else ()
    own_bounds = [BindingLicense(rules.licenses[id_]) for id_ in concluded]
    # In reverse, so that the first base model with a licence is the one that is named for it.
    inherited = {bound.entry.id: bound for _, bound in reversed(origins)}
    inherited_bounds = [bound for id_, bound in inherited.items() if id_ not in chosen]
    chains_by_origin = zip(evidence.origins, list_chains(evidence.origins), strict=True)
    lineages = [chains[0] for origin, chains in chains_by_origin if is_hub_id(origin.name)]
    for bound in (*own_bounds, *inherited_bounds):
        for clause, _ in iter_applying_clauses(bound, rules.clauses):
            conflict = _check_copy_duty(clause, bound, evidence, claims)
            if conflict is not None:
                yield conflict
        if not lineages:
            continue
        # The model's own licence is as a rule that of its base model, but it did not come by any steps. It is judged as
        # if it had come from the first base model, so that the duties for derived models apply.
        derived = bound if bound.relations else BindingLicense(bound.entry, bound.via, lineages[0])
        for clause, _ in iter_applying_clauses(derived, rules.clauses):
            conflict = _check_derived_duty(clause, derived, evidence)
            if conflict is not None:
                yield conflict


def iter_fixed_words(entry: LicenseEntry) -> Iterator[str]:
    """Yield the sentences that a licence fixes for notices and displays; one or two words are not a sentence."""
    for clause in entry.clauses:
        if clause.kind not in (NAMING, NOTICE_DUTY):
            continue
        for words in clause.words:
            # Only words of at least two letters count, not numbers and initials.
            if len(re.findall(r"[^\W\d]{2,}", words)) > 2:
                yield words


def _check_copy_duty(
    clause: Clause, bound: BindingLicense, evidence: Evidence, claims: Sequence[LicenseClaim]
) -> Conflict | None:
    """Return the conflict if the repository lacks what every copy needs: licence text, fixed notice or use policy."""
    entry = bound.entry
    if clause.kind == TEXT_DUTY:
        if find_text_file(claims, entry.id):
            return None
        return _build_conflict(
            "missing-text", bound, f"a copy of its text, which is not in the repository{_format_section(clause)}"
        )
    if clause.kind == LINK_DUTY:
        if find_text_file(claims, entry.id) or find_file_with_address(claims, entry.id):
            return None
        what = "its text or a link to it with every copy, and the repository holds neither"
        return _build_conflict("missing-text", bound, f"{what}{_format_section(clause)}")
    if clause.kind == NOTICE_DUTY and clause.words and bound.via:
        # The notice is for those who pass the model on; the author of the licensed model does not need it.
        places = evidence.select_texts(ProseKind.NOTICE, ProseKind.LICENSE, ProseKind.CARD)
        if not find_file_with_words(clause.words, exclude_license_texts(places, claims)):
            quoted = "; ".join(f"“{' '.join(words.split())}”" for words in clause.words)
            return _build_conflict(
                "missing-notice",
                bound,
                f"a notice with the words {quoted}, which no file holds{_format_section(clause)}",
            )
    if clause.kind == PASS_ON and bound.via and entry.policy_url and not any(map(is_use_policy_text, claims)):
        return _build_conflict(
            "missing-policy",
            bound,
            f"its use policy to be passed on, and no file of the repository holds it{_format_section(clause)}",
        )
    return None


def _check_derived_duty(clause: Clause, bound: BindingLicense, evidence: Evidence) -> Conflict | None:
    """Return the conflict if a derived model lacks the words to show, or the beginning that its name needs."""
    if clause.kind == NAMING and clause.words:
        texts = evidence.select_texts(ProseKind.CARD, ProseKind.NOTICE)
        if not any(flatten_phrase(words) in text for words in clause.words for text in texts.values()):
            quoted = " or ".join(f"“{words}”" for words in clause.words)
            return _build_conflict(
                "missing-naming",
                bound,
                f"the words {quoted} to be shown, and no card or notice shows them{_format_section(clause)}",
            )
    if clause.kind == DERIVED_NAME and evidence.repository:
        name = evidence.repository.rpartition("/")[2].casefold()
        # A name holds no spaces, so only single words can be its beginning.
        prefixes = [words for words in clause.words if " " not in words]
        if prefixes and not any(name.startswith(prefix.casefold()) for prefix in prefixes):
            quoted = " or ".join(f"“{prefix}”" for prefix in prefixes)
            return _build_conflict(
                "missing-naming", bound, f"the name of the model to begin with {quoted}{_format_section(clause)}"
            )
    return None


def _format_section(clause: Clause) -> str:
    """Return `` (section 3.1)``, or nothing for a clause without a section."""
    return f" ({clause.section})" if clause.section else ""


def _build_conflict(kind: str, bound: BindingLicense, what: str) -> Conflict:
    """Build the conflict of one missing item; ``what`` completes the sentence "The licence demands …"."""
    via = f", the licence of {bound.via}," if bound.via else ""
    return Conflict(kind, f"{bound.entry.name}{via} demands {what}.", (bound.entry.id,))
