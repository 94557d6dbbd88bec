"""List the questions that a compliance officer should ask the engineers before signing, derived from the report."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

from msgspec import Struct

from modelaudit.model.address import file_of
from modelaudit.model.artifact import RefKind
from modelaudit.model.finding import CheckFamily, Exposure
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import (
    ConclusionState,
    LicenseClaim,
    LicenseConclusion,
    OriginState,
)
from modelaudit.model.report import AuditReport
from modelaudit.model.terms import Answer
from modelaudit.model.verdict import Verdict
from modelaudit.reports.addressees import name_owner
from modelaudit.reports.decision_words import list_decision_rows
from modelaudit.reports.inventory import LOCAL_KINDS, compute_tree_digest
from modelaudit.reports.license_fields import list_clauses_on_fields, list_conditions_on_fields
from modelaudit.reports.license_view import (
    list_unfollowed_base_models,
    list_unread_base_models,
)
from modelaudit.reports.next_step import CONTACT
from modelaudit.reports.officer_steps import find_exposures, find_forbidding, list_steps
from modelaudit.reports.view import name_subject
from modelaudit.reports.wording import count_noun, cut_text, join_first, join_phrases

_WORD = defer_pattern(r"[\w/.-]*\w")
"""A word of a sentence that may be the name of a file, without the full stop after it."""
_JOINED_PLACE = defer_pattern(r"(?P<path>\S+):(?P<lines>\d+(?:(?:, | and )\d+)+)")
_NUMBER = defer_pattern(r"\d+")
_ABOUT_EXPOSURE = {
    Exposure.MACHINE: "who examines them",
    Exposure.SECRETS: "which secrets could they read",
}
"""What to ask about machines that loaded files, by the worst that the findings expose."""
_MAX_NAMES = 3
_MAX_CONTRADICTIONS = 2
_MAX_SENTENCES = 2
_HEADS = frozenset({"SPDX-License-Identifier", "code-text"})
"""The fields of claims that the head of a source file states."""
_SENTENCE_CHARACTERS = 160


_AT_ONCE, _LOADING, _USE, _SIGNING = "At once", "Before loading", "Before use", "Before signing"
"""What waits for the answer to a question."""


class _Inquiry(Struct, frozen=True):
    """A question, and the names that it is about; a step that names all of them makes it needless."""

    text: str
    names: tuple[str, ...] = ()


def list_questions(report: AuditReport) -> tuple[str, ...]:
    """List the questions, one sentence each: first about the files, then about the licence; none repeats a step."""
    return tuple(each for _, questions in group_questions(report) for each in questions)


def group_questions(report: AuditReport) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Group the questions by what waits for their answers, such as ``Before loading``; empty groups are left out."""
    steps = _spell_places(" ".join(each.person for each in list_steps(report)))
    is_loaded = CheckFamily.SECURITY in report.policy.checks and report.decision.load.verdict is not Verdict.FAIL
    is_urgent = find_forbidding(report) or find_exposures(report)
    inquiries = (
        (_AT_ONCE if is_urgent else _LOADING, map(_Inquiry, _ask_about_files(report))),
        (_LOADING if is_loaded else _SIGNING, map(_Inquiry, _ask_about_origin(report))),
        (_SIGNING, map(_Inquiry, _ask_about_reasons(report))),
        (
            _USE,
            (
                *map(_Inquiry, _ask_about_statements(report)),
                *map(_Inquiry, _ask_author(report)),
                *_inquire_about_license(report.license),
            ),
        ),
    )
    groups: dict[str, list[str]] = {}
    for need, asked in inquiries:
        open_ones = (each for each in asked if not each.names or not all(name in steps for name in each.names))
        groups.setdefault(need, []).extend(each.text for each in open_ones)
    return tuple((need, tuple(questions)) for need, questions in groups.items() if questions)


def _spell_places(words: str) -> str:
    """Add each line of a joined place with its file: ``README.md:5 and 6`` names ``README.md:6`` too."""
    joined = _JOINED_PLACE.finditer(words)
    places = [f"{match['path']}:{line}" for match in joined for line in _NUMBER.findall(match["lines"])]
    return " ".join((words, *places))


def _ask_author(report: AuditReport) -> Iterator[str]:
    """Yield the question to the author where nothing states a licence."""
    license_ = report.license
    if CheckFamily.LICENSE in report.policy.checks and license_.state is ConclusionState.UNDECLARED:
        noun = name_subject(report)
        yield f"To {name_owner(report)}: under which licence is the {noun} released, and may we use it as planned?"


def _ask_about_statements(report: AuditReport) -> list[str]:
    """List a question for each of the first statements of the card that the files contradict."""
    contradictions = report.description.contradictions
    more = len(contradictions) - _MAX_CONTRADICTIONS
    questions = [f"Which is right? {each.sentence}" for each in contradictions[:_MAX_CONTRADICTIONS]]
    if more > 0:
        questions.append(f"Which side is right in {count_noun(more, 'further contradiction')} in the annex?")
    return questions


def _ask_about_origin(report: AuditReport) -> list[str]:
    """List the questions about the origin and the identity of the files."""
    questions = []
    # The Hub cache records the repository and the commit of its files.
    if report.target.kind in LOCAL_KINDS and report.target.kind is not RefKind.CACHE:
        questions.append("Who fetched these files, where, in which version?")
    if compute_tree_digest(report) is not None:
        verb = "use" if name_subject(report) == "data set" else "load"
        questions.append(f"Do we {verb} exactly these files (tree digest)?")
    return questions


def _ask_about_files(report: AuditReport) -> list[str]:
    """List the questions about files that fail the policy; a step asks about those that were not examined."""
    questions = []
    # A finding on the model as a whole names no artifact.
    failing = [
        finding
        for finding in report.findings
        if report.policy.rejects(finding)
        and finding.acceptance is None
        and finding.check in (CheckFamily.SECURITY, CheckFamily.INTEGRITY)
        and finding.artifact
    ]
    names = join_first([file_of(each.artifact) for each in failing], _MAX_NAMES)
    exposures = find_exposures(report)
    if exposures:
        by_hand = {each.path for each in report.coverage.artifacts if each.is_by_hand}
        are_by_hand = {file_of(each.artifact) in by_hand for each in failing}
        verb = "loaded or run" if len(are_by_hand) > 1 else "run" if are_by_hand == {True} else "loaded"
        further = _ABOUT_EXPOSURE[exposures[0]]
        questions.append(f"Which machines have {verb} the files that fail ({names}), and {further}?")
    elif find_forbidding(report):
        questions.append(f"Which machines have loaded this {name_subject(report)}?")
    elif failing:
        questions.append(f"Do we need the files that fail ({names})?")
    return questions


def _ask_about_reasons(report: AuditReport) -> list[str]:
    """List a question for each decision in force whose reason names other files of the model than it accepts alone."""
    artifacts = {each.fingerprint: each.artifact for each in report.findings}
    questions = []
    for row in list_decision_rows(report):
        accepted = [artifacts.get(each, "") for each in row.decision.fingerprints]
        accepted += [each.partition(":")[2] for each in row.decision.absences]
        own = {file_of(each) for each in accepted if each}
        words = set(_WORD.findall(row.decision.reason))
        named = {each.path for each in report.coverage.artifacts if words & {each.path, posixpath.basename(each.path)}}
        if own and named and not own & named:
            names, matter = join_first(sorted(named), _MAX_NAMES), join_first(sorted(own), _MAX_NAMES)
            questions.append(
                f"{row.decision.by} decided on {matter} for a reason that names {names}: does it cover both?"
            )
    return questions


def list_license_questions(license_: LicenseConclusion) -> list[str]:
    """List the questions about the licence: terms of unknown force, base models, data sets, and use policies."""
    return [each.text for each in _inquire_about_license(license_)]


def _inquire_about_license(license_: LicenseConclusion) -> Iterator[_Inquiry]:
    unknown_texts = [each.artifact for each in license_.conflicts if each.kind == "text-not-recognised"]
    if unknown_texts:
        yield _Inquiry(f"Do the terms in {join_first(unknown_texts, _MAX_NAMES)} bind us, and who offers them?")
    on_record = {each.name: each.entries for each in license_.origins if each.look is OriginState.KNOWN}
    if on_record:
        named = [f"{name}: {join_phrases(entries)}" for name, entries in on_record.items()]
        words = f"Is this still the licence of the base model, as on record ({join_first(named, _MAX_NAMES, '; ')})?"
        yield _Inquiry(words, tuple(on_record))
    unread_names = (origin.name for origin in list_unread_base_models(license_))
    base_models = list(dict.fromkeys([*list_unfollowed_base_models(license_), *unread_names]))
    base_models = [each for each in base_models if each not in on_record]
    if base_models:
        names = join_first(base_models, _MAX_NAMES)
        yield _Inquiry(f"Does the licence of the base model allow our planned use ({names})?", tuple(base_models))
    with_known_licence = {each.name for each in license_.datasets if each.look is OriginState.READ and each.entries}
    datasets = [each.name for each in license_.datasets]
    datasets += [claim.quotation for claim in license_.claims if claim.names_dataset]
    unknown = [name for name in dict.fromkeys(datasets) if name not in with_known_licence]
    if unknown:
        names = join_first(unknown, _MAX_NAMES)
        yield _Inquiry(f"Do the terms of the data sets allow our planned use ({names})?", tuple(unknown))
    yield from _inquire_about_files_apart(license_)
    if license_.open_permission is not Answer.DENY:
        places, conditions = list_clauses_on_fields(license_), list_conditions_on_fields(license_)
        for place, condition in zip(places, conditions, strict=True):
            yield _Inquiry(f"Is our use one of these, and do we meet the conditions: {condition}?", (place,))
    yield from _inquire_about_sentences(list_open_sentences(license_))
    policies = [f"{entry.id}: {entry.policy_url}" for entry in license_.entries if entry.policy_url]
    if policies:
        yield _Inquiry(f"Who checks the use policy for changes, and when ({join_first(policies, _MAX_NAMES)})?")


def _inquire_about_files_apart(license_: LicenseConclusion) -> Iterator[_Inquiry]:
    """Yield a question for each of the first licences that the heads of files name and that no answer covers."""
    listed = {each.id for each in license_.entries}
    files: dict[str, list[str]] = {}
    for each in license_.claims:
        if each.field in _HEADS and each.entry is not None and each.entry not in listed:
            files.setdefault(each.entry.removeprefix("LicenseRef-"), []).append(_name_place(each))
    for name, places in list(files.items())[:_MAX_SENTENCES]:
        them = "it" if len(places) == 1 else "them"
        named = join_first(places, _MAX_NAMES)
        yield _Inquiry(f"No answer here covers {named} ({name}): do we run {them}, or pass {them} on?")


def _inquire_about_sentences(claims: Iterable[LicenseClaim]) -> Iterator[_Inquiry]:
    """Yield a question for each of the first sentences that may limit the use, and one for the others."""
    sentences = []
    for each in claims:
        words, place = cut_text(" ".join(each.quotation.split()), _SENTENCE_CHARACTERS), _name_place(each)
        sentences.append(_Inquiry(f"Is “{words}” a limit of our use, or a description ({place})?", (place,)))
    yield from sentences[:_MAX_SENTENCES]
    more = len(sentences) - _MAX_SENTENCES
    if more > 0:
        verb = "Does" if more == 1 else "Do"
        # The step that names the first place counts the others.
        names = sentences[0].names
        yield _Inquiry(f"{verb} {count_noun(more, 'further sentence')} in the annex on the licence apply to us?", names)


def _name_place(claim: LicenseClaim) -> str:
    return f"{claim.artifact}:{claim.location.line}"


def list_open_sentences(license_: LicenseConclusion) -> list[LicenseClaim]:
    """List the sentences of the model that may limit the use, and that no licence covers."""
    open_places = {(each.artifact, each.location) for each in license_.conflicts if each.kind == "declared-prose"}
    return [
        claim
        for claim in license_.claims
        if claim.field == "restriction"
        and claim.quotation
        # A step demands what this sentence asks for.
        and claim.location.key != CONTACT
        and claim.location.line
        and (claim.artifact, claim.location) in open_places
    ]
