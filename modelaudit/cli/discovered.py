"""The option ``--discover`` of ``scan``: the models that a code base loads become targets, anchored at their lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from msgspec import Struct

from modelaudit.batch import name_targets
from modelaudit.cli.writing import show_notes
from modelaudit.model.copies import replace
from modelaudit.model.report import Anchor, AuditReport

if TYPE_CHECKING:
    from modelaudit.model.policy import Policy

_MOST_NOTES: Final = 20
_MAX_NOTE_CHARACTERS: Final = 1_000


class RunTargets(Struct, frozen=True):
    """The targets of a run.

    Attributes:
        targets: each once, in the order of the run.
        anchors: the lines that name each.
        policy_name: as ``modelaudit.scan`` takes it.
        names: a name for each of several targets that no other has.
        gap: what the search for models leaves open, as a clause that follows "because"; empty if nothing.
    """

    targets: tuple[str, ...]
    anchors: Mapping[str, tuple[Anchor, ...]]
    policy_name: str
    policy: Policy
    names: Mapping[str, str]
    gap: str = ""

    def name(self, target: str) -> str:
        """Return the name of a target that no other of the run has; empty for a single target."""
        return self.names.get(target, "")

    def note_gap(self, report: AuditReport) -> AuditReport:
        """Return a report that also states what the search leaves open: the exit code of the run is not its own."""
        if not self.gap:
            return report
        note = f"the command that wrote this report ends with exit code 3, or a worse one, because {self.gap}"
        return replace(report, target=replace(report.target, notes=(*report.target.notes, note)))


def choose_targets(
    policy: str | None,
    targets: Sequence[str],
    revision: str | None,
    path: str | None,
    rules: Sequence[Path],
    quiet: bool,
) -> RunTargets:
    """Choose the policy and the targets of a run: those that were named, and those that a code base loads.

    Args:
        policy: of the option ``--policy``.
        targets: those that the user named; without any, the models of the policy.
        revision: of the option ``--revision``.
        path: the code base; ``None`` for none.
        rules: further rule folders.
        quiet: whether to leave out which policy was found.

    Raises:
        ModelAuditError: the policy is wrong, there is no target, or the path cannot be searched.
    """
    from modelaudit.policy_choice import choose_policy, require_targets  # slow, and --help needs none of it
    from modelaudit.reports.text import escape_unprintable

    choice = choose_policy(policy, targets, rules)
    # A file that was passed over may change the verdict, so it is named in any case.
    show_notes(choice.notes if quiet else choice.remarks)
    if path is None:
        all_targets = tuple(dict.fromkeys(require_targets(choice, revision)))
        return RunTargets(all_targets, choice.anchors, choice.name, choice.policy, name_targets(all_targets))
    found, gap = _find_targets(path, rules, choice.policy)
    # The models of the policy are scanned where no target is named at all.
    named = () if choice.anchors else choice.targets
    found = {_find_named(text, named): anchors for text, anchors in found.items()}
    all_targets = tuple(dict.fromkeys((*named, *found)))
    # Nothing was examined without a target, so that the run cannot pass.
    if not found:
        nothing = "no line of the code loads a model that can be scanned; name one as a target: modelaudit scan TARGET"
        if all_targets:
            click.echo(f"modelaudit: note: {escape_unprintable(nothing)}", err=True)
        gap = gap if all_targets else nothing
    return RunTargets(all_targets, found, choice.name, choice.policy, name_targets(all_targets), gap)


def _find_named(found: str, named: Sequence[str]) -> str:
    """Return the target under the name that the user gave, so that it is scanned once; else the found target."""
    path = Path(found)
    is_path = not found.startswith("hf://") and path.exists()
    return next((each for each in named if is_path and Path(each).exists() and path.samefile(each)), found)


def _find_targets(path: str, rules: Sequence[Path], policy: Policy) -> tuple[dict[str, tuple[Anchor, ...]], str]:
    """Find the targets in a code base, their lines, and the gap; note targets that are not scanned on stderr."""
    from modelaudit.catalogue import load_catalogue
    from modelaudit.discovery import discover
    from modelaudit.discovery.targets import is_absent_path, leave_out, list_targets, list_unscanned
    from modelaudit.internal_errors import convert_internal_errors
    from modelaudit.model.limits import Limits
    from modelaudit.reports.text import escape_unprintable
    from modelaudit.reports.wording import count_noun

    catalogue = load_catalogue(extra=rules)
    found = convert_internal_errors(lambda: discover(path, Limits(), catalogue), f"searching {path!r}")
    kept = leave_out(found, policy.discover_exclude)
    left_out = len(found.uses) - len(kept.uses) + len(found.absences) - len(kept.absences)
    if left_out:
        number = count_noun(left_out, "line or file", "lines or files")
        whys = "; ".join(each.why for each in policy.discover_exclude)
        note = f"discover-exclude of {policy.label} leaves out {number}: {whys}"
        click.echo(f"modelaudit: note: {escape_unprintable(note, _MAX_NOTE_CHARACTERS)}", err=True)
    found = kept
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
    # A path that the code base does not hold may be made when the code is built: it is noted, and leaves the exit code.
    uses = [use for use, _ in unscanned if not is_absent_path(use)]
    unknown = sum(use.name is None for use in uses)
    parts = [
        f"{unknown} not known" if unknown else "",
        f"{len(uses) - unknown} not scanned" if len(uses) > unknown else "",
    ]
    parts += [f"{len(found.absences)} not searched"] if found.absences else []
    gap = ", ".join(filter(None, parts))
    return targets, f"of what the code loads, {gap}" if gap else ""
