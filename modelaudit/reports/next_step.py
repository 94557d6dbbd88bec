"""State what a person does about a licence that is for review: what to read, and how to record the answer."""

from __future__ import annotations

from typing import Final

from modelaudit.model.license import LicenseConclusion
from modelaudit.model.terms import Answer

_KINDS: Final = frozenset(
    {"declared-prose", "variant-text", "text-not-recognised", "declared-found", "template-differs"}
)
"""The kinds of conflicts whose place a person reads to decide."""
_MOST_PLACES = 4
_CONCLUSION: Final = "conclusion"


def describe_next_step(license_: LicenseConclusion) -> str:
    """Name the places to read and the command that accepts the use; empty if nothing is for review.

    A denial is not for review: only an agreement with the owner settles it.
    """
    open_answers = [each for each in license_.answers if each.acceptance is None]
    if license_.permission is not Answer.REVIEW or any(each.answer is Answer.DENY for each in open_answers):
        return ""
    ids = dict.fromkeys(each.license or _CONCLUSION for each in open_answers if each.answer is Answer.REVIEW)
    if not ids:
        return ""
    places = _list_places(license_)
    more = f" and {len(places) - _MOST_PLACES} more" if len(places) > _MOST_PLACES else ""
    reading = f"{', '.join(places[:_MOST_PLACES])}{more}" if places else "the terms named above"
    also = f" (then {len(ids) - 1} more)" if len(ids) > 1 else ""
    return (
        f"Read {reading}. If they permit your use, add -o json=report.json here, and accept it with: modelaudit decide"
        f" licence:{next(iter(ids))} --report report.json --answer accept --reason WHY --by YOU --approved-by WHO"
        f" --expires DATE{also}"
    )


def _list_places(license_: LicenseConclusion) -> list[str]:
    """List the places to read as ``README.md:45``, each once, in the order of the conflicts."""
    return list(
        dict.fromkeys(
            f"{each.artifact}:{each.location.line}" if each.location.line else each.artifact
            for each in license_.conflicts
            if each.kind in _KINDS and each.artifact
        )
    )
