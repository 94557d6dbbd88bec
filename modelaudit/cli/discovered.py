"""The option ``--discover`` of ``scan``: the models that a code base loads become targets, anchored at their lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from modelaudit.model.report import Anchor

if TYPE_CHECKING:
    from modelaudit.policy_choice import PolicyChoice

_MOST_NOTES: Final = 20
_INCOMPLETE: Final = 3


def add_discovered(
    choice: PolicyChoice, revision: str | None, path: str | None, rules: Sequence[Path]
) -> tuple[tuple[str, ...], dict[str, tuple[Anchor, ...]], int]:
    """Return the targets of a run: those that were named, and those that a code base loads.

    Args:
        choice: the policy, with the targets that the user named, or else the models of the policy.
        revision: of the option ``--revision``.
        path: the code base; ``None`` for none.
        rules: further rule folders.

    Returns:
        The targets, the lines that name each, and the exit code of the search: 3 if something of it is not scanned,
        or if nothing is.

    Raises:
        ModelAuditError: there is no target, or the path cannot be searched.
    """
    from modelaudit.policy_choice import require_targets

    if path is None:
        return require_targets(choice, revision), dict(choice.anchors), 0
    found, code = _find_targets(path, rules)
    # The models of the policy are scanned where no target is named at all.
    named = () if choice.anchors else choice.targets
    found = {_find_named(text, named): anchors for text, anchors in found.items()}
    targets = tuple(dict.fromkeys((*named, *found)))
    # Nothing was examined without a target, so that the run cannot pass.
    return targets, found, code if targets else _INCOMPLETE


def _find_named(found: str, named: Sequence[str]) -> str:
    """Return the target by which the user named what was found, so that it is scanned once; else what was found."""
    path = Path(found)
    is_path = not found.startswith("hf://") and path.exists()
    return next((each for each in named if is_path and Path(each).exists() and path.samefile(each)), found)


def _find_targets(path: str, rules: Sequence[Path]) -> tuple[dict[str, tuple[Anchor, ...]], int]:
    """Find the targets in a code base with the lines that load each, and note on stderr what is not scanned."""
    from modelaudit.catalogue import load_catalogue
    from modelaudit.discovery import discover
    from modelaudit.discovery.targets import is_absent_path, list_targets, list_unscanned
    from modelaudit.model.limits import Limits
    from modelaudit.pipeline import convert_internal_errors
    from modelaudit.reports.text import escape_unprintable

    catalogue = load_catalogue(extra=rules)
    found = convert_internal_errors(lambda: discover(path, Limits(), catalogue), f"searching {path!r}")
    unscanned = list(list_unscanned(found))
    notes = [f"{use.file}:{use.line}: {reason}" for use, reason in unscanned]
    notes += [f"{each.file}: not searched: {each.unread.detail}" for each in found.absences]
    if found.skipped_folders:
        skipped = ", ".join(f"{name} ({number})" for name, number in found.skipped_folders)
        notes.append(f"{path}: folders that are not searched: {skipped}")
    for note in notes[:_MOST_NOTES]:
        click.echo(f"modelaudit: note: {escape_unprintable(note)}", err=True)
    if len(notes) > _MOST_NOTES:
        click.echo(
            f"modelaudit: note: {len(notes) - _MOST_NOTES} more; modelaudit discover {path} lists them", err=True
        )
    targets = {each.text: each.anchors for each in list_targets(found)}
    if not targets:
        note = f"no line of {path} loads a model that can be scanned; name one as a target: modelaudit scan TARGET"
        click.echo(f"modelaudit: note: {escape_unprintable(note)}", err=True)
    # A path that the code base does not hold may be made when the code is built: it is noted, and leaves the exit code.
    is_complete = not found.absences and all(is_absent_path(use) for use, _ in unscanned)
    return targets, 0 if is_complete else _INCOMPLETE
