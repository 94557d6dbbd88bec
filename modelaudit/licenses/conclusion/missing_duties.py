"""What a licence demands of whoever publishes the model, and that the repository does not hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from modelaudit.licenses.conclusion.agreement import Own
from modelaudit.licenses.evidence.record import Evidence
from modelaudit.licenses.evidence.scope import is_policy, text_of
from modelaudit.licenses.lineage.binding_licenses import is_hub_id, relations_of
from modelaudit.licenses.obligations.answers import Bound, flowing
from modelaudit.licenses.obligations.permission import NOTICE_DUTY, TEXT_DUTY, beside_texts, flattened, holding
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.evidence import ProseKind
from modelaudit.model.license import ConclusionState, Conflict, LicenseClaim, Origin
from modelaudit.model.terms import Clause, LicenseEntry

NAMING = "attribution-naming"
DERIVED_NAME = "derivative-naming"
PASS_ON = "pass-on-use-limits"


def missing(
    evidence: Evidence,
    own: Own,
    chosen: Sequence[str],
    claims: Sequence[LicenseClaim],
    origins: Sequence[tuple[Origin, Bound]],
    rules: Catalogue,
) -> Iterator[Conflict]:
    """One conflict for each thing that is missing.

    What a licence demands of derived models alone, such as a name, is asked for where the model has an origin.
    """
    concluded = chosen if own.state is ConclusionState.CONCLUDED else ()
    own_bounds = [Bound(rules.licenses[name]) for name in concluded]
    steps = [relations_of(origin, evidence.origins) for origin in evidence.origins if is_hub_id(origin.name)]
    made = bool(steps)
    inherited = {bound.entry.id: bound for _, bound in reversed(origins)}
    for bound in (*own_bounds, *(each for name, each in inherited.items() if name not in chosen)):
        derived = bound if bound.relations else Bound(bound.entry, bound.via, steps[0] if steps else ())
        for clause, _ in flowing(bound, rules.clauses):
            found = _basic(clause, bound, evidence, claims)
            if found is not None:
                yield found
        if not made:
            continue
        for clause, _ in flowing(derived, rules.clauses):
            found = _of_derived(clause, derived, evidence)
            if found is not None:
                yield found


def fixed_words(entry: LicenseEntry) -> Iterator[str]:
    """The sentences that a licence fixes for notices and displays; a bare name is nobody's sentence."""
    for clause in entry.clauses:
        if clause.kind in (NAMING, NOTICE_DUTY):
            yield from (words for words in clause.words if len(re.findall(r"[^\W\d]{2,}", words)) > 2)


def _basic(clause: Clause, bound: Bound, evidence: Evidence, claims: Sequence[LicenseClaim]) -> Conflict | None:
    """What every copy has to hold: the text, the fixed notice, the policy that is passed on."""
    entry = bound.entry
    if clause.kind == TEXT_DUTY:
        if text_of(claims, entry.id):
            return None
        return _conflict("missing-text", bound, f"a copy of its text, which is not in the repository{_at(clause)}")
    if clause.kind == NOTICE_DUTY and clause.words and bound.via:
        # Upstream fixes the words of a notice for those who pass the model on; the author need not notify himself.
        places = evidence.words_of(ProseKind.NOTICE, ProseKind.LICENSE, ProseKind.CARD)
        if not holding(clause.words, beside_texts(places, claims)):
            said = "; ".join(f"“{' '.join(words.split())}”" for words in clause.words)
            return _conflict(
                "missing-notice", bound, f"a notice with the words {said}, which no file holds{_at(clause)}"
            )
    if clause.kind == PASS_ON and bound.via and entry.policy_url and not any(map(is_policy, claims)):
        return _conflict(
            "missing-policy",
            bound,
            f"its use policy to be passed on, and no file of the repository holds it{_at(clause)}",
        )
    return None


def _of_derived(clause: Clause, bound: Bound, evidence: Evidence) -> Conflict | None:
    """What a model made from another one has to show or to be called."""
    if clause.kind == NAMING and clause.words:
        shown = evidence.words_of(ProseKind.CARD, ProseKind.NOTICE)
        if not any(flattened(words) in text for words in clause.words for text in shown.values()):
            said = " or ".join(f"“{words}”" for words in clause.words)
            return _conflict("missing-naming", bound, f"{said} to be shown, and the card does not say so{_at(clause)}")
    if clause.kind == DERIVED_NAME and evidence.repository:
        name = evidence.repository.rpartition("/")[2].casefold()
        starts = [words for words in clause.words if " " not in words]
        if starts and not any(name.startswith(words.casefold()) for words in starts):
            said = " or ".join(f"“{words}”" for words in starts)
            return _conflict("missing-naming", bound, f"the name of the model to begin with {said}{_at(clause)}")
    return None


def _at(clause: Clause) -> str:
    return f" ({clause.section})" if clause.section else ""


def _conflict(kind: str, bound: Bound, what: str) -> Conflict:
    via = f", the licence of {bound.via}," if bound.via else ""
    return Conflict(kind, f"{bound.entry.name}{via} demands {what}.", (bound.entry.id,))
