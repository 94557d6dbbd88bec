"""The targets of a scan of what a code base loads: each repository and revision once, with the lines that load it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from modelaudit.model.discovery import Discovery, ModelUse
from modelaudit.model.report import Anchor


@dataclass(frozen=True, slots=True)
class DiscoveredTarget:
    """A repository of the Hub at one revision; ``text`` is the target as ``hf://org/model@revision``."""

    text: str
    anchors: tuple[Anchor, ...]


def list_targets(discovery: Discovery) -> list[DiscoveredTarget]:
    """List the repositories that a scan can fetch, in the order of the lines that load them first.

    Reports contain no absolute path, so that the lines of a code base that was named by one are relative to it.
    """
    anchors: dict[str, dict[Anchor, None]] = {}
    for use in discovery.uses:
        if use.target is not None:
            anchors.setdefault(f"hf://{use.target}", {}).setdefault(
                Anchor(_make_relative(use.file, discovery.root), use.line)
            )
    return [DiscoveredTarget(text, tuple(lines)) for text, lines in anchors.items()]


def _make_relative(file: str, root: str) -> str:
    """Return the path of a file below ``root`` if that is absolute, and as it was typed otherwise."""
    if not root.startswith("/"):
        return file
    return file.removeprefix(f"{root.rstrip('/')}/") if file != root else file.rpartition("/")[2]


def list_unscanned(discovery: Discovery) -> Iterator[tuple[ModelUse, str]]:
    """Yield each use that no target covers, with the reason."""
    for use in discovery.uses:
        if use.target is None:
            yield use, explain_missing_target(use)


def explain_missing_target(use: ModelUse) -> str:
    """Explain why a use names no target of a scan."""
    if use.name is None:
        return f"the name of the {use.kind} is not known: {use.detail}"
    if use.target is None:
        what = f"{use.name} is a space" if use.kind == "space" else f"{use.name} comes from {use.source}"
        return f"{what}, which cannot be scanned by name; download it and scan the folder"
    return ""
