"""The option ``--discover`` of ``scan``: the models that a code base loads become targets, anchored at their lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from modelaudit.model.report import Anchor

_MOST_NOTES: Final = 20
_INCOMPLETE: Final = 3


def find_targets(path: str | None, rules: Sequence[Path]) -> tuple[dict[str, tuple[Anchor, ...]], int]:
    """Find the targets in a code base, if one is named, and note on stderr what is not scanned.

    Returns:
        The lines that load each target, and the exit code that the search alone has: 3 if something is not scanned.

    Raises:
        ModelAuditError: the path cannot be searched.
    """
    if path is None:
        return {}, 0
    from modelaudit.catalogue import load_catalogue
    from modelaudit.discovery import discover
    from modelaudit.discovery.targets import list_targets, list_unscanned
    from modelaudit.model.limits import Limits
    from modelaudit.pipeline import convert_internal_errors
    from modelaudit.reports.text import escape_unprintable

    catalogue = load_catalogue(extra=rules)
    found = convert_internal_errors(lambda: discover(path, Limits(), catalogue), f"searching {path!r}")
    notes = [f"{use.file}:{use.line}: {reason}" for use, reason in list_unscanned(found)]
    notes += [f"{each.file}: not searched: {each.unread.detail}" for each in found.absences]
    for note in notes[:_MOST_NOTES]:
        click.echo(f"modelaudit: note: {escape_unprintable(note)}", err=True)
    if len(notes) > _MOST_NOTES:
        click.echo(
            f"modelaudit: note: {len(notes) - _MOST_NOTES} more; modelaudit discover {path} lists them", err=True
        )
    targets = {each.text: each.anchors for each in list_targets(found)}
    if not targets:
        click.echo(f"modelaudit: note: no line of {path} loads a model that can be scanned", err=True)
    return targets, _INCOMPLETE if notes else 0
