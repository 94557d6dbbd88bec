"""The targets of a scan of what a code base loads: each model and revision once, with the lines that load it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from modelaudit.model.copies import replace
from modelaudit.model.discovery import LOCAL, Discovery, ModelUse
from modelaudit.model.policy import ExcludedCode
from modelaudit.model.report import Anchor
from modelaudit.policy.places import find_project_folder


class DiscoveredTarget(Struct, frozen=True):
    """A repository of the Hub at one revision, as ``hf://org/model@revision``, or a file or folder of the code base."""

    text: str
    anchors: tuple[Anchor, ...]


def list_targets(discovery: Discovery) -> list[DiscoveredTarget]:
    """List what a scan can fetch or open, in the order of the lines that load each first.

    The lines are relative to the repository of git around the code base, as pipelines know files; else to the working
    directory if the code base lies in it; else to the code base. So reports contain no absolute path.
    """
    root = Path(os.path.abspath(discovery.root))  # noqa: PTH100 - the method keeps the dots
    folder = find_project_folder(root / "file" if root.is_dir() else root)
    anchors: dict[str, dict[Anchor, None]] = {}
    for use in discovery.uses:
        text = _find_target(use)
        if text is not None:
            anchors.setdefault(text, {}).setdefault(Anchor(_make_relative(use.file, folder), use.line))
    return [DiscoveredTarget(text, tuple(lines)) for text, lines in anchors.items()]


def leave_out(discovery: Discovery, excluded: Sequence[ExcludedCode]) -> Discovery:
    """Return what a search found without the files that a policy leaves out."""

    def is_kept(file: str) -> bool:
        return not any(each.covers(file) for each in excluded)

    uses = tuple(each for each in discovery.uses if is_kept(each.file))
    return replace(discovery, uses=uses, absences=tuple(each for each in discovery.absences if is_kept(each.file)))


def _find_target(use: ModelUse) -> str | None:
    """Return the target of a use; a relative path begins with a dot, so that it is never read as anything else."""
    if use.path is not None:
        return use.path if use.path.startswith(("/", ".")) else f"./{use.path}"
    return None if use.target is None else f"hf://{use.target}"


def _make_relative(file: str, folder: Path) -> str:
    """Return the path of a file of the code base below a folder."""
    return Path(os.path.relpath(file, folder)).as_posix()


def list_unscanned(discovery: Discovery) -> Iterator[tuple[ModelUse, str]]:
    """Yield each use that no target covers, with the reason."""
    for use in discovery.uses:
        if _find_target(use) is None:
            yield use, explain_missing_target(use)


def explain_missing_target(use: ModelUse) -> str:
    """Explain why a use names no target of a scan."""
    if use.name is None:
        what = "path" if use.source == LOCAL else "name"
        return f"the {what} of the {use.kind} is not known: {use.detail}"
    if use.source == LOCAL:
        return f"{use.name} is not scanned: {use.detail}; scan the path where it exists"
    what = f"{use.name} is a space" if use.kind == "space" else f"{use.name} comes from {use.source}"
    return f"{what}, which cannot be scanned by name; download it and scan the folder"


def is_absent_path(use: ModelUse) -> bool:
    """Whether a use names a path that the code base does not hold: it may come into being when the code is built."""
    return use.source == LOCAL and use.name is not None and use.path is None
