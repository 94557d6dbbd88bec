"""All evidence -> one conclusion with its reasons, what it answers to the intended use, and what is to be done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from modelaudit.licenses.conclusion.agreement import Own, agreement_by, completed
from modelaudit.licenses.conclusion.conflicts import Matter, conflicts_of
from modelaudit.licenses.conclusion.openness import openness_of
from modelaudit.licenses.conclusion.unread_sources import left_open
from modelaudit.licenses.evidence.alternatives import expression_of
from modelaudit.licenses.evidence.record import Evidence
from modelaudit.licenses.evidence.scope import path_of
from modelaudit.licenses.lineage.binding_licenses import (
    component_bounds,
    is_hub_id,
    known_by_name,
    modality_of,
    origin_bounds,
    unclear_components,
)
from modelaudit.licenses.obligations.answers import Bound
from modelaudit.licenses.obligations.comparison import binds
from modelaudit.licenses.obligations.permission import Binding, met, permission_of
from modelaudit.model.address import is_member
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.license import (
    ConclusionState,
    Conflict,
    LicenseClaim,
    LicenseConclusion,
    Origin,
    OriginState,
)
from modelaudit.model.terms import Intent, LicenseCategory, LicenseEntry, Relation

_DOUBTFUL = frozenset({"declared-found", "declared-inherited", "declared-prose"})
"""Conflicts in the light of which no permission can be shown, whatever the licences say."""


def conclude(evidence: Evidence, rules: Catalogue, intent: Intent | None = None) -> LicenseConclusion:
    """Weigh what one model says, what it was made from, and what somebody means to do with it.

    The expression is that of the model's own licence, to which the licence of each origin is added from which anything
    flows. Without agreement there is none; the licences that were claimed are listed, and bind in the answers.

    Args:
        evidence: all that was read.
        rules: the rule set.
        intent: the intended use; ``None`` where nothing is said of it, and then nothing is answered.
    """
    agreement = agreement_by(rules)
    files = [path for path in evidence.paths if not is_member(path)]
    claims = completed(evidence.claims, files, evidence.repository)
    own = agreement.own(claims, files)
    origins = known_by_name(_others(evidence), rules)
    reaching = [pair for pair in origin_bounds(origins, evidence.modalities, rules) if binds(pair[1], rules.clauses)]
    multimodal = modality_of(evidence, origins, rules)
    components = component_bounds(claims, agreement.names, own.ids)
    others = [*(bound for _, bound in reaching), *components]
    chosen = permission_of(Binding(own.choices, others, (), multimodal), intent, rules).chosen
    conflicts = conflicts_of(Matter(evidence, own, chosen, claims, reaching, origins, rules, agreement.names))
    parts = (*_unclear(claims, rules), *_unread(evidence))
    doubts = tuple(
        dict.fromkeys(
            (
                *_doubts(own, origins, reaching, conflicts, parts),
                *left_open(evidence, claims, own, origins, agreement.names, rules),
            )
        )
    )
    permission = permission_of(Binding(own.choices, others, doubts, multimodal), intent, rules)
    concluded = own.state is ConclusionState.CONCLUDED
    inherited = [bound.entry.id for _, bound in reaching]
    ids = dict.fromkeys((*own.ids, *inherited, *(bound.entry.id for bound in components)))
    entries = tuple(rules.licenses[name] for name in ids)
    bind = (*chosen, *inherited)
    return LicenseConclusion(
        state=own.state,
        category=_strictest([rules.licenses[name] for name in bind]) if concluded else LicenseCategory.UNKNOWN,
        claims=claims,
        entries=entries,
        reasoning=(
            *own.reasoning,
            *_choice_sentence(own, chosen),
            *_lineage_sentences(origins, reaching),
            *_component_sentences(components),
        ),
        expression=expression_of(own.choices, inherited) if concluded else "",
        own=chosen if concluded else own.ids,
        origins=origins,
        datasets=tuple(evidence.datasets),
        conflicts=conflicts,
        intent=intent,
        permission=permission.answer,
        answers=permission.answers,
        duties=met(permission.duties, claims, evidence.texts),
        openness=openness_of(evidence, own, [bound.entry for _, bound in reaching], claims, agreement.names, rules),
        multimodal=multimodal,
    )


def _others(evidence: Evidence) -> list[Origin]:
    """The origins without the model itself, which some metadata names as its own; one that leads back to it stays."""
    itself = (evidence.repository or "").casefold()
    return [origin for origin in evidence.origins if origin.depth > 1 or origin.name.casefold() != itself]


def _doubts(
    own: Own,
    origins: Sequence[Origin],
    reaching: Sequence[tuple[Origin, Bound]],
    conflicts: Sequence[Conflict],
    parts: Iterable[str],
) -> Iterator[str]:
    """Why no permission can be shown."""
    if own.state is ConclusionState.UNDECLARED:
        yield "No licence is declared, so no permission can be shown: ask the author to state one in writing."
    elif own.state is not ConclusionState.CONCLUDED:
        yield f"No licence could be concluded, so no permission can be shown. {own.reasoning[0]}"
    yield from filter(None, (_doubt_of(origin, own) for origin in origins))
    for conflict in conflicts:
        if conflict.kind in _DOUBTFUL:
            yield conflict.detail
    yield from parts


def _unclear(claims: Sequence[LicenseClaim], rules: Catalogue) -> Iterator[str]:
    paths = list(dict.fromkeys(path_of(claim) for claim in unclear_components(claims, rules.licenses)))
    if paths:
        more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
        yield f"No known licence, or a text that resembles one and is not it: {', '.join(paths[:3])}{more}."


def _unread(evidence: Evidence) -> Iterator[str]:
    """A licence file that nobody read may bind a part of the repository, or all of it."""
    if evidence.unread:
        more = f" and {len(evidence.unread) - 3} more" if len(evidence.unread) > 3 else ""
        yield f"Not read, and named as a licence: {', '.join(evidence.unread[:3])}{more}."


def _doubt_of(origin: Origin, own: Own) -> str:
    """What an origin leaves open; empty for nothing. Of a gated one, the Hub shows what its publisher declares."""
    what = origin.detail.rstrip(".") or str(origin.look).replace("-", " ")
    if origin.look is OriginState.KNOWN:
        # Where the model is under the very licence that its origin is known for, nothing is left open.
        agrees = set(origin.entries) <= set(own.ids)
        assumed = f"{origin.name} could not be read; the licence on record for that name is assumed: {what}."
        return "" if agrees else assumed
    if origin.state is ConclusionState.CONCLUDED:
        return ""
    if origin.look is OriginState.READ:
        return f"{origin.name}, of which it was made, has no licence that could be concluded: {what}."
    if is_hub_id(origin.name):
        return f"{origin.name}, of which it was made, could not be looked at: {what}."
    return ""


def _strictest(entries: Sequence[LicenseEntry]) -> LicenseCategory:
    return max((entry.category for entry in entries), key=list(LicenseCategory).index, default=LicenseCategory.UNKNOWN)


def _choice_sentence(own: Own, chosen: Sequence[str]) -> Iterator[str]:
    if own.state is ConclusionState.CONCLUDED and len(own.choices) > 1:
        yield f"You may choose between the alternatives; all that follows is for {' AND '.join(chosen)}."


def _lineage_sentences(origins: Sequence[Origin], reaching: Sequence[tuple[Origin, Bound]]) -> Iterator[str]:
    """What flows in, and from where."""
    for origin, bound in reaching:
        how = f"{origin.name} by way of {origin.made}" if origin.depth > 1 else origin.name
        step = "how is not stated" if origin.relation is Relation.UNSTATED else origin.relation
        known = ", not read: the licence on record for that name" if origin.look is OriginState.KNOWN else ""
        yield f"{bound.entry.name} ({bound.entry.id}) flows in from {how} ({step}{known})."
    open_ = [origin.name for origin in origins if origin.look not in (OriginState.READ, OriginState.KNOWN)]
    if open_:
        more = f" and {len(open_) - 5} more" if len(open_) > 5 else ""
        yield f"Not read: {', '.join(open_[:5])}{more}; the licence there may bind you too."


def _component_sentences(components: Sequence[Bound]) -> Iterator[str]:
    for bound in components[:5]:
        yield f"{bound.via} is under {bound.entry.name} ({bound.entry.id}), counted apart."
