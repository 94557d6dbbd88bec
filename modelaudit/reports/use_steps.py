"""State the steps that settle the planned use: what to ask whom, what to state, which texts to read."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from modelaudit.model.finding import CheckFamily
from modelaudit.model.license import ConclusionState, LicenseConclusion, UseAnswer
from modelaudit.model.report import AuditReport
from modelaudit.model.restrictions import is_unsearched
from modelaudit.model.terms import GENERAL_FIELD, SHARED_WEIGHTS, UNREAD_TERMS, Answer
from modelaudit.model.verdict import CauseKind, Verdict
from modelaudit.model.written_language import name_foreign_language
from modelaudit.reports import view
from modelaudit.reports.absent_terms import list_absent_terms
from modelaudit.reports.addressees import name_licensors, name_owner
from modelaudit.reports.conflict_places import name_conflict_place
from modelaudit.reports.license_fields import list_clauses_on_fields, list_conditions_on_fields
from modelaudit.reports.license_parts import list_model_rows
from modelaudit.reports.license_view import list_own_entries
from modelaudit.reports.next_step import (
    CONTRADICTION,
    find_missing_statements,
    list_base_models_to_look_up,
    list_places,
    list_requests,
    list_reviewable_answers,
)
from modelaudit.reports.wording import join_first, join_phrases

DECIDE: Final = "modelaudit decide {} --report report.json"
_MOST_PLACES: Final = 2
_MOST_NAMES: Final = 3
_FIELD: Final = "field"
"""The fact of a planned use that clauses on fields turn on."""


class Step(Struct, frozen=True):
    """One step: a sentence for the person who signs, and one for an engineer, which may be empty."""

    person: str
    engineer: str = ""


def list_contradicting(license_: LicenseConclusion) -> list[str]:
    """List the licences that statements give to the model and that contradict each other; empty without any."""
    if license_.state is not ConclusionState.CONTRADICTORY or license_.models:
        return []
    named = [id_ for each in license_.conflicts if each.kind == CONTRADICTION for id_ in each.entries]
    ids = list(dict.fromkeys(named or [each.id for each in list_own_entries(license_)]))
    return ids if len(ids) > 1 else []


def answer_denial(report: AuditReport) -> Step:
    """State what ends a denial: for each part of the repository apart, where the answers to them differ."""
    license_ = report.license
    rows = list_model_rows(license_)
    lost = [row.name for row in rows if row.answer is Answer.DENY]
    free = [f"{row.name} ({row.terms})" for row in rows if row.answer is Answer.ALLOW]
    noun = view.name_subject(report)
    denying = [each for each in license_.open_answers if each.answer is Answer.DENY]
    licensors, author = name_licensors(report, denying), name_owner(report)
    if lost and len(lost) < len(rows):
        words = f"Do not use {join_names(lost)} as planned: ask {licensors} for an agreement, or leave it out."
        # The licence of a part permits nothing where the whole must not be loaded.
        may_use = free and report.decision.load.verdict is Verdict.PASS
        return Step(f"{words} You may use {join_names(free)}." if may_use else words)
    words = f"Do not use this {noun} as planned"
    if rivals := list_contradicting(license_):
        denied = join_phrases([each.license for each in denying if each.license]) or "the one that denies it"
        owner = "them" if licensors == author else licensors
        return Step(
            f"{words}. First ask {author} which of {join_phrases(rivals)} applies; if it is {denied}, ask "
            f"{owner} for an agreement, plan another use, or choose another {noun}."
        )
    return Step(f"{words}: ask {licensors} for an agreement, plan another use, or choose another {noun}.")


def settle_use(report: AuditReport, use_not_stated: Step) -> Iterator[Step]:
    """Yield the statements, look-ups and texts to read where the answer to the use is open.

    Args:
        report: of any scan.
        use_not_stated: the step where no use is planned.
    """
    license_ = report.license
    is_open = report.decision.use.verdict is not Verdict.PASS
    causes = {each.kind for each in report.decision.causes}
    if is_open and (license_.intent is None or not license_.intent.is_stated):
        yield use_not_stated
    if CauseKind.LICENCE_DENIED not in causes:
        yield from _ask_which_licence(report)
    missing = find_missing_statements(license_)
    yield from (Step(each, _repeat_with(report, option)) for each, option in missing)
    asked = {fact for each in list_reviewable_answers(license_) for fact in each.unstated}
    if is_open and _FIELD not in asked and (clauses := list_clauses_on_fields(license_)):
        is_general = license_.intent is not None and license_.intent.field == GENERAL_FIELD
        words = (
            f"Your stated field is general. State a field in its place if yours is {join_phrases(fields)}; "
            "the annex on the licence states the conditions."
            if is_general and (fields := list_conditions_on_fields(license_))
            else f"State your field of use if a clause permits it under conditions alone ({join_phrases(clauses)})."
        )
        yield Step(words, _repeat_with(report, "--field FIELD"))
    yield from (Step(each) for each in list_requests(license_))
    if is_open and (absent := list_absent_terms(license_)):
        noun = view.name_subject(report)
        yield Step(f"Ask {name_owner(report)} for {join_names(absent)}, and do not use this {noun} before you read it.")
    yield from _ask_about_shared_weights(report)
    base_models = list_base_models_to_look_up(license_)
    is_denied_in_part = CauseKind.LICENCE_DENIED in causes and bool(list_reviewable_answers(license_))
    is_for_review = CauseKind.LICENCE_REVIEW in causes or is_denied_in_part
    readings = tuple(_review(report, base_models)) if is_for_review else ()
    if base_models:
        whose = "the licence of the base model" if len(base_models) == 1 else "the licences of the base models"
        ids = list_waiting_subjects(license_)
        record = f", or record the decision with {DECIDE.format(f'licence:{ids[0]}')}" if ids and not readings else ""
        yield Step(
            f"Look up {whose} {join_names(base_models)}, and whether your use is permitted.",
            f"scan again with a connection{record or '.'}",
        )
    yield from readings


def _repeat_with(report: AuditReport, option: str) -> str:
    """Write the command of the run with an option that it lacked."""
    command = "scan" if CheckFamily.SECURITY in report.policy.checks else "license"
    return f"repeat modelaudit {command} {shlex.quote(view.get_heading(report.target))} with {option} added."


def list_waiting_subjects(license_: LicenseConclusion) -> list[str]:
    """List the ids of licences, or ``conclusion``, on which a person decides; a file to fetch again is none of them."""
    waiting = (each for each in list_reviewable_answers(license_) if each.kind != UNREAD_TERMS)
    return list(dict.fromkeys(each.license or "conclusion" for each in waiting))


def _ask_which_licence(report: AuditReport) -> Iterator[Step]:
    """Yield to ask the author which of several licences applies, where statements contradict each other."""
    if report.license.acceptance is None and (rivals := list_contradicting(report.license)):
        noun = view.name_subject(report)
        yield Step(
            f"Ask {name_owner(report)} which of {join_phrases(rivals)} applies, and do not use this {noun} before the "
            "answer."
        )


def _ask_about_shared_weights(report: AuditReport) -> Iterator[Step]:
    """Yield to ask which of several licences covers weights that two models of the repository hold."""
    license_ = report.license
    shared = [each for each in license_.conflicts if each.kind == SHARED_WEIGHTS]
    if not shared:
        return
    is_doubtful = any(_is_about_shared_weights(each, license_) for each in license_.open_answers)
    before = ", and do not use it before" if is_doubtful else ""
    names = join_names([each.artifact for each in shared])
    author = name_owner(report)
    yield Step(f"Ask {author} which licence covers {names}, which also lies under other terms{before}.")


def _has_shared_weights(license_: LicenseConclusion) -> bool:
    return any(each.kind == SHARED_WEIGHTS for each in license_.conflicts)


def _is_about_shared_weights(answer: UseAnswer, license_: LicenseConclusion) -> bool:
    """Whether an answer is the doubt that a conflict on shared weights states, which a step of its own settles."""
    # A conflict names the folder first.
    return any(each.kind == SHARED_WEIGHTS and each.detail.endswith(answer.because) for each in license_.conflicts)


def _review(report: AuditReport, base_models: list[str]) -> Iterator[Step]:
    """Yield the places to read, and the command that records the answer; nothing where another step may settle it."""
    license_ = report.license
    rivals = list_contradicting(license_)
    places = list_places(license_, has_contradiction=not rivals)
    waiting = [
        each
        for each in list_reviewable_answers(license_)
        if not each.unstated and each.kind != UNREAD_TERMS and not _is_about_shared_weights(each, license_)
    ]
    # The licence of a base model is looked up.
    waiting = [each for each in waiting if each.license or not any(name in each.because for name in base_models)]
    ids = list_waiting_subjects(license_)
    record = f"record the decision with {DECIDE.format(f'licence:{ids[0]}')}" if ids else ""
    if places:
        # A text that was not searched may hold no terms.
        unsearched = {each.artifact for each in license_.conflicts if is_unsearched(each.location)}
        is_probably_denied = any(each.because.rstrip(".").endswith("probably denied") for each in waiting)
        terms = "any terms in it permit" if set(places) <= unsearched else "these terms permit"
        noun, languages = view.name_subject(report), _find_languages(license_)
        foreign = [each for each in places if each in languages]
        person = f"{_ask_to_read(places, languages)}, and decide whether {terms} your use"
        person += f"; do not use this {noun} before the answer on the use is Pass." if is_probably_denied else "."
        if foreign:
            until = "" if is_probably_denied else f", and until then use this {noun} for nothing that they may forbid"
            person += f" Ask {name_owner(report)} in {join_phrases([languages[each] for each in foreign])}{until}."
        if view.list_over_limit(report):
            person = f"Have the texts that were not searched read, or leave them out. {person}"
            record = f"scan their folders one by one, or {record}" if record else "scan their folders one by one."
    elif not license_.entries:
        person = (
            f"Do not use this {view.name_subject(report)} before {name_owner(report)} states a licence in writing, or "
            "choose another."
        )
        record = ""
    elif clauses := [each for each in waiting if each.license and each.section]:
        names = join_names([f"{each.license}, {each.section}" for each in clauses])
        person = f"Read the clause, and decide whether your use meets it: {names}. {_point_to_texts(license_, clauses)}"
    elif rivals:
        person = "Decide with the answer whether the licence that applies permits your use."
    elif waiting or not (base_models or _has_another_step(license_)):
        person = "Decide whether the terms in the annex on the licence permit your use."
    else:
        return
    yield Step(person, record)


def _point_to_texts(license_: LicenseConclusion, clauses: list[UseAnswer]) -> str:
    """Say where the words of clauses are: in the annex, where a file of the repository has them, else at an address."""
    lacking = [each for each in clauses if not license_.find_quotation(each.license, each.kind, each.section)]
    addresses = list(dict.fromkeys(each.url for each in lacking if each.url))
    if not addresses:
        return f"The annex on the licence {'sums it up' if lacking else 'quotes it'}."
    return f"The annex on the licence sums it up; its words are at {join_names(addresses)}."


def _find_languages(license_: LicenseConclusion) -> dict[str, str]:
    """Find the language of each place to read whose words are in another language than English."""
    quoted = {name_conflict_place(license_, each): "".join(each.evidence[:1]) for each in license_.conflicts}
    named = {place: name_foreign_language(words) for place, words in quoted.items()}
    return {place: language for place, language in named.items() if language}


def _ask_to_read(places: list[str], languages: Mapping[str, str]) -> str:
    """Ask to read places, and to have those in other languages translated; the first of each are named."""
    own = [each for each in places if each not in languages]
    requests = [f"read {_join_places(own)}"] if own else []
    by_language: dict[str, list[str]] = {}
    for each in places:
        if each in languages:
            by_language.setdefault(languages[each], []).append(each)
    requests += [f"have {_join_places(own)} translated from {language}" for language, own in by_language.items()]
    words = " and ".join(requests)
    return words[:1].upper() + words[1:]


def _has_another_step(license_: LicenseConclusion) -> bool:
    """Whether a statement, an answer of the author or a file to fetch again may settle what is open."""
    is_unread = any(each.kind == UNREAD_TERMS for each in list_reviewable_answers(license_))
    return is_unread or bool(find_missing_statements(license_)) or _has_shared_weights(license_)


def _join_places(places: list[str]) -> str:
    """Join the first places, each file once with its lines in order: ``TERMS.md:3, 5 and README.md:2``."""
    lines: dict[str, list[str]] = {}
    for each in places:
        path, _, line = each.rpartition(":") if each.rpartition(":")[2].isdecimal() else (each, "", "")
        lines.setdefault(path, []).append(line)
    named = [f"{path}:{join_phrases(sorted(filter(None, own), key=int))}".rstrip(":") for path, own in lines.items()]
    return join_first(named, _MOST_PLACES) if len(named) > _MOST_PLACES else join_phrases(named)


def join_names(names: list[str]) -> str:
    """Join the first names, each once, and count the others."""
    return join_first(names, _MOST_NAMES) if len(set(names)) > _MOST_NAMES else join_phrases(names)
