"""The openness of a release in words: its class, its parts, and the licences that cover them."""

from __future__ import annotations

from typing import Final

from modelaudit.model.license import LicenseConclusion
from modelaudit.model.openness import Component
from modelaudit.model.report import AuditReport
from modelaudit.reports.view import name_subject
from modelaudit.reports.wording import count_noun, end_sentence, format_sentence, lower_first

_PARAMETERS: Final = "model-parameters"
"""The part of a release that holds the weights, in `rules/openness.yaml`."""


def lacks_weights(report: AuditReport) -> bool:
    """Whether every file of a model was opened, no name is one of weights, and no bytes are numbers of a tensor."""
    openness, coverage = report.license.openness, report.coverage
    if openness is None or coverage.unopened or name_subject(report) != "model" or not coverage.artifacts:
        return False
    parameters = (each for each in openness.components if each.id == _PARAMETERS)
    counts = [record.byte_counts for record in coverage.artifacts]
    return not any(each.present for each in parameters) and all(each is not None and not each.data for each in counts)


def describe_cover(part: Component) -> str:
    """Describe whether an open licence covers a part of a release, and which licences are known to bind it."""
    ids = ", ".join(part.licenses)
    if part.open is None:
        return f"{ids} is stated, and further terms are open" if ids else "licence not known"
    return f"open licence {ids}".rstrip() if part.open else f"not under an open licence{f' but {ids}' if ids else ''}"


def list_lacking(license_: LicenseConclusion) -> list[str]:
    """List what the next class of openness lacks, without the parts that were not found, which have a list."""
    openness = license_.openness
    if openness is None:
        return []
    absent = tuple(f"{part.title}:" for part in openness.components if not part.present)
    lines = (line.partition(": ") for line in openness.missing if not line.startswith(absent))
    return [f"{lower_first(title.rstrip('.'))}{f' ({reason})' if reason else ''}" for title, _, reason in lines]


def describe_openness(license_: LicenseConclusion) -> str:
    """Describe the openness in one line, apart from any permission; empty if it was not rated."""
    openness = license_.openness
    if openness is None:
        return ""
    title = format_sentence(openness.title).rstrip(".")
    components = openness.components
    if not components:
        return end_sentence(title)
    held = [each for each in components if each.present and not each.elsewhere]
    present_number, open_number = len(held), sum(each.open is True for each in held)
    parts = count_noun(len(components), "part")
    licensed = f", {open_number} of them under an open licence" if present_number else ""
    return end_sentence(f"{title}; {present_number} of {parts} found{licensed}")
