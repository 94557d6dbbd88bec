"""State the steps that settle what a permission leaves open: each point by its name, with the act that settles it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.model.license import Conflict, LicenseConclusion, OriginState
from modelaudit.model.report import AuditReport
from modelaudit.reports import view
from modelaudit.reports.addressees import name_owner
from modelaudit.reports.conflict_places import name_conflict_place
from modelaudit.reports.license_words import describe_kind
from modelaudit.reports.use_steps import Step, join_names
from modelaudit.reports.wording import lower_first

_VERSIONS: Final = "version-dependent"
_ACTS: Final = {
    _VERSIONS: (
        "Ask {owner} before the use which version of {names} covers this {noun}, and put the text of that version "
        "beside the files: the next scan then goes by it."
    ),
    "dataset-unknown": (
        "Look up the licence of the data {noun_of_names} {names} before the use. If it forbids your use or is "
        "not found, do not use the {noun}."
    ),
}
"""The act that settles a point, by its kind."""
_OTHER: Final = "Settle before the use, or ask {owner}: {title} ({names})."


def settle_open_points(report: AuditReport) -> Iterator[Step]:
    """Yield one step for each kind of point that a permission leaves open, in the order of the conclusion.

    Args:
        report: of a scan that permits the planned use.
    """
    license_ = report.license
    by_kind: dict[str, list[Conflict]] = {}
    for each in license_.conflicts:
        if each.is_open_point:
            by_kind.setdefault(each.kind, []).append(each)
    for kind, conflicts in by_kind.items():
        names = list(dict.fromkeys(name for each in conflicts for name in _name_subjects(license_, each)))
        words = _ACTS.get(kind, _OTHER).format(
            owner=name_owner(report),
            noun=view.name_subject(report),
            noun_of_names="set" if len(names) == 1 else "sets",
            names=join_names(names),
            title=lower_first(describe_kind(kind)),
        )
        yield Step(words)


def _name_subjects(license_: LicenseConclusion, conflict: Conflict) -> list[str]:
    """Name what has to be settled: a licence with the versions that fit, data sets, else the place to read."""
    if conflict.kind == _VERSIONS:
        entry = next((each for each in license_.entries if each.id in conflict.entries), None)
        return [f"{entry.name} ({entry.url})" if entry else "the licence"]
    unknown = [each.name for each in license_.datasets if each.look is not OriginState.READ or not each.entries]
    named = [each for each in unknown if each in conflict.detail]
    return named or [name_conflict_place(license_, conflict) or "the model as a whole"]
