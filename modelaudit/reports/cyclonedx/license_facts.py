"""The facts on licences without a field in the standard, as properties of the root component."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from modelaudit.model.license import Basis, LicenseClaim, LicenseConclusion
from modelaudit.model.terms import Answer
from modelaudit.reports.decision_words import describe_settled_answer
from modelaudit.reports.license_parts import describe_model_row, list_model_rows
from modelaudit.reports.license_view import group_tasks, list_permissions, list_reasons
from modelaudit.reports.license_words import describe_intended_use
from modelaudit.reports.wording import describe_place


def list_license_facts(conclusion: LicenseConclusion) -> Iterator[tuple[str, object]]:
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
            met = f" [the repository holds it: {task.met}]" if task.met else ""
            yield f"{group}: {task.text}{exact_words} ({task.source}){met}"
