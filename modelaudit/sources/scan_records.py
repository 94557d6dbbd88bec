"""Records in the Hub cache of the answers of the Hub's own scanners: ``trees/<commit>.scans.json``.

The client does not read them. They show what the Hub answered when the commit was fetched, so that a later scan need
not ask for it again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct

from modelaudit.model.copies import replace
from modelaudit.model.hub_scans import HubScans
from modelaudit.model.limits import Limits
from modelaudit.sources.cache import CachedCommit
from modelaudit.sources.records import read_record_bytes, replace_text
from modelaudit.sources.scan_answers import ScanSummary, format_scans, format_summary, parse_scans, parse_summary

_VERSION: Final = 1


class ScansRecord(Struct, frozen=True):
    """The record of the answers about a commit. ``summary`` is that of the Hub at the time of the answers."""

    scans: HubScans
    summary: ScanSummary | None


def locate_scans_record(commit: str) -> str:
    """Return the path of the record of the answers, below the folder of the repository."""
    return f"trees/{commit}.scans.json"


def read_scans_record(repository: str, commit: str, limits: Limits) -> ScansRecord | None:
    """Read the record of a commit; ``None`` if there is none that can be used, because the Hub can be asked again.

    Args:
        repository: the folder of the repository in the cache.
        commit: 40 hexadecimal digits.
        limits: the bounds.
    """
    data = read_record_bytes(repository, locate_scans_record(commit), limits)
    if not isinstance(data, bytes):
        return None
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or record.get("format_version") != _VERSION:
        return None
    scans = parse_scans(record.get("scans"))
    summary = parse_summary(record.get("summary"), limits.server.listed_files)
    return None if scans is None else ScansRecord(scans, summary)


def write_scans_record(cached_commit: CachedCommit, record: ScansRecord) -> None:
    """Write the record of a commit, in place of an earlier one."""
    content = {
        "format_version": _VERSION,
        "scans": format_scans(record.scans),
        "summary": format_summary(record.summary),
    }
    path = Path(cached_commit.repository, locate_scans_record(cached_commit.commit))
    replace_text(path, json.dumps(content, indent=1))


def recall_scans(cached_commit: CachedCommit, limits: Limits) -> HubScans | None:
    """Return the answers that the cache records about the scanned folder of a commit. It makes no request."""
    record = read_scans_record(cached_commit.repository, cached_commit.commit, limits)
    if record is None or not record.scans.answers:
        return None
    prefix = f"{cached_commit.below}/" if cached_commit.below else ""
    return select_files(record.scans, lambda path: path[len(prefix) :] if path.startswith(prefix) else None)


def select_files(scans: HubScans, name: Callable[[str], str | None]) -> HubScans:
    """Return the answers about the files to which ``name`` gives another name, under that name."""
    answers = []
    for answer in scans.answers:
        files = tuple(named for path in answer.files if (named := name(path)) is not None)
        answers += [replace(answer, files=files)] if files else []
    return replace(scans, answers=tuple(answers))
