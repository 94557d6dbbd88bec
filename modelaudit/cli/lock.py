"""``modelaudit lock``: record what models consist of and where they came from, and find drift on the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from modelaudit.cli.files import check_place, write_file
from modelaudit.cli.parsing import StrictCommand
from modelaudit.cli.progress import ProgressLine
from modelaudit.cli.writing import print_lines, show_notes
from modelaudit.model.errors import ConfigurationError

_DEFAULT: Final = "modelaudit.lock"


@click.command("lock", cls=StrictCommand)
@click.argument("targets", metavar="[TARGET]...", nargs=-1)
@click.option("--revision", metavar="REV", help="Branch, tag or commit on the Hub; same as TARGET@REV.")
@click.option("-o", "--output", metavar="FILE", help=f"The lock file. Default: {_DEFAULT}.")
@click.option("--check", is_flag=True, help="Ask the Hub for changes of the locked repositories; write nothing.")
@click.option("--offline", is_flag=True, help="Use the local Hub cache only; make no request.")
@click.option("--partial", is_flag=True, help="Lock what is there of a partial download; the lock counts what is not.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no remarks.")
def command(
    targets: tuple[str, ...],
    revision: str | None,
    output: str | None,
    check: bool,
    offline: bool,
    partial: bool,
    quiet: bool,
) -> int:
    """Record the files of models in a lock, and find drift.

    The lock holds the commit, owner, licence, and the SHA-256 of every file of each TARGET.

    A TARGET is org/model[@rev], datasets/org/name[@rev], or a folder. Models that the lock file holds already
    and that are not named stay in it. `modelaudit verify --lock FILE` compares models with it.

    With --check, the only argument is the lock file, by default modelaudit.lock. Drift is a tag that moved, a
    rewritten history, a missing commit, another owner, a repository that is younger than the lock, or
    another licence.

    Exit codes: 0 locked, or no drift; 1 drift; 2 usage error; 3 the Hub did not answer a question; 4 could
    not run.
    """
    if check:
        return _check_drift(targets, output, revision, offline, quiet)
    if not targets:
        raise ConfigurationError("name what to lock: org/model, or a folder")
    from modelaudit.locking import LockOptions, extend_lock

    path = Path(output or _DEFAULT)
    check_place(path)
    remarks: list[str] = []
    with ProgressLine(enabled=not quiet) as ticker:
        options = LockOptions(path, revision, offline, ticker.download, partial=partial, remark=remarks.append)
        text, locked = extend_lock(targets, options)
    write_file(path, text.encode("ascii"))
    if not quiet:
        titles = [f"{each.title}: {len(each.entries)} entries, tree v1:{each.tree_digest}" for each in locked]
        show_notes([*remarks, *(f"{path}: {title}" for title in titles)])
    return 0


def _check_drift(targets: tuple[str, ...], output: str | None, revision: str | None, offline: bool, quiet: bool) -> int:
    """Print the changes of the repositories of a lock, and return the exit code."""
    if output is not None or revision is not None or len(targets) > 1:
        raise ConfigurationError(f"--check takes the lock file alone: modelaudit lock --check {_DEFAULT}")
    from modelaudit.drift import find_drift
    from modelaudit.reports.drift import render_drift

    results = find_drift(targets[0] if targets else _DEFAULT, offline=offline)
    print_lines(render_drift(results, quiet=quiet))
    return next((code for code in (1, 3) if any(each.exit_code == code for each in results)), 0)
