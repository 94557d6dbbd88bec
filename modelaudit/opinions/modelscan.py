"""Run modelscan (0.8) for a second opinion. It never changes the verdict, and its silence is not agreement."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, field

from modelaudit.model.address import file_of, is_member, join_member, read_file_path
from modelaudit.model.finding import Finding
from modelaudit.model.limits import GIB, Limits
from modelaudit.model.opinion import Opinion, OpinionFinding, OpinionState
from modelaudit.opinions.comparison import find_disagreements, has_severe_finding
from modelaudit.wire import process

SCANNER = "modelscan"
MEMORY_BYTES = 4 * GIB
"""The address space of the process that runs modelscan."""
CPU_SHARE = 0.3
"""The CPU time of modelscan as a share of that of the scan before it, so that a second opinion costs no multiple."""
MIN_CPU_SECONDS = 0.4
"""The CPU time that modelscan always gets, enough for its start and small models, in seconds."""
MAX_FILE_BYTES = 8 * GIB
"""The size of the largest file that modelscan gets, in bytes; weights are mostly split into files of 5 GB."""
KEPT_FINDINGS = 500
"""The number of findings of modelscan that a report contains."""
KEPT_LINES = 50
"""The number of lines on files that failed, and of disagreements, that a report contains."""
NAMED_FILES = 5
"""The number of files without a reader in modelscan that are named; the rest is counted."""
MAX_RESTARTS = 10
"""The number of crashes of modelscan after which the remaining files are left out."""

_WORKER = Path(__file__).with_name("modelscan_worker.py")


class _Answers(Struct):
    """The answers of modelscan so far.

    Attributes:
        version: the version of modelscan; empty if it did not start.
        findings: (artifact, severity, message) in order, each once.
        examined: addresses that modelscan examined.
        failed: one line for each file or member that it began and did not finish.
        unsupported: files of kinds that it does not read; ``members`` counts those inside files.
        too_large: files of more than ``MAX_FILE_BYTES``, which it was not given.
        trouble: the reason why the run ended early; empty if it did not.
    """

    version: str = ""
    findings: dict[tuple[str, str, str], None] = field(default_factory=dict)
    examined: set[str] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)
    unsupported: list[str] = field(default_factory=list)
    members: int = 0
    too_large: list[str] = field(default_factory=list)
    trouble: str = ""


def get_second_opinion(
    root: Path | None,
    paths: Sequence[str],
    findings: Sequence[Finding],
    limits: Limits,
    own_cpu_seconds: float = math.inf,
) -> Opinion:
    """Scan the same files with modelscan, in a separate process.

    Args:
        root: the folder that holds the artifacts under their own names, or the scanned file; ``None`` where the model
            is not on disk. modelscan decides by file extension, so a Hub cache is given as its snapshot folder: the
            names of blobs have no extension.
        paths: the addresses of the files that open, within ``root``; modelscan finds members of containers itself.
        findings: the findings of this scan, for the comparison.
        limits: ``second_opinion_seconds`` bounds the whole run.
        own_cpu_seconds: the CPU time of this scan so far; modelscan gets ``CPU_SHARE`` of it, and at least
            ``MIN_CPU_SECONDS``.
    """
    files = [path for path in paths if not is_member(path)]
    answers = _Answers()
    if root is None:
        answers.trouble = "modelscan reads files on disk, and the model is not on disk"
    elif not files:
        answers.trouble = "there was no file for modelscan to read"
    else:
        # A little more than the time of the whole run, so that a run without a share ends by its time.
        most_cpu_seconds = limits.second_opinion_seconds + 5
        cpu_seconds = max(MIN_CPU_SECONDS, min(CPU_SHARE * own_cpu_seconds, most_cpu_seconds))
        given = [path for path in files if _find_size(root, path) <= MAX_FILE_BYTES]
        answers.too_large = [path for path in files if path not in set(given)]
        _run_scanner(root.absolute(), given, limits.second_opinion_seconds, cpu_seconds, answers)
    if not answers.examined and not answers.findings:
        detail = answers.trouble or "modelscan examined no file"
        return Opinion(SCANNER, answers.version, OpinionState.ABSENT, detail, absences=_list_absences(answers))
    is_partial = answers.failed or answers.too_large or answers.trouble
    state = OpinionState.PARTLY if is_partial else OpinionState.GIVEN
    absences = ((answers.trouble,) if answers.trouble else ()) + _list_absences(answers)
    opinion_findings = tuple(
        OpinionFinding(artifact, severity, message, has_severe_finding(artifact, findings))
        for artifact, severity, message in list(answers.findings)[:KEPT_FINDINGS]
    )
    reported = {artifact for artifact, _, _ in answers.findings}
    disagreements = _bound_list(find_disagreements(findings, answers.examined, reported))
    return Opinion(
        SCANNER,
        answers.version,
        state,
        _summarise_answers(answers, len(files)),
        opinion_findings,
        absences,
        tuple(disagreements),
    )


def _locate_file(root: Path, address: str) -> Path:
    """Return the path of a file; ``root`` is its folder or the file itself."""
    return root if root.is_file() else root / read_file_path(address)


def _find_size(root: Path, address: str) -> int:
    """Return the size of a file in bytes; 0 if it cannot be found, which modelscan reports."""
    try:
        return _locate_file(root, address).stat().st_size
    except OSError:
        return 0


def _run_scanner(root: Path, files: Sequence[str], seconds: float, cpu_seconds: float, answers: _Answers) -> None:
    """Give all files to one process; after a crash, give the remaining files to a new one, until time is up.

    Args:
        root: the folder of the files, or the only file itself; absolute.
        files: addresses within ``root``.
        seconds: the time for all processes together.
        cpu_seconds: the CPU time for all processes together; a process ends itself when it is used up, and no further
            one is started.
        answers: extended by all that the processes report.
    """
    deadline = time.monotonic() + seconds
    waiting = list(files)
    cpu_seconds_left = cpu_seconds
    for _ in range(MAX_RESTARTS + 1):
        targets = [str(_locate_file(root, address)) for address in waiting]
        request = {"files": targets, "memory": MEMORY_BYTES, "seconds": cpu_seconds_left}
        try:
            run = process.run_script(_WORKER, request, max(0.0, deadline - time.monotonic()))
        except OSError as error:
            answers.trouble = f"modelscan could not be started: {error.strerror or error}"
            return
        cpu_seconds_left = max(0.0, cpu_seconds_left - run.cpu_seconds)
        answered = _collect_answers(run, waiting, answers)
        waiting = waiting[answered:]
        if answers.trouble or not waiting:
            return
        stop_reason = _explain_stop(run, seconds, cpu_seconds, answers)
        if stop_reason:
            answers.trouble = f"{stop_reason}; {len(waiting)} of {len(files)} files were not examined"
            return
        # The process broke on the first file that it did not answer for; the next one begins after that file.
        broken_file = waiting.pop(0)
        answers.failed.append(_bound_line(f"{broken_file}: modelscan broke on it ({_describe_crash(run)})"))
        if not waiting:
            return
    unexamined = f"{len(waiting)} of {len(files)} were not examined"
    answers.trouble = f"modelscan broke on more than {MAX_RESTARTS} files; {unexamined}"


def _explain_stop(run: process.Run, seconds: float, cpu_seconds: float, answers: _Answers) -> str:
    """Return the reason not to start a further process; empty where a single file caused the crash."""
    if run.timed_out:
        return f"modelscan was stopped after {seconds:g} seconds"
    if run.exceeded_cpu_time:
        return f"modelscan was stopped after {round(cpu_seconds, 1):g} seconds of CPU time, its share of this scan"
    if run.exceeded_output:
        return "modelscan was stopped because it wrote too much"
    if not answers.version:
        return f"modelscan broke when it was started ({_describe_crash(run)})"
    return ""


def _collect_answers(run: process.Run, waiting: Sequence[str], answers: _Answers) -> int:
    """Collect the lines of one process, and return the number of files that it answered for.

    Args:
        run: the result of the process.
        waiting: the files that the process was given, in order.
        answers: extended by the lines.
    """
    answered = 0
    for line in run.lines:
        if "missing" in line:
            answers.trouble = _explain_missing_scanner()
        elif "version" in line:
            answers.version = _bound_line(line["version"])
        elif answered < len(waiting) and line.get("done") == answered:
            # Answers count only in order; a line with any other number is not an answer for the next file.
            _collect_answer(line, waiting[answered], answers)
            answered += 1
    return answered


def _collect_answer(line: Mapping[str, object], path: str, answers: _Answers) -> None:
    """Add the answer for one file; ``line`` is what ``modelscan_worker`` wrote, so every value is checked."""
    answers.examined.update(_join_address(path, member) for (member,) in _parse_rows(line.get("scanned"), 1))
    for member, severity, message in _parse_rows(line.get("issues"), 3):
        answers.findings[(_join_address(path, member), _bound_line(severity), _bound_line(message))] = None
    answers.failed += [
        _bound_line(f"{_join_address(path, member)}: {reason}") for member, reason in _parse_rows(line.get("failed"), 2)
    ]
    if line.get("unsupported_itself") is True:
        answers.unsupported.append(path)
    members, cut = line.get("unsupported_members"), line.get("cut")
    answers.members += members if isinstance(members, int) else 0
    if isinstance(cut, int) and cut > 0:
        answers.failed.append(_bound_line(f"{path}: {cut} more entries were left out"))


def _parse_rows(value: object, width: int) -> Iterator[list[str]]:
    """Yield the lists of ``width`` items in a list, as strings; anything else is ignored."""
    if not isinstance(value, list):
        return
    for row in value:
        if isinstance(row, list) and len(row) == width:
            yield [str(cell) for cell in row]


def _bound_line(value: object) -> str:
    """Return ``value`` as one line of at most 1000 characters."""
    return " ".join(str(value).split())[:1000]


def _join_address(path: str, member: str) -> str:
    """Return the address of a member, or the path for the file itself, whose ``member`` is empty."""
    return join_member(path, member) if member else path


def _list_absences(answers: _Answers) -> tuple[str, ...]:
    """List what modelscan did not examine: files that failed, then kinds of files that it does not read."""
    lines = _bound_list(dict.fromkeys(answers.failed))
    if answers.too_large:
        bound = f"the {MAX_FILE_BYTES // GIB} GiB that modelscan is given"
        lines.append(f"{len(answers.too_large)} files are larger than {bound}: {_name_files(answers.too_large)}")
    if answers.unsupported:
        names = _name_files(answers.unsupported)
        number = len(answers.unsupported)
        kinds = "1 file is of a kind" if number == 1 else f"{number:,} files are of kinds"
        lines.append(f"{kinds} that modelscan does not read: {names}")
    if answers.members:
        lines.append(f"{answers.members} members of archives are of kinds that modelscan does not read")
    return tuple(lines)


def _name_files(paths: Sequence[str]) -> str:
    """Return the names of the first files, and the number of the others."""
    names = ", ".join(_bound_line(path)[:100] for path in paths[:NAMED_FILES])
    omitted = len(paths) - NAMED_FILES
    return f"{names} and {omitted} more" if omitted > 0 else names


def _bound_list(entries: Iterable[str]) -> list[str]:
    """Return the first ``KEPT_LINES`` entries, and the number of the others as a last entry."""
    lines = list(entries)
    omitted = len(lines) - KEPT_LINES
    return lines if omitted <= 0 else [*lines[:KEPT_LINES], f"+{omitted} more"]


def _summarise_answers(answers: _Answers, file_count: int) -> str:
    """Summarise the numbers of examined files and of findings; ``file_count`` files were given to modelscan."""
    examined_files = {file_of(address) for address in answers.examined}
    number = len(answers.findings)
    findings = f"{number} finding{'s' if number > 1 else ''}" if number else "no finding"
    if number > KEPT_FINDINGS:
        findings += f"; the first {KEPT_FINDINGS} are listed"
    return f"modelscan examined {len(examined_files)} of {file_count} files and reports {findings}"


def _describe_crash(run: process.Run) -> str:
    """Describe the error that ended the process, or else its signal or exit status."""
    errors = [_bound_line(line["broke"]) for line in run.lines if "broke" in line]
    if errors and errors[-1]:
        return errors[-1]
    return f"signal {-run.status}" if run.status < 0 else f"exit status {run.status}"


def _explain_missing_scanner() -> str:
    """Explain why modelscan could not be imported."""
    if sys.version_info >= (3, 13):
        return f"modelscan is not installed: it needs Python below 3.13, and this is {sys.version.split()[0]}"
    return "modelscan is not installed"
