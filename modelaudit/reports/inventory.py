"""Views of the file inventory: comparison with the source, the digest over all files, and grouped absences."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from msgspec import Struct

from modelaudit.model.address import is_member, read_file_path
from modelaudit.model.artifact import RefKind
from modelaudit.model.copies import replace
from modelaudit.model.digest import Digest, DigestAlgorithm
from modelaudit.model.finding import CheckFamily
from modelaudit.model.report import Absence, ArtifactRecord, AuditReport, DigestState, Extent, FormatNote
from modelaudit.model.structure import NOWHERE
from modelaudit.model.wording import ALGORITHMS as ALGORITHMS
from modelaudit.model.wording import CLAIM_SOURCES, describe_claim, describe_strength
from modelaudit.reports.wording import DIGEST_STATES, count_noun, join_phrases

LOCAL_KINDS = frozenset({RefKind.FILE, RefKind.FOLDER, RefKind.CACHE})
"""The kinds of targets that are read from the disk."""

_MIN_GROUP_FILES = 3
_MEMBERS = "!"
"""In place of an extension, for the members of one container."""


class AbsenceGroup(Struct, frozen=True):
    """Absences that differ only in the name of the file.

    Attributes:
        name: a phrase for what the files have in common, or the address of a single one.
        addresses: where each absence is.
        absence: the absence that they share.
    """

    name: str
    addresses: tuple[str, ...]
    absence: Absence


def group_absences(pairs: tuple[tuple[str, Absence], ...]) -> tuple[AbsenceGroup, ...]:
    """Group equal absences of three or more files with one folder and one extension, or of members of one container.

    Members may differ in the place of the absence inside of them. Others stay single.
    """
    pairs_by_key: dict[tuple[str, str, Absence], list[tuple[str, Absence]]] = {}
    for address, absence in pairs:
        path = PurePosixPath(address)
        is_whole = absence.unread.where == NOWHERE
        shared = absence
        if is_member(address):
            shared = replace(absence, unread=replace(absence.unread, where=NOWHERE))
            folder, extension = address.rpartition("!")[0], _MEMBERS
        elif is_whole and path.suffix:
            folder, extension = str(path.parent), path.suffix
        else:
            # An absence inside a file, or of a file without an extension, gets a key of its own: its address.
            folder, extension = "", address
        pairs_by_key.setdefault((folder, extension, shared), []).append((address, absence))
    groups: list[AbsenceGroup] = []
    for (folder, extension, shared), members in pairs_by_key.items():
        addresses = [address for address, _ in members]
        # Equal absences of one address must not be counted as several files.
        has_repeated_address = len(set(addresses)) < len(addresses)
        if len(addresses) < _MIN_GROUP_FILES or has_repeated_address:
            groups += (AbsenceGroup(absence.name_part(address), (address,), absence) for address, absence in members)
            continue
        where = "the top folder" if folder == "." else f"{folder}/"
        files = f"{extension.lstrip('.').upper()} files in {where}"
        name = f"{len(addresses):,} {f'members of {folder}' if extension == _MEMBERS else files}"
        groups.append(AbsenceGroup(name, tuple(addresses), shared))
    return tuple(groups)


def compute_tree_digest(report: AuditReport) -> str | None:
    """Compute one SHA-256 over all files; ``None`` if there are no files or one has no SHA-256.

    Its input is the lines that ``sha256sum`` prints for the files (digest, two spaces, path, line break), sorted by
    the bytes of the path. As there, a line begins with a backslash and escapes the path where the path holds a
    backslash, a line feed or a carriage return, so that no two trees have the same lines.

    Decisions bind to it, and not to the tree digest of a lock: it follows from any report, also from a saved one, which
    holds neither modes nor links nor empty folders; and decisions that people made before have it on file.
    """
    if report.coverage.unopened:
        return None
    return combine_digests({record.path: _find_sha256(record) for record in report.coverage.artifacts})


def describe_missing_tree(report: AuditReport) -> str:
    """Describe in a clause why there is no digest over all files."""
    coverage = report.coverage
    reasons = [f"{count_noun(coverage.unopened, 'file was', 'files were')} left unopened"] if coverage.unopened else []
    if CheckFamily.INTEGRITY not in report.policy.checks:
        reasons.insert(0, "these checks compute no digests")
    elif without := sum(_find_sha256(each) is None for each in coverage.artifacts):
        reasons.append(f"{count_noun(without, 'file has', 'files have')} no SHA-256 digest")
    return join_phrases(reasons) or "there is no file"


def _find_sha256(record: ArtifactRecord) -> str | None:
    """Return the SHA-256 of a file; ``None`` if it was not computed."""
    return next((each.value for each in record.digests if each.algorithm is DigestAlgorithm.SHA256), None)


def combine_digests(sha256_by_address: Mapping[str, str | None]) -> str | None:
    """Compute the digest of a tree from the SHA-256 of each file; ``None`` if there are no files or one has none."""
    digests_by_path: list[tuple[bytes, str]] = []
    for address, sha256 in sha256_by_address.items():
        if sha256 is None:
            return None
        digests_by_path.append((read_file_path(address).encode("utf-8", "surrogatepass"), sha256))
    if not digests_by_path:
        return None
    lines = (_write_line(sha256, path) for path, sha256 in sorted(digests_by_path))
    return hashlib.sha256(b"".join(lines)).hexdigest()


def _write_line(sha256: str, path: bytes) -> bytes:
    """Write the line of a file as ``sha256sum`` of GNU coreutils does."""
    escaped = path.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    mark = b"\\" if escaped != path else b""
    return mark + sha256.encode() + b"  " + escaped + b"\n"


def list_shown_digests(record: ArtifactRecord) -> tuple[Digest, ...]:
    """List the digests to print: SHA-256, and every algorithm that the source uses for this file."""
    stated = {digest.algorithm for digest in record.claimed} | {DigestAlgorithm.SHA256}
    return tuple(digest for digest in record.digests if digest.algorithm in stated)


def has_claimed_digests(report: AuditReport) -> bool:
    """Whether the source states a digest of any file."""
    return any(record.claimed for record in report.coverage.artifacts)


def describe_comparison(report: AuditReport) -> str:
    """Describe the comparison of the files with the digests of the source in one sentence."""
    states = [record.digest_state for record in report.coverage.artifacts]
    if not states:
        return "There was no file to compare."
    if not has_claimed_digests(report):
        if report.target.kind in LOCAL_KINDS:
            return "Not compared: no source states digests of local files."
        return "Not compared: the source states no digest for any file."
    strong, weak = states.count(DigestState.MATCH), states.count(DigestState.MATCH_SHA1)
    differing = states.count(DigestState.MISMATCH)
    uncompared = len(states) - strong - weak - differing
    sources = sorted(
        {claim.source for record in report.coverage.artifacts for claim in record.agreeing_claims},
        key=lambda source: source.rank,
    )
    by = f" against {join_phrases([CLAIM_SOURCES[each] for each in sources])}" if sources else ""
    parts = [f"{strong + weak:,} of {count_noun(len(states), 'file')} verified{by}"]
    if weak:
        parts.append(f"{weak:,} of them by SHA-1 only")
    if differing:
        parts.append(f"{differing:,} CONTRADICTED")
    if uncompared:
        parts.append(f"{uncompared:,} not verified")
    return "; ".join(parts) + "."


def describe_format(note: FormatNote, report: AuditReport) -> str:
    """Describe whether files of a format can run code when they are loaded, and what the check of their code found."""
    power = f"{'can' if note.runs_code else 'cannot'} run code when it is loaded: {note.why}."
    if CheckFamily.SECURITY not in report.policy.checks:
        return f"{power} Its code was not analysed." if note.runs_code else power
    records = [each for each in report.coverage.artifacts if note.format in each.formats]
    sentences = [power]
    if note.runs_code:
        sentences.append(_describe_analysis(records))
    # A report of an older version does not say which format of a container its findings are on.
    if note.findings is not None:
        where = f" in {len(records):,} files" if len(records) > 1 else ""
        number = f"{note.findings:,}" if note.findings else "none"
        sentences.append(f"Security findings on it{where}: {number}.")
    return " ".join(sentences)


def describe_judged_formats(report: AuditReport) -> str:
    """Describe the formats whose content decides whether anything runs, such as Python; empty without any."""
    notes = [each for each in report.formats if each.runs_code is None]
    names = {each.format for each in notes}
    if not names:
        return ""
    are = "their" if len(names) > 1 else "its"
    power = f"{join_phrases(sorted(names))}: {are} content decides whether anything runs"
    if CheckFamily.SECURITY not in report.policy.checks:
        return f"{power}; it was not analysed."
    files = count_noun(sum(bool(names.intersection(each.formats)) for each in report.coverage.artifacts), "file")
    found = [f"{count_noun(each.findings, 'finding')} on {each.format}" for each in notes if each.findings]
    # A report of an older version has no numbers.
    if any(each.findings is None for each in notes):
        return f"{power}, in {files}."
    return f"{power}. The security check judged it in {files}: {join_phrases(found) or 'no finding'}."


def _describe_analysis(records: Sequence[ArtifactRecord]) -> str:
    """Describe in one sentence how far the code of files with one format was analysed."""
    unread = sum(_is_unread(each) for each in records)
    partly = sum(each.extent is not Extent.EXAMINED for each in records) - unread
    if not unread + partly:
        return "Its code was analysed."
    if unread == len(records):
        where = "the file" if unread == 1 else "the files"
        return f"Its code was not analysed, because the reader found no valid part in {where}."
    parts = [f"{count_noun(partly, 'file was', 'files were')} read in part"] if partly else []
    parts += [f"{count_noun(unread, 'file was', 'files were')} not read"] if unread else []
    return f"Its code was analysed as far as it was read: {join_phrases(parts)}."


def _is_unread(record: ArtifactRecord) -> bool:
    """Whether a reader recognised the file and found no valid part in it."""
    counts = record.byte_counts
    is_unparsed = counts is not None and not counts.parsed + counts.data
    return record.extent is Extent.NOT or (record.extent is Extent.PARTLY and is_unparsed)


def describe_bytes(report: AuditReport) -> str:
    """Describe how many bytes were parsed, are declared as data, or belong to no part of their format.

    A structure may declare more data than a damaged file holds.
    """
    counts = report.coverage.count_bytes()
    total = sum(record.size for record in report.coverage.artifacts)
    uncounted = total - counts.parsed - counts.data - counts.unclaimed
    files = sum(record.byte_counts is None for record in report.coverage.artifacts)
    text = (
        f"{counts.parsed:,} read as structure or text, {counts.data:,} of numbers or contents by the stated size, "
        f"{counts.unclaimed:,} without a place in the format"
    )
    return f"{text}, {uncounted:,} in {count_noun(files, 'file')} not counted by class" if uncounted > 0 else text


def describe_comparison_shortly(report: AuditReport) -> str:
    """Describe in one clause how many files have confirmed digests, by source."""
    records = report.coverage.artifacts
    if not has_claimed_digests(report):
        return "no source states digests"
    verified = [each for each in records if each.digest_state in (DigestState.MATCH, DigestState.MATCH_SHA1)]
    sources = sorted({claim.source for each in verified for claim in each.agreeing_claims}, key=lambda each: each.rank)
    by = f" by {join_phrases([CLAIM_SOURCES[each] for each in sources])}" if sources else ""
    return f"{len(verified):,} of {len(records):,} verified{by}"


def describe_verification(record: ArtifactRecord) -> str:
    """Describe the comparison of one file with the digests that sources state: ``verified: SHA-256, by the Hub``."""
    contradicting = record.contradicting_claims
    claims = contradicting or record.agreeing_claims
    by = ", by " + join_phrases([describe_claim(claim) for claim in claims]) if claims else ""
    strength = ""
    if record.digest_state in (DigestState.MATCH, DigestState.MATCH_SHA1):
        strength = f": {describe_strength(claim.digest.algorithm for claim in claims)}"
    return DIGEST_STATES[record.digest_state] + strength + by
