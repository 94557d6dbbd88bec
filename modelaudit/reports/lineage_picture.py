"""The lineage of a model as a tree of boxes, and the same in words."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from modelaudit.model.license import ConclusionState, LicenseConclusion, Origin
from modelaudit.reports.license_view import Branch, build_lineage_tree, describe_base_model, list_unread_base_models
from modelaudit.reports.license_words import RELATIONS
from modelaudit.reports.wording import end_sentence

_MOST_BOXES: Final = 12
_MOST_DEPTH: Final = 6
_ROW: Final = 52
_STEP: Final = 28
_BOX_HEIGHT: Final = 38
_WIDTH: Final = 620
_NAME_CHARACTERS: Final = 52
_LICENSE_CHARACTERS: Final = 64


class Box(Struct, frozen=True):
    """One model of the picture, in units of the SVG.

    Attributes:
        path: the line from the model that was made from it; empty for the scanned model.
        is_read: whether its licence was concluded from its own files; the box is dashed otherwise.
    """

    x: int
    y: int
    width: int
    name: str
    note: str
    path: str
    is_read: bool


class LineagePicture(Struct, frozen=True):
    """The boxes, the size of the picture, the number of base models that it leaves out, and a text alternative."""

    boxes: tuple[Box, ...]
    width: int
    height: int
    more: int
    words: str


def draw_lineage(license_: LicenseConclusion, name: str) -> LineagePicture | None:
    """Lay out the picture below the model ``name``; ``None`` without base models."""
    branches = build_lineage_tree(license_)
    if not branches:
        return None
    shown = branches[:_MOST_BOXES]
    unread = list_unread_base_models(license_)
    boxes = [Box(1, 1, _WIDTH - 2, _shorten(name, _NAME_CHARACTERS), _describe_own(license_), "", True)]
    rows_by_depth: dict[int, int] = {}
    for row, branch in enumerate(shown, 1):
        depth = min(branch.depth, _MOST_DEPTH) + 1
        parent = rows_by_depth.get(depth - 1, 0)
        rows_by_depth[depth] = row
        x, y = 1 + depth * _STEP, 1 + row * _ROW
        start, middle = 1 + parent * _ROW + _BOX_HEIGHT, y + _BOX_HEIGHT // 2
        path = f"M{x - _STEP // 2} {start}V{middle}H{x}"
        boxes.append(
            Box(
                x, y, _WIDTH - 1 - x,
                _shorten(f"{RELATIONS[branch.origin.relation]} {branch.origin.name}", _NAME_CHARACTERS),
                _shorten(_describe_license(branch.origin), _LICENSE_CHARACTERS),
                path, branch.origin not in unread,
            )
        )  # fmt: skip
    words = " ".join(_describe_step(branch, name) for branch in shown)
    return LineagePicture(tuple(boxes), _WIDTH, len(boxes) * _ROW, len(branches) - len(shown), words)


def _describe_own(license_: LicenseConclusion) -> str:
    """Describe the licence of the model itself in a few words; what contradicting claims name is none."""
    if license_.state is not ConclusionState.CONCLUDED:
        return "no licence determined"
    return _shorten(" and ".join(license_.own) or license_.expression or "licence not known", _LICENSE_CHARACTERS)


def _describe_license(origin: Origin) -> str:
    """Describe the licence of a base model in a few words."""
    return " and ".join(origin.entries) or "licence not known"


def _describe_step(branch: Branch, name: str) -> str:
    """Describe one step of the lineage as a sentence."""
    origin = branch.origin
    return end_sentence(
        f"{origin.made or name} is {RELATIONS[origin.relation]} {origin.name} ({describe_base_model(origin)})"
    )


def _shorten(text: str, most: int) -> str:
    """Shorten a text in the middle, because both ends of a name identify it."""
    if len(text) <= most:
        return text
    half = (most - 1) // 2
    return f"{text[:half]}…{text[-half:]}"
