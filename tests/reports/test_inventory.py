from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from support.decisions import build_decision

from modelaudit.model.acceptance import Acceptance, AcceptanceSource
from modelaudit.model.address import write_file_address
from modelaudit.model.artifact import RefKind
from modelaudit.model.copies import replace
from modelaudit.model.digest import Claim, ClaimSource, Digest, DigestAlgorithm
from modelaudit.model.report import Absence, ArtifactRecord, AuditReport, Coverage, Extent
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.model.verdict import Verdict
from modelaudit.reports.inventory import compute_tree_digest, describe_comparison, group_absences, list_shown_digests

UNREAD = Absence(Unread(UnreadReason.NO_READER, "no reader for ONNX"))


def replace_records(report: AuditReport, *records: ArtifactRecord) -> AuditReport:
    """Return the report with other records of files."""
    return replace(report, decision=build_decision(Verdict.INCOMPLETE, (), Coverage(records)))


def test_tree_digest_equals_the_sha256_of_the_sha256sum_output_for_all_files_in_byte_order(
    passing: AuditReport, tmp_path: Path
) -> None:
    names = ["b.txt", "a/z.bin", "a.txt", "\u00e4.txt", "we!rd.txt", f"a\n{'0' * 64}  b", "a\\nb", "a\rb"]
    (tmp_path / "a").mkdir()
    records = []
    for name in names:
        (tmp_path / name).write_bytes(name.encode() * 3)
        digest = Digest(DigestAlgorithm.SHA256, hashlib.sha256(name.encode() * 3).hexdigest())
        records.append(ArtifactRecord(write_file_address(name), 1, Extent.EXAMINED, digests=(digest,)))
    names_by_bytes = sorted(names, key=str.encode)
    printed = subprocess.run(["sha256sum", *names_by_bytes], cwd=tmp_path, capture_output=True, check=True).stdout
    assert compute_tree_digest(replace_records(passing, *records)) == hashlib.sha256(printed).hexdigest()
    assert compute_tree_digest(replace_records(passing, *reversed(records))) == hashlib.sha256(printed).hexdigest()


def test_report_has_no_tree_digest_unless_every_file_has_a_digest(
    incomplete: AuditReport, failing: AuditReport
) -> None:
    assert compute_tree_digest(incomplete) is None
    assert compute_tree_digest(failing) is None


def test_inventory_groups_equal_absences_of_one_extension_in_one_folder_with_all_addresses() -> None:
    alike = tuple((f"assets/onnx/m{number}.onnx", UNREAD) for number in range(10))
    # Another extension, another folder, a member, and an absence at an offset of its file.
    different = (
        ("assets/onnx/x.gguf", UNREAD),
        ("m.onnx", UNREAD),
        ("a.zip!m.onnx", UNREAD),
        ("assets/onnx/p.onnx", Absence(replace(UNREAD.unread, where=Location(offset=3)))),
    )
    groups = group_absences((*alike, *different))
    assert groups[0].name == "10 ONNX files in assets/onnx/"
    assert groups[0].addresses == tuple(address for address, _ in alike)
    assert [group.name for group in groups[1:]] == [address for address, _ in different]


def test_inventory_groups_equal_absences_of_members_of_one_container() -> None:
    members = tuple((f"tables.gz!table.csv!pickle@{number}", UNREAD) for number in range(4))
    groups = group_absences((*members, ("other.gz!b.csv!pickle@1", UNREAD)))
    assert [group.name for group in groups] == ["4 members of tables.gz!table.csv", "other.gz!b.csv!pickle@1"]
    # The same name at another place of each member.
    placed = [replace(UNREAD, unread=replace(UNREAD.unread, where=Location(line=number))) for number in range(4)]
    layers = tuple((f"saved_model.pb!layer-{number}.json", each) for number, each in enumerate(placed))
    assert [group.name for group in group_absences(layers)] == ["4 members of saved_model.pb"]
    assert [group.absence for group in group_absences(layers[:2])] == placed[:2]


def test_inventory_does_not_group_fewer_than_three_equal_absences() -> None:
    accepted = replace(UNREAD, acceptance=Acceptance(AcceptanceSource.POLICY, "p", "x"))
    two_alike = (("a.onnx", UNREAD), ("b.onnx", UNREAD), ("c.onnx", accepted))
    assert [group.name for group in group_absences(two_alike)] == ["a.onnx", "b.onnx", "c.onnx"]
    three_alike = tuple((f"{number}.onnx", UNREAD) for number in range(3))
    assert [group.name for group in group_absences(three_alike)] == ["3 ONNX files in the top folder"]


def test_git_digest_of_a_file_is_shown_only_if_the_source_claims_one() -> None:
    sha, git = Digest(DigestAlgorithm.SHA256, "a" * 64), Digest(DigestAlgorithm.GIT_BLOB, "b" * 40)
    record = ArtifactRecord("x", 1, Extent.EXAMINED, digests=(sha, git))
    assert list_shown_digests(record) == (sha,)
    assert list_shown_digests(replace(record, claims=(Claim(git, ClaimSource.HUB, ""),))) == (sha, git)


def test_comparison_with_the_source_counts_equal_and_altered_and_uncompared_files(
    passing: AuditReport, failing: AuditReport, incomplete: AuditReport
) -> None:
    assert describe_comparison(passing) == "Not compared: no source states digests of local files."
    remote = replace(passing, target=replace(passing.target, kind=RefKind.MODEL))
    assert describe_comparison(remote) == "Not compared: the source states no digest for any file."
    assert describe_comparison(incomplete) == "There was no file to compare."
    assert describe_comparison(failing) == (
        "4 of 7 files verified against the Hub; 2 of them by SHA-1 only; 1 CONTRADICTED; 2 not verified."
    )
