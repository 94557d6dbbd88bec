"""Statements of the tool and of persons about the model: completeness (``compositions``) and answers (``annotations``).

The library has no classes for either, so both are JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from modelaudit.model.report import AuditReport
from modelaudit.model.signoff import SignOff, SignOffState
from modelaudit.model.verdict import Question
from modelaudit.reports.answers import list_details, list_rulings
from modelaudit.reports.canonical_json import Json
from modelaudit.reports.cyclonedx.properties import ROOT_REF, parse_time
from modelaudit.reports.text import escape_unprintable
from modelaudit.reports.wording import end_sentence

_QUESTIONS: Final = {
    Question.LOAD: "May the model be loaded?",
    Question.USE: "May the model be used as planned?",
}
_MOST_REASONS: Final = 20


def build_compositions(report: AuditReport, file_refs: Mapping[str, str], library_refs: Sequence[str]) -> list[Json]:
    """Build which parts of the document are complete.

    The files of the model are, if each was opened and read completely; else the model and each file that was not read
    completely are incomplete. The libraries are those that files name, so that more may be needed.

    Args:
        report: the report.
        file_refs: the ``bom-ref`` of each file by path.
        library_refs: the ``bom-ref`` of each library.
    """
    coverage = report.coverage
    partial = [file_refs[record.path] for record in coverage.artifacts if not record.is_complete]
    compositions: list[Json] = [
        {
            "bom-ref": "composition:files",
            "aggregate": "complete" if coverage.is_complete else "incomplete",
            "assemblies": [ROOT_REF, *sorted(partial)],
        }
    ]
    libraries: list[Json] = [*sorted(library_refs)]
    compositions.append(
        {
            "bom-ref": "composition:libraries",
            "aggregate": "incomplete" if libraries else "unknown",
            "dependencies": [ROOT_REF, *libraries],
        }
    )
    return compositions


def build_annotations(report: AuditReport, created: str) -> list[Json]:
    """Build an annotation for each answer of the verdict, with its reasons, and for each sign-off of a person."""
    annotations = [_annotate(report, created, question) for question, _ in list_rulings(report)]
    valid = [each for each in report.signoffs if each.state is SignOffState.VALID]
    annotations += [_annotate_sign_off(each, number, created) for number, each in enumerate(valid)]
    return annotations


def _annotate(report: AuditReport, created: str, question: Question) -> Json:
    """Build the annotation for one answer; the tool is its author."""
    tool = report.tool
    return {
        "bom-ref": f"annotation:{question}",
        "subjects": [ROOT_REF],
        "annotator": {
            "component": {
                "type": "application",
                "name": escape_unprintable(tool.name),
                "version": escape_unprintable(tool.version),
            }
        },
        "timestamp": created,
        "text": escape_unprintable(" ".join(_list_sentences(report, question))),
    }


def _list_sentences(report: AuditReport, question: Question) -> Iterator[str]:
    """Yield the question, the answer with its reason, and the further reasons."""
    ruling = next(ruling for each, ruling in list_rulings(report) if each is question)
    yield f"{_QUESTIONS[question]} {ruling.verdict}: {end_sentence(ruling.reason)}"
    details = [sentence for each, sentence in list_details(report) if each is question]
    yield from details[:_MOST_REASONS]
    if len(details) > _MOST_REASONS:
        yield f"{len(details) - _MOST_REASONS} more reasons are in the JSON report."


def _annotate_sign_off(signoff: SignOff, number: int, created: str) -> Json:
    """Build the annotation for the answer of a person to the whole report."""
    second = f" Approved by {signoff.approved_by}." if signoff.approved_by else ""
    date = parse_time(signoff.date)
    text = f"{signoff.answer}: {end_sentence(signoff.reason)}{second} Until {signoff.expires} ({signoff.place})."
    return {
        "bom-ref": f"annotation:sign-off:{number}",
        "subjects": [ROOT_REF],
        "annotator": {"individual": {"name": escape_unprintable(signoff.by)}},
        "timestamp": date.isoformat() if date else created,
        "text": escape_unprintable(text),
    }
