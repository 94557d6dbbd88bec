"""Render a report for the terminal, in its width, and in colours if it takes them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TextIO

from modelaudit.model.finding import Severity
from modelaudit.model.report import AuditReport

_COLUMNS: Final = 100
"""The width where the terminal states none, as behind a pipe."""
_LINES: Final = 24


def choose_width() -> int:
    """Return the width of the terminal in columns."""
    return shutil.get_terminal_size((_COLUMNS, _LINES)).columns


def uses_color(stream: TextIO) -> bool:
    """Whether to write colours to a stream.

    ``NO_COLOR`` (no-color.org) forbids them, ``FORCE_COLOR`` (force-color.org) asks for them; either counts if it is
    set and not empty. Without both, a terminal gets colours.
    """
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def render_for_terminal(
    report: AuditReport,
    files: Sequence[tuple[str, str]] = (),
    *,
    verbose: bool = False,
    show: Severity = Severity.LOW,
    name: str = "",
) -> bytes:
    """Render the first screen, or with ``verbose`` the whole report.

    Args:
        report: the report to show.
        files: format and path of each file that this run wrote for the report.
        verbose: whether to show all of it.
        show: the lowest severity to list.
        name: of the target, as the user typed it.

    Raises:
        InternalError: rendering itself failed.
    """
    from modelaudit.internal_errors import convert_internal_errors
    from modelaudit.reports.screen import render_screen
    from modelaudit.reports.terminal import render_table

    width, color = choose_width(), uses_color(sys.stdout)
    if verbose:
        return convert_internal_errors(
            lambda: render_table(report, width=width, color=color, show=show, files=files), "rendering the report"
        )
    return convert_internal_errors(
        lambda: render_screen(report, width=width, color=color, show=show, files=files, name=name),
        "rendering the screen",
    )


def choose_screen(
    report: AuditReport, target: str, show: str, verbose: bool, quiet: bool
) -> Callable[[Sequence[tuple[str, str]]], bytes] | None:
    """Return the renderer of the screen of ``target``, which takes the written files; ``None`` where nothing is shown.

    Args:
        report: the result of the target.
        target: as the user typed it.
        show: the lowest severity to list.
        verbose: whether to show the whole report.
        quiet: whether to show nothing.
    """
    if quiet:
        return None
    return partial(render_for_terminal, report, verbose=verbose, show=Severity(show), name=target)
