"""Render a licence conclusion for a bill of materials: licences, ancestors, data sets and properties.

CycloneDX 1.6 marks a licence as declared or concluded by ``acknowledgement``, and accepts either a list of licences or
one expression. A conclusion with a choice or an exception is an expression; the declared licences are then listed as
evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256

from cyclonedx.model import Property, XsUri
from cyclonedx.model.component import Component, ComponentType, Pedigree
from cyclonedx.model.component_evidence import ComponentEvidence
from cyclonedx.model.license import DisjunctiveLicense, LicenseAcknowledgement, LicenseExpression
from cyclonedx.spdx import is_expression, is_supported_id

from modelaudit.model.license import (
    Basis,
    ClaimKind,
    ConclusionState,
    DatasetClaim,
    LicenseClaim,
    LicenseConclusion,
    Origin,
    OriginState,
)
from modelaudit.model.terms import Answer
from modelaudit.reports.decision_words import describe_settled_answer
from modelaudit.reports.license_view import (
    build_lineage_tree,
    describe_model_row,
    group_tasks,
    list_declared_claims,
    list_model_rows,
    list_permissions,
    list_reasons,
)
from modelaudit.reports.license_words import describe_intended_use
from modelaudit.reports.text import escape_unprintable, validate_https_link
from modelaudit.reports.wording import describe_place

AnyLicense = DisjunctiveLicense | LicenseExpression
DECLARED, CONCLUDED = LicenseAcknowledgement.DECLARED, LicenseAcknowledgement.CONCLUDED

_SINGLE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")
"""One licence identifier, without an operator or parentheses."""
_MAX_DEPTH = 12
"""Depth of nested ancestors; the library compares them recursively, and so do readers."""
_MAX_ANCESTORS = 60


def build_properties(*pairs: tuple[str, object]) -> list[Property]:
    """Build properties with the prefix ``modelaudit:``; pairs with the value ``None`` are left out."""
    return [
        Property(name=f"modelaudit:{name}", value=escape_unprintable(str(value)))
        for name, value in pairs
        if value is not None
    ]


def build_licenses(conclusion: LicenseConclusion) -> list[AnyLicense]:
    """Build the declared and concluded licences; if the conclusion is an expression, build only that."""
    concluded = _build_concluded(conclusion)
    if any(isinstance(each, LicenseExpression) for each in concluded):
        return concluded
    return [*_build_declared(conclusion), *concluded]


def build_evidence(conclusion: LicenseConclusion) -> ComponentEvidence | None:
    """Build the licences found in files, and the declared ones if the conclusion is an expression."""
    claims = (claim for claim in conclusion.claims if claim.kind is ClaimKind.FOUND and claim.entry is not None)
    found: list[AnyLicense] = [
        _build_license(claim.entry or "", conclusion) for claim in claims if claim.basis in (Basis.TEXT, Basis.NAME)
    ]
    if any(isinstance(each, LicenseExpression) for each in _build_concluded(conclusion)):
        found += _build_declared(conclusion)
    return ComponentEvidence(licenses=found) if found else None


def _build_declared(conclusion: LicenseConclusion) -> list[AnyLicense]:
    """Build the declared licences: an SPDX identifier if the schema has it, else the author's own words."""
    declared: dict[str, AnyLicense] = {}
    for claim in list_declared_claims(conclusion):
        named = claim.entry or escape_unprintable(claim.quotation) or "not stated"
        declared[named] = _build_license(named, conclusion, DECLARED, is_known=claim.entry is not None)
    return list(declared.values())


def _build_concluded(conclusion: LicenseConclusion) -> list[AnyLicense]:
    """Build one licence per part of an ``AND`` expression; any other expression is kept as one."""
    if conclusion.state is not ConclusionState.CONCLUDED or not conclusion.expression:
        return []
    ids = conclusion.expression.split(" AND ")
    if all(_SINGLE_ID.fullmatch(id_) for id_ in ids):
        return [_build_license(id_, conclusion, CONCLUDED) for id_ in dict.fromkeys(ids)]
    if is_expression(conclusion.expression):
        return [LicenseExpression(conclusion.expression, acknowledgement=CONCLUDED)]
    return [DisjunctiveLicense(name=escape_unprintable(conclusion.expression), acknowledgement=CONCLUDED)]


def _build_license(
    id_: str,
    conclusion: LicenseConclusion,
    acknowledgement: LicenseAcknowledgement | None = None,
    is_known: bool = True,
) -> DisjunctiveLicense:
    """Build one licence, with its address if the conclusion contains its entry.

    Args:
        id_: the identifier of a licence of the rule set, or the author's words for another.
        conclusion: the conclusion with the entries of its licences.
        acknowledgement: whether the licence is declared or concluded; ``None`` for evidence.
        is_known: whether ``id_`` is an identifier; the author's words are never read as one.
    """
    entry = next((each for each in conclusion.entries if each.id == id_), None) if is_known else None
    is_spdx_id = is_known and is_supported_id(id_)
    url = validate_https_link(entry.url) if entry else None
    name = escape_unprintable(id_) or "not stated"
    return DisjunctiveLicense(
        id=id_ if is_spdx_id else None,
        name=None if is_spdx_id else name,
        url=XsUri(url) if url else None,
        acknowledgement=acknowledgement,
    )


def build_pedigree(conclusion: LicenseConclusion) -> Pedigree | None:
    """Build the base models as ancestors, each with its own base models.

    Base models deeper than ``_MAX_DEPTH`` become siblings at that depth.
    """
    branches = build_lineage_tree(conclusion)
    # The branches are in depth-first order. Read backwards, a branch comes after its own base models, which wait one
    # level deeper.
    waiting_by_depth: dict[int, list[Component]] = {}
    for number, branch in reversed(list(enumerate(branches[:_MAX_ANCESTORS]))):
        depth = min(branch.depth, _MAX_DEPTH)
        inner = waiting_by_depth.pop(depth + 1, []) if depth < _MAX_DEPTH else []
        ancestor = _build_ancestor(branch.origin, number, inner, conclusion)
        waiting_by_depth.setdefault(depth, []).append(ancestor)
    left_out = len(branches) - _MAX_ANCESTORS
    notes = f"{left_out} more ancestors are in the JSON report" if left_out > 0 else None
    return Pedigree(ancestors=waiting_by_depth[0], notes=notes) if branches else None


def _build_ancestor(origin: Origin, number: int, inner: list[Component], conclusion: LicenseConclusion) -> Component:
    """Build the component of a base model; ``number`` makes its reference unique, ``inner`` are its own base models."""
    concluded = origin.look is OriginState.READ and origin.state is ConclusionState.CONCLUDED
    acknowledgement = CONCLUDED if concluded else None
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=escape_unprintable(origin.name),
        version=escape_unprintable(origin.commit) if origin.commit else None,
        bom_ref=_build_ref("origin", f"{number}/{origin.name}"),
        licenses=[_build_license(each, conclusion, acknowledgement) for each in dict.fromkeys(origin.entries)],
        pedigree=Pedigree(ancestors=inner) if inner else None,
        properties=build_properties(
            ("origin:relation", origin.relation),
            ("origin:look", origin.look),
            ("origin:license-state", origin.state),
            ("origin:detail", origin.detail or None),
        ),
    )


def build_datasets(conclusion: LicenseConclusion) -> list[Component]:
    """Build a component for each data set that the card names, with the licence of its own card."""
    return [_build_dataset(dataset, number, conclusion) for number, dataset in enumerate(conclusion.datasets)]


def _build_dataset(dataset: DatasetClaim, number: int, conclusion: LicenseConclusion) -> Component:
    """Build the component of a data set; ``number`` makes its reference unique."""
    # Only the card of the data set itself can declare its licence.
    acknowledgement = DECLARED if dataset.look is OriginState.READ else None
    return Component(
        type=ComponentType.DATA,
        name=escape_unprintable(dataset.name),
        bom_ref=_build_ref("dataset", f"{number}/{dataset.name}"),
        licenses=[_build_license(each, conclusion, acknowledgement) for each in dict.fromkeys(dataset.entries)],
        properties=build_properties(
            ("dataset:named-at", describe_place(dataset.location) or None),
            ("dataset:look", dataset.look),
            ("dataset:detail", dataset.detail or None),
        ),
    )


def _build_ref(kind: str, name: str) -> str:
    """Build a reference from the digest of a name, which may contain any character."""
    return f"{kind}:" + sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def list_facts(conclusion: LicenseConclusion) -> Iterator[tuple[str, object]]:
    """List the facts without a field in the standard, as pairs of property name and value."""
    yield "license:state", conclusion.state
    yield "license:category", conclusion.category
    yield "license:expression", conclusion.expression or None
    yield from (("license:claim", _format_claim(claim)) for claim in conclusion.claims)
    yield from (("license:reasoning", sentence) for sentence in conclusion.reasoning)
    yield from (("license:conflict", f"{each.kind}: {each.detail}") for each in conclusion.conflicts)
    if conclusion.intent is not None and conclusion.intent.is_stated:
        yield "license:intent", "; ".join(describe_intended_use(conclusion.intent))
    yield "license:permission", conclusion.permission
    yield from (("license:model", describe_model_row(row)) for row in list_model_rows(conclusion))
    yield from (("license:answer", line) for line in _format_answers(conclusion))
    yield from (("license:obligation", line) for line in _format_obligations(conclusion))
    for each in conclusion.quotations:
        place = f"{each.artifact}:{each.line}"
        yield "license:original", f"{each.license}, {each.section or each.kind} ({place}): {each.text}"
    for kinship in conclusion.kinships:
        bases = " or ".join(kinship.bases)
        stated = "declared" if kinship.declared else "not declared"
        yield "lineage:base", f"{kinship.part or 'the model'} has the vocabulary and the shape of {bases} ({stated})"
    openness = conclusion.openness
    if openness is not None:
        yield "openness:class", openness.title
        for component in openness.components:
            state = {True: "open", False: "not open", None: "openness not known"}[component.open]
            yield "openness:component", f"{component.id}: {'present' if component.present else 'absent'}, {state}"
        yield from (("openness:missing", line) for line in openness.missing)


def _format_claim(claim: LicenseClaim) -> str:
    """Format a claim as its kind, its words, their place, and the resolved licence."""
    place = ", ".join(part for part in (claim.artifact, claim.field, describe_place(claim.location)) if part)
    relation = "resembles" if claim.basis is Basis.VARIANT else "="
    return f"{claim.kind}: {claim.quotation} ({place})" + (f" {relation} {claim.entry}" if claim.entry else "")


def _format_answers(conclusion: LicenseConclusion) -> Iterable[str]:
    """Yield one line for each answer, with its licence; one against the use names the base models that bring it in."""
    for reason in list_reasons(conclusion):
        answer = reason.answer
        sources = (answer.license, answer.section, *(f"via {via}" for via in reason.vias), answer.models)
        where = ", ".join(filter(None, sources))
        settled = describe_settled_answer(answer)
        line = f"{answer.answer}: {answer.kind}: {answer.because}" + (f" ({where})" if where else "")
        yield f"{line} {settled}" if settled else line
    yield from (f"{Answer.ALLOW}: {line}" for line in list_permissions(conclusion))


def _format_obligations(conclusion: LicenseConclusion) -> Iterable[str]:
    """Yield one line for each duty, with its exact words and the file that already meets it."""
    for group, tasks in group_tasks(conclusion):
        for task in tasks:
            exact_words = "".join(f" “{words}”" for words in task.words)
            met = f" [met by {task.met}]" if task.met else ""
            yield f"{group}: {task.text}{exact_words} ({task.source}){met}"
