"""Write reports to their destinations: parse ``-o``, render and print."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final

import click
from msgspec import Struct

from modelaudit.batch import audit_targets
from modelaudit.cli.files import check_own_file, check_place, is_folder, remove_file, write_file
from modelaudit.cli.overwriting import NamedFile, refuse_inputs
from modelaudit.cli.writing import print_document, show_error, show_notes
from modelaudit.model.artifact import RefKind
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.report import AuditReport, Target
from modelaudit.policy.places import find_enclosing_target
from modelaudit.reports import REPORTS, detect_format, find_format
from modelaudit.reports.text import escape_unprintable
from modelaudit.sources.target import note_local_readings

DEFAULT_FORMAT = "table"
_MOST_TARGETS_NAMED: Final = 5
_MAX_CAUSE_CHARACTERS: Final = 1_000


class Destination(Struct, frozen=True):
    """One ``-o``: a format, and the file or folder to write; ``None`` for stdout."""

    format: str
    path: Path | None

    def choose_file(self, target: Target, written: set[str], model: str = "") -> Path | None:
        """Choose the file for a target: in a folder, a file named after the target and its commit.

        Args:
            target: the target of the report.
            model: its name in a run of several models.
            written: the case-folded paths of the files of this run, extended by this one. If the name is among
                them, a number is added to it.
        """
        if self.path is None or not self.path.is_dir():
            return self.path
        name = f"{model or target.name}@{target.commit or ''}"
        slug = re.sub(r"[^\w.\-]+", "--", name, flags=re.ASCII).strip("-.") or "model"
        format_, colon, part = self.format.partition(":")
        ending = f"{'.' if colon else ''}{part}{REPORTS[format_].endings[0]}"
        path = self.path / f"{slug}{ending}"
        # Folded, because some file systems treat two names that differ in case as one.
        numbers = count(2)
        while str(path).casefold() in written:
            path = self.path / f"{slug}--{next(numbers)}{ending}"
        written.add(str(path).casefold())
        check_own_file(path)
        return path


def describe_output_option() -> str:
    """Describe ``-o`` for the help: every format with an example of a file name and its purpose."""
    parts = [f"{each.name} or report{each.endings[0]} ({each.summary})" for each in REPORTS.values()]
    return f"Repeatable, as FORMAT, FORMAT=FILE, or a FILE whose name implies the format: {'; '.join(parts)}."


def add_bom_option(command: Callable[..., int]) -> Callable[..., int]:
    """Add ``--bom-findings`` to a command."""
    return click.option(
        "--bom-findings",
        type=click.Choice(["yes", "no"]),
        default="yes",
        show_default=True,
        help="List the findings as vulnerabilities in a bill of materials; with no, it refers to the report instead.",
    )(command)


def parse_destinations(values: Sequence[str], target_count: int) -> tuple[Destination, ...]:
    """Parse every ``-o``; the table goes to stdout unless another document does.

    Raises:
        ConfigurationError: an unknown format, two documents for stdout, a folder that does not exist or cannot be
            written, or one file for several targets.
        OutputError: the system fails to write in a folder, as on a full disk.
    """
    destinations = [_parse_destination(value) for value in values]
    to_stdout = [destination for destination in destinations if destination.path is None]
    if len(to_stdout) > 1:
        raise ConfigurationError(
            f"stdout takes one document, not {len(to_stdout)}: name a file for all but one, as in -o html=report.html"
        )
    if not to_stdout:
        destinations.append(Destination(DEFAULT_FORMAT, None))
    if target_count > 1:
        _check_destinations_for_several_targets(destinations)
    # ``is_folder`` also refuses a name that the system refuses, such as one that is too long, before any scan begins.
    paths = [destination.path for destination in destinations if destination.path]
    files = [path for path in paths if not is_folder(path)]
    # Two spellings of one file, or a link to it, are one.
    if len(set(map(os.path.realpath, files))) < len(files):
        raise ConfigurationError("two reports go into the same file; name a different file for each")
    for path in files:
        if not path.absolute().parent.is_dir():
            raise ConfigurationError(f"{path}: the folder does not exist; create it first")
    for path in paths:
        check_place(path)
    return tuple(destinations)


def _parse_destination(value: str) -> Destination:
    """Parse the value of one ``-o``: ``FORMAT``, ``FORMAT=FILE``, or a file name whose ending implies the format.

    Raises:
        ConfigurationError: the format is unknown, the file is not named, or a folder does not exist.
    """
    format_, equals, path = value.partition("=")
    if equals and find_format(format_):
        if not path:
            raise ConfigurationError(f"-o {value}: write the name of a file after the equals sign")
        if path.endswith("/") and not Path(path).is_dir():
            raise ConfigurationError(f"{path}: the folder does not exist; create it first")
        return Destination(format_, Path(path))
    if find_format(value):
        return Destination(value, None)
    # A single word is a misspelt format. Anything else may be a file name, perhaps with an equals sign.
    if re.fullmatch(r"[a-z0-9:-]+", format_):
        from modelaudit.catalogue.known_keys import suggest_word

        hint = suggest_word(format_, REPORTS) or f"; use one of: {', '.join(REPORTS)}"
        raise ConfigurationError(f"-o {value}: {format_!r} is not a format{hint}")
    return Destination(detect_format(value), Path(value))


def _check_destinations_for_several_targets(destinations: list[Destination]) -> None:
    """Check that no report of a target would overwrite that of another: only the table and folders take several.

    Raises:
        ConfigurationError: a destination is one file, or a document on stdout.
    """
    for destination in destinations:
        if destination.path is None and destination.format != DEFAULT_FORMAT:
            raise ConfigurationError(
                f"-o {destination.format}: several targets need a folder, as in -o json=reports/; nothing was scanned"
            )
        if destination.path is not None and not destination.path.is_dir():
            raise ConfigurationError(
                f"{destination.path}: several targets need an existing folder, not one file; nothing was scanned"
            )


def prepare_destinations(
    values: Sequence[str], targets: Sequence[str], inputs: Sequence[NamedFile] = (), ledger: Path | None = None
) -> tuple[Destination, ...]:
    """Parse every ``-o``, and remove the files that an earlier run wrote there, so that no pipeline publishes them.

    In a folder they stay, because their names follow from the targets.

    Args:
        values: of the option.
        targets: as the user names them; files in one stay, because they are parts of the model.
        inputs: files that this run reads beside those of its command line, such as those of a policy.
        ledger: of ``--ledger``, which may be none of the inputs either.

    Raises:
        ConfigurationError: as ``parse_destinations`` does, a file is one of ``inputs``, or it cannot be removed.
        OutputError: the system fails to write in a folder, as on a full disk.
    """
    destinations = parse_destinations(values, len(targets))
    outputs = [NamedFile("-o", each.path) for each in destinations if each.path is not None]
    refuse_inputs([*outputs, *([] if ledger is None else [NamedFile("--ledger", ledger)])], inputs)
    for path in (each.path for each in destinations if each.path is not None):
        if path.is_file() and find_enclosing_target(path, targets) is None:
            remove_file(path)
    return destinations


def publish_report(
    report: AuditReport,
    target: str,
    destinations: Sequence[Destination],
    written: set[str],
    render_screen: Callable[[Sequence[tuple[str, str]]], bytes] | None,
    render_page: Callable[[], bytes] | None = None,
    model: str = "",
    bom_findings: bool = True,
) -> None:
    """Write a report to every destination, after a note on how its target was read.

    Files come first, because the reader of stdout may close the pipe before all is printed.

    Args:
        report: the result of the target.
        target: as the user typed it.
        destinations: the destinations of the run.
        written: the files that this run wrote already, extended by this call.
        render_screen: renders the default document for stdout, which may name the format and the path of each file
            that was written; ``None`` under ``--quiet``.
        render_page: renders the default document for a file; ``None`` if that is the registered format ``table``.
        model: the name of the target in a run of several models; empty for a single one.
        bom_findings: whether a bill of materials lists the findings.
    """
    if render_screen is None:
        show_failure(report, target)
    else:
        show_notes(tuple(note_local_readings([target])))
    files: list[tuple[str, Path]] = []
    # The name of a part is known to be wrong only here; the other files are written before that ends the run.
    for destination in sorted(destinations, key=lambda each: ":" in each.format):
        path = destination.choose_file(report.target, written, model)
        if path is not None:
            if render_page is not None and destination.format == DEFAULT_FORMAT:
                write_file(path, render_page())
            else:
                write_file(path, render(report, destination.format, model, bom_findings))
            files.append((destination.format, path))
    for destination in destinations:
        if destination.path is None and destination.format != DEFAULT_FORMAT:
            print_document(render(report, destination.format, model, bom_findings))
        elif destination.path is None and render_screen is not None:
            print_document(render_screen([(format_, str(path)) for format_, path in files]))
    if render_screen is not None and report.target.kind is RefKind.FOLDER:
        _warn_of_files_in_model(Path(target).resolve(), [path for _, path in files])


def _warn_of_files_in_model(folder: Path, files: Sequence[Path]) -> None:
    """Print a line to stderr if a report was written into the scanned folder, where it becomes a part of the model."""
    inside = [str(path) for path in files if path.resolve().is_relative_to(folder)]
    if inside:
        places = ", ".join(inside)
        consequence = "so the next scan examines it as a file of the model; write to a place outside that folder"
        show_notes([f"{places}: written into the scanned folder, {consequence}"])


def show_failure(report: AuditReport, target: str) -> None:
    """Print one line to stderr if the exit code of a report is not 0: under ``--quiet`` a job has no other trace."""
    from modelaudit.reports.answers import describe_exit_code

    if report.exit_code:
        with suppress(OSError):  # a reader of stderr that went away changes no exit code
            click.echo(f"modelaudit: {escape_unprintable(f'{target}: {describe_exit_code(report)}')}", err=True)


def audit_all(
    targets: Sequence[str],
    audit: Callable[[str], AuditReport],
    publish: Callable[[str, AuditReport], None],
    quiet: bool,
    gap: str = "",
) -> int:
    """Audit and publish each target, print the exit code of the run with its cause, and return it.

    The line goes to stderr. A single target without a gap has none, because its own report ends with the code.

    Args:
        targets: as the user names them.
        audit: scans one target, or answers on its licence.
        publish: writes the report of a target.
        quiet: print nothing about exit code 0.
        gap: what the search for targets leaves open; empty if nothing.
    """
    outcomes = audit_targets(targets, audit, publish, show_error, bool(gap))
    code, count = outcomes.exit_code, len(targets)
    if (count > 1 or gap) and (code or not quiet):
        decisive = outcomes.decisive_targets if code else ()
        more = [f"{len(decisive) - _MOST_TARGETS_NAMED} more"] if len(decisive) > _MOST_TARGETS_NAMED else []
        causes = [", ".join([*decisive[:_MOST_TARGETS_NAMED], *more]), gap]
        text = escape_unprintable("; ".join(filter(None, causes)), _MAX_CAUSE_CHARACTERS)
        run = f"{count} target{'' if count == 1 else 's'}"
        with suppress(OSError):  # a reader of stderr that went away changes no exit code
            click.echo(f"modelaudit: exit code {code} for {run}{f': {text}' if text else ''}", err=True)
    return code


def render(report: AuditReport, format_: str, model: str = "", bom_findings: bool = True) -> bytes:
    """Render a report as ``modelaudit.reports.render`` does. Raises ``InternalError`` if rendering itself fails."""
    from modelaudit.internal_errors import convert_internal_errors
    from modelaudit.reports import render

    return convert_internal_errors(
        lambda: render(report, format_, model, bom_findings=bom_findings), f"rendering {format_}"
    )


def load_saved_report(path: Path) -> AuditReport:
    """Load the report that an earlier scan saved as JSON. Raises ``ConfigurationError``."""
    from modelaudit.reports.json_report import load_report

    return load_report(path)
