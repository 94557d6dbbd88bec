"""The inventory by folder: totals of each, and one line for each file that a person and a script can read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from msgspec import Struct

from modelaudit.model.digest import DigestAlgorithm
from modelaudit.model.report import ArtifactRecord, AuditReport, DigestState
from modelaudit.reports.csv_report import render_csv
from modelaudit.reports.inventory import describe_verification, has_claimed_digests
from modelaudit.reports.text import escape_unprintable
from modelaudit.reports.view import describe_extent, list_absences, list_unsearched_paths, name_absences
from modelaudit.reports.wording import count_noun

MOST_TABLE_FILES: Final = 60
"""Files of an inventory that a table lists one by one; a larger one is listed by folder."""
_MOST_FOLDERS: Final = 40
_NO_DIGEST: Final = "no digest".ljust(64)
_MOST_PATH_CHARACTERS: Final = 2000
_MOST_UNOPENED_KINDS: Final = 6


class Folder(Struct, frozen=True):
    """A folder with all files in it and below it that no other entry has.

    Attributes:
        name: its path; empty for the top.
        unread: the number of files that were not examined completely.
        contradicted: the number of files whose digest a source contradicts.
        unsearched_texts: the paths of the texts that were not searched for terms.
    """

    name: str
    records: tuple[ArtifactRecord, ...]
    unsearched_texts: frozenset[str] = frozenset()

    @property
    def size(self) -> int:
        """The size of all files together, in bytes."""
        return sum(record.size for record in self.records)

    @property
    def unread(self) -> int:
        """The number of files that were not examined completely."""
        return sum(not record.is_complete or record.path in self.unsearched_texts for record in self.records)

    @property
    def verified(self) -> int:
        """The number of files whose bytes a stated digest confirms."""
        return sum(record.digest_state in (DigestState.MATCH, DigestState.MATCH_SHA1) for record in self.records)

    @property
    def contradicted(self) -> int:
        """The number of files whose bytes contradict a stated digest."""
        return sum(record.digest_state is DigestState.MISMATCH for record in self.records)


def name_unread(report: AuditReport) -> str:
    """Name the files that the table counts apart, in the words that page 1 has for their parts."""
    name = name_absences(list_absences(report))
    return name.replace("Not examined", "Not completely examined")


def list_folders(report: AuditReport) -> tuple[Folder, ...]:
    """List at most ``_MOST_FOLDERS`` folders; where there are more, deeper ones are part of a folder above them."""
    records = report.coverage.artifacts
    parts = [record.path.split("/")[:-1] for record in records]
    depth = max(map(len, parts), default=0)
    while depth and len({tuple(each[:depth]) for each in parts}) > _MOST_FOLDERS:
        depth -= 1
    by_folder: dict[str, list[ArtifactRecord]] = {}
    for record, each in zip(records, parts, strict=True):
        by_folder.setdefault("/".join(each[:depth]), []).append(record)
    unsearched = frozenset(list_unsearched_paths(report))
    return tuple(Folder(name, tuple(by_folder[name]), unsearched) for name in sorted(by_folder))


def list_file_lines(folder: Folder, report: AuditReport) -> Iterator[str]:
    """Yield a line for each file: SHA-256, size in bytes, examination, verification, and the path."""
    compared = has_claimed_digests(report)
    for record in folder.records:
        sha256 = next((each.value for each in record.digests if each.algorithm is DigestAlgorithm.SHA256), _NO_DIGEST)
        verified = f", {describe_verification(record).partition(':')[0]}" if compared else ""
        path = escape_unprintable(record.path, _MOST_PATH_CHARACTERS)
        searched = ", not searched for terms" if record.path in folder.unsearched_texts else ""
        yield f"{sha256}  {record.size:>15,}  {describe_extent(record, report)}{searched}{verified}  {path}"


def list_unopened_lines(report: AuditReport) -> Iterator[str]:
    """Yield a line for each file that was left unopened, in the form of ``list_file_lines``."""
    for each in report.coverage.unopened_files:
        path = escape_unprintable(each.path, _MOST_PATH_CHARACTERS)
        yield f"{_NO_DIGEST}  {each.size:>15,}  not opened  {path}"


def describe_unopened_kinds(report: AuditReport) -> str:
    """Describe the files that were left unopened in a clause: their number by folder and ending, or the path of one."""
    kinds: dict[tuple[str, str], list[str]] = {}
    for each in report.coverage.unopened_files:
        folder, _, name = each.path.rpartition("/")
        kinds.setdefault((folder, PurePosixPath(name).suffix), []).append(each.path)

    def describe(folder: str, ending: str, paths: list[str]) -> str:
        if len(paths) == 1:
            return escape_unprintable(paths[0], _MOST_PATH_CHARACTERS)
        place = escape_unprintable(folder, _MOST_PATH_CHARACTERS) or "the top folder"
        return f"{count_noun(len(paths), f'{escape_unprintable(ending)} file'.strip())} in {place}"

    phrases = [describe(*kind, paths) for kind, paths in kinds.items()]
    rest = sum(len(paths) for paths in [*kinds.values()][_MOST_UNOPENED_KINDS:])
    more = f" and {count_noun(rest, 'more file')}" if rest else ""
    return f"{'; '.join(phrases[:_MOST_UNOPENED_KINDS])}{more}"


def describe_table_of_files(report: AuditReport) -> str:
    """Describe the CSV output of the report, which has a row for each file, by its number of rows and its SHA-256."""
    content = render_csv(report)
    coverage = report.coverage
    number = len(coverage.artifacts) + len(coverage.missing_files) + len(coverage.unopened_files)
    rows = count_noun(number, "row")
    return f"the CSV output of this report ({rows}, one for each file; SHA-256 {hashlib.sha256(content).hexdigest()})"
