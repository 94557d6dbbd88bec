"""State what a person does about a licence that is for review: what to read, and how to record the answer."""

from __future__ import annotations

from typing import Final

from modelaudit.model.license import LicenseConclusion, OriginState
from modelaudit.model.terms import Answer

_KINDS: Final = frozenset(
    {"declared-prose", "variant-text", "text-not-recognised", "declared-found", "template-differs"}
)
"""The kinds of conflicts whose place a person reads to decide."""
_MOST_PLACES = 4
_NOT_STATED: Final = "figure is not stated"
_FIGURES: Final = (
    ("user-cap", "your number of users a month", "--mau"),
    ("revenue-cap", "your annual revenue", "--revenue"),
)
"""The end of the kind of a clause with an amount, the figure that it needs, and the option that states it."""
_CONTACT: Final = "contact-required"
"""The key of the place of a sentence by which the publisher asks to be contacted."""
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
    places = list_places(license_)
    reading = _name_reading(license_, places)
    asking = _ask_publisher(license_)
    unstated = list(
        f"State {figure} with {option}."
        for words, figure, option in _FIGURES
        if any(words in each.kind and _NOT_STATED in each.because for each in open_answers)
    )
    others = [f"licence:{each}" for each in ids][1:]
    also = f", then the same for {', '.join(others)}" if others else ""
    return (
        f"{' '.join(filter(None, (reading, *asking, *unstated)))} If the terms permit your use, add"
        f" -o json=report.json here, and accept it with: modelaudit decide"
        f" licence:{next(iter(ids))} --report report.json --answer accept --reason WHY --by YOU --approved-by WHO"
        f" --expires DATE{also}"
    )


def _name_reading(license_: LicenseConclusion, places: list[str]) -> str:
    """Name what to read, as a sentence; empty if only a figure is missing, and a request without any licence."""
    if places:
        more = f" and {len(places) - _MOST_PLACES} more" if len(places) > _MOST_PLACES else ""
        return f"Read {', '.join(places[:_MOST_PLACES])}{more}."
    if not license_.entries:
        return "Ask the publisher for a licence."
    open_answers = license_.open_answers
    licenses = {each.license: None for each in open_answers if each.license and _NOT_STATED not in each.because}
    unread = [each.name for each in license_.origins if each.look is not OriginState.READ]
    if not licenses and all(each.license for each in open_answers):
        return ""
    return f"Read the terms of {', '.join([*licenses, *unread][:_MOST_PLACES] or [license_.entries[0].id])}."


def _ask_publisher(license_: LicenseConclusion) -> list[str]:
    """Ask to contact the publisher where a sentence of the model demands it, as sentences."""
    asking = (each for each in license_.conflicts if each.location.key == _CONTACT and each.artifact)
    places = [f"{each.artifact}:{each.location.line}" for each in asking]
    if not places:
        return []
    demands = "demands" if len(places) == 1 else "demand"
    return [
        f"Ask the publisher for the permission that {', '.join(places[:_MOST_PLACES])} {demands} before you use it."
    ]


def list_open_answers(license_: LicenseConclusion) -> list[str]:
    """List what a person decides on where the use is for review: the ids of licences, or ``conclusion``; each once."""
    open_answers = [each for each in license_.answers if each.acceptance is None]
    if license_.permission is not Answer.REVIEW or any(each.answer is Answer.DENY for each in open_answers):
        return []
    return list(dict.fromkeys(each.license or _CONCLUSION for each in open_answers if each.answer is Answer.REVIEW))


def list_places(license_: LicenseConclusion) -> list[str]:
    """List the places to read as ``README.md:45``, each once, in the order of the conflicts."""
    return list(
        dict.fromkeys(
            f"{each.artifact}:{each.location.line}" if each.location.line else each.artifact
            for each in license_.conflicts
            if each.kind in _KINDS and each.artifact
        )
    )
