"""modelscan (0.8) as a second opinion. It never changes our verdict, and what it does not say counts for nothing."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modelaudit.model.address import file_of, is_member, join_member
from modelaudit.model.finding import Finding
from modelaudit.model.limits import GIB, Limits
from modelaudit.model.report import Opinion, OpinionFinding, OpinionState
from modelaudit.opinions import process
from modelaudit.opinions.comparison import is_grave, unshared

SCANNER = "modelscan"
MEMORY_BYTES = 4 * GIB
KEPT_FINDINGS = 500
KEPT_LINES = 50
NAMED_FILES = 5
RESTARTS = 10
"""How many files may break modelscan before the rest is given up."""

_WORKER = Path(__file__).with_name("modelscan_worker.py")


@dataclass(slots=True)
class _Heard:
    """What came back so far.

    Attributes:
        findings: (artifact, severity, message) in order, each once.
        examined: addresses that modelscan went through.
        failed: one line for each file or member that it took on and did not get through.
        unsupported: files of kinds that it does not read; ``members`` counts those inside files.
        trouble: what ended the whole of it early.
    """

    version: str = ""
    findings: dict[tuple[str, str, str], None] = field(default_factory=dict)
    examined: set[str] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)
    unsupported: list[str] = field(default_factory=list)
    members: int = 0
    trouble: str = ""


def second_opinion(root: Path | None, paths: Sequence[str], findings: Sequence[Finding], limits: Limits) -> Opinion:
    """Ask modelscan about the same files, in a process of its own.

    Args:
        root: the folder that holds the artifacts under their own names, or the one file that was scanned; ``None``
            where nothing is on disk. modelscan goes by extensions, so for the Hub cache this is the snapshot's folder
            and not that of the blobs.
        paths: the artifacts that open, relative to ``root``; members of containers among them are left to modelscan.
        findings: ours, to compare with.
        limits: ``second_opinion_seconds`` bounds the whole of it.
    """
    files = [path for path in paths if not is_member(path)]
    heard = _Heard()
    if root is None:
        heard.trouble = "modelscan reads files on disk, and the model is not on disk"
    elif not files:
        heard.trouble = "there was no file for modelscan to read"
    else:
        _ask(root.absolute(), files, limits.second_opinion_seconds, heard)
    given = bool(heard.examined or heard.findings)
    if not given:
        detail = heard.trouble or f"modelscan examined none of the {len(files)} files"
        return Opinion(SCANNER, heard.version, OpinionState.ABSENT, detail, absences=_absences(heard))
    state = OpinionState.PARTLY if heard.failed or heard.trouble else OpinionState.GIVEN
    absences = ((heard.trouble,) if heard.trouble else ()) + _absences(heard)
    return Opinion(
        SCANNER,
        heard.version,
        state,
        _detail(heard, len(files)),
        tuple(
            OpinionFinding(artifact, severity, message, is_grave(artifact, findings))
            for artifact, severity, message in list(heard.findings)[:KEPT_FINDINGS]
        ),
        absences,
        tuple(_bounded(unshared(findings, heard.examined, {artifact for artifact, _, _ in heard.findings}))),
    )


def _ask(root: Path, files: Sequence[str], seconds: float, heard: _Heard) -> None:
    """Hand all files to one process, and what is left when a file breaks it to the next, until time is up."""
    deadline = time.monotonic() + seconds
    waiting = list(files)
    for _ in range(RESTARTS + 1):
        targets = [str(root if root.is_file() else root / path) for path in waiting]
        order = {"files": targets, "memory": MEMORY_BYTES, "seconds": math.ceil(seconds) + 5}
        try:
            run = process.run(_WORKER, order, max(0.0, deadline - time.monotonic()))
        except OSError as error:
            heard.trouble = f"modelscan could not be started: {error.strerror or error}"
            return
        answered = _listen(run, waiting, heard)
        waiting = waiting[answered:]
        if heard.trouble or not waiting:
            return
        if reason := _stopped(run, seconds, heard):
            heard.trouble = f"{reason}; {len(waiting)} of {len(files)} files were not examined"
            return
        heard.failed.append(_text(f"{waiting.pop(0)}: modelscan broke on it ({_last_words(run)})"))
        if not waiting:
            return
    heard.trouble = f"modelscan broke on more than {RESTARTS} files; {len(waiting)} of {len(files)} were not examined"


def _stopped(run: process.Run, seconds: float, heard: _Heard) -> str:
    """Why there is no use in a further process; empty where only one file was too much."""
    if run.timed_out:
        return f"modelscan was stopped after {seconds:g} seconds"
    if run.flooded:
        return "modelscan was stopped because it wrote too much"
    if not heard.version:
        return f"modelscan broke when it was started ({_last_words(run)})"
    return ""


def _listen(run: process.Run, waiting: Sequence[str], heard: _Heard) -> int:
    """Take in what one process wrote. Returns for how many files it answered."""
    answered = 0
    for line in run.lines:
        if "missing" in line:
            heard.trouble = _missing()
        elif "version" in line:
            heard.version = _text(line["version"])
        elif line.get("done") == answered < len(waiting):
            _take_in(line, waiting[answered], heard)
            answered += 1
    return answered


def _take_in(line: Mapping[str, object], path: str, heard: _Heard) -> None:
    heard.examined.update(_address(path, member) for (member,) in _rows(line.get("scanned"), 1))
    for member, severity, message in _rows(line.get("issues"), 3):
        heard.findings[(_address(path, member), _text(severity), _text(message))] = None
    heard.failed += [_text(f"{_address(path, member)}: {reason}") for member, reason in _rows(line.get("failed"), 2)]
    if line.get("unsupported_itself") is True:
        heard.unsupported.append(path)
    members, cut = line.get("unsupported_members"), line.get("cut")
    heard.members += members if isinstance(members, int) else 0
    if isinstance(cut, int) and cut > 0:
        heard.failed.append(_text(f"{path}: {cut} more entries were left out"))


def _rows(value: object, width: int) -> Iterator[list[str]]:
    for row in value if isinstance(value, list) else ():
        if isinstance(row, list) and len(row) == width:
            yield [str(cell) for cell in row]


def _text(value: object) -> str:
    """One line, bounded."""
    return " ".join(str(value).split())[:1000]


def _address(path: str, member: str) -> str:
    return join_member(path, member) if member else path


def _absences(heard: _Heard) -> tuple[str, ...]:
    lines = _bounded(dict.fromkeys(heard.failed))
    if heard.unsupported:
        some = ", ".join(_text(path)[:100] for path in heard.unsupported[:NAMED_FILES])
        rest = len(heard.unsupported) - NAMED_FILES
        more = f" and {rest} more" if rest > 0 else ""
        lines.append(f"{len(heard.unsupported)} files are of kinds that modelscan does not read: {some}{more}")
    if heard.members:
        lines.append(f"{heard.members} members of archives are of kinds that modelscan does not read")
    return tuple(lines)


def _bounded(entries: Iterable[str]) -> list[str]:
    listed = list(entries)
    more = len(listed) - KEPT_LINES
    return listed if more <= 0 else [*listed[:KEPT_LINES], f"+{more} more"]


def _detail(heard: _Heard, files: int) -> str:
    tops = {file_of(address) for address in heard.examined}
    found = f"{len(heard.findings)} findings" if heard.findings else "no finding"
    if len(heard.findings) > KEPT_FINDINGS:
        found += f", of which the first {KEPT_FINDINGS} are listed"
    return f"modelscan examined {len(tops)} of {files} files and reports {found}"


def _last_words(run: process.Run) -> str:
    broke = next((_text(line["broke"]) for line in reversed(run.lines) if "broke" in line), "")
    return broke or (f"signal {-run.status}" if run.status < 0 else f"exit status {run.status}")


def _missing() -> str:
    if sys.version_info >= (3, 13):
        return f"modelscan is not installed: it needs Python below 3.13, and this is {sys.version.split()[0]}"
    return "modelscan is not installed"
