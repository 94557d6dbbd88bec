from __future__ import annotations

import os
import sys
import zipfile

import pytest

from modelaudit.model.finding import CheckFamily, Severity
from modelaudit.model.limits import Limits
from modelaudit.model.opinion import OpinionState
from modelaudit.opinions import get_second_opinion

LIMITS = Limits(second_opinion_seconds=60)

pytestmark = pytest.mark.skipif(sys.version_info >= (3, 13), reason="modelscan needs Python below 3.13")


def test_finding_of_both_scanners_is_an_agreement(write_files, malicious_pickle, build_our_finding):
    root = write_files({"sub/evil.pkl": malicious_pickle})
    opinion = get_second_opinion(root, ["sub/evil.pkl"], [build_our_finding("sub/evil.pkl")], LIMITS)
    assert (opinion.scanner, opinion.version) == ("modelscan", "0.8.8")
    assert opinion.state is OpinionState.GIVEN
    [finding] = opinion.findings
    assert (finding.artifact, finding.severity, finding.agrees) == ("sub/evil.pkl", "critical", True)
    assert "system" in finding.message
    assert opinion.disagreements == ()
    assert opinion.absences == ()


@pytest.mark.parametrize("ours", ["model.pt!archive/data.pkl", "model.pt"])
def test_modelscan_finding_in_a_member_agrees_with_our_finding_in_that_member_or_its_archive(
    write_files, malicious_pickle, build_torch_zip, build_our_finding, ours
):
    root = write_files({"model.pt": build_torch_zip(malicious_pickle)})
    [finding] = get_second_opinion(root, ["model.pt"], [build_our_finding(ours)], LIMITS).findings
    assert finding.artifact == "model.pt!archive/data.pkl"
    assert finding.agrees


def test_modelscan_finding_agrees_only_with_our_severe_security_finding_in_the_same_file(
    write_files, malicious_pickle, build_our_finding
):
    root = write_files({"evil.pkl": malicious_pickle, "other.pkl": malicious_pickle})
    ours = [
        build_our_finding("evil.pkl", Severity.MEDIUM),
        build_our_finding("evil.pkl", Severity.CRITICAL, CheckFamily.INTEGRITY),
        build_our_finding("other.pkl"),
    ]
    opinion = get_second_opinion(root, ["evil.pkl", "other.pkl"], ours, LIMITS)
    assert {finding.artifact: finding.agrees for finding in opinion.findings} == {"evil.pkl": False, "other.pkl": True}


def test_our_severe_security_finding_in_a_file_in_which_modelscan_found_nothing_is_a_disagreement(
    write_files, benign_pickle, build_our_finding
):
    root = write_files({"weights.pkl": benign_pickle})
    ours = [
        build_our_finding("weights.pkl"),
        build_our_finding("weights.pkl", Severity.HIGH),
        build_our_finding("absent.pkl"),
    ]
    opinion = get_second_opinion(root, ["weights.pkl"], ours, LIMITS)
    assert opinion.state is OpinionState.GIVEN
    assert opinion.findings == ()
    assert opinion.disagreements == ("weights.pkl",)


def test_our_medium_or_integrity_finding_that_modelscan_lacks_makes_no_disagreement(
    write_files, benign_pickle, build_our_finding
):
    root = write_files({"weights.pkl": benign_pickle})
    ours = [
        build_our_finding("weights.pkl", Severity.MEDIUM),
        build_our_finding("weights.pkl", Severity.CRITICAL, CheckFamily.INTEGRITY),
    ]
    assert get_second_opinion(root, ["weights.pkl"], ours, LIMITS).disagreements == ()


def test_modelscan_that_examined_no_file_gives_no_opinion(write_files, build_our_finding):
    root = write_files({"README.md": b"# hello", "model.safetensors": b"\0" * 8})
    opinion = get_second_opinion(
        root, ["README.md", "model.safetensors"], [build_our_finding("model.safetensors")], LIMITS
    )
    assert opinion.state is OpinionState.ABSENT
    assert opinion.detail == "modelscan examined no file"
    assert opinion.absences == ("2 files are of kinds that modelscan does not read: README.md, model.safetensors",)
    assert opinion.disagreements == ()


def test_archive_of_which_modelscan_examined_no_member_is_reported_as_unread(write_files, tmp_path):
    root = write_files({"model.pt": b""})
    with zipfile.ZipFile(root / "model.pt", "w") as archive:
        archive.writestr("archive/data.txt", b"text")
    opinion = get_second_opinion(root, ["model.pt"], [], LIMITS)
    assert opinion.state is OpinionState.ABSENT
    assert "model.pt" in opinion.absences[0]


def test_opinion_covers_only_part_of_the_files_if_modelscan_cannot_read_one(
    write_files, benign_pickle, malicious_pickle
):
    truncated_pickle = malicious_pickle[:12]
    root = write_files({"good.pkl": benign_pickle, "bad.pkl": truncated_pickle, "junk.bin": b"junk"})
    opinion = get_second_opinion(root, ["bad.pkl", "good.pkl", "junk.bin"], [], LIMITS)
    assert opinion.state is OpinionState.PARTLY
    assert [line.partition(":")[0] for line in opinion.absences] == ["bad.pkl", "junk.bin"]


def test_file_that_modelscan_cannot_read_is_neither_agreement_nor_disagreement(
    write_files, benign_pickle, malicious_pickle, build_our_finding
):
    truncated_pickle = malicious_pickle[:12]
    root = write_files({"good.pkl": benign_pickle, "bad.pkl": truncated_pickle})
    opinion = get_second_opinion(root, ["bad.pkl", "good.pkl"], [build_our_finding("bad.pkl")], LIMITS)
    assert opinion.disagreements == ()
    assert opinion.findings == ()


def test_long_list_of_unexamined_parts_is_shortened_and_counted(write_files, benign_pickle):
    files = {f"junk-{number:03}.bin": b"junk" for number in range(70)}
    root = write_files({"good.pkl": benign_pickle, **files})
    opinion = get_second_opinion(root, ["good.pkl", *files], [], LIMITS)
    assert opinion.state is OpinionState.PARTLY
    assert opinion.absences[-1] == "+20 more"
    assert len(opinion.absences) == 51


def test_file_that_the_other_scanner_cannot_open_is_an_absence_of_the_opinion(write_files, benign_pickle):
    root = write_files({"good.pkl": benign_pickle})
    opinion = get_second_opinion(root, ["good.pkl", "gone.pkl"], [], LIMITS)
    assert opinion.state is OpinionState.PARTLY
    assert opinion.absences == ("gone.pkl: No such file or directory",)


@pytest.mark.skipif(os.name != "posix", reason="FIFOs and links")
def test_other_scanner_opens_neither_a_pipe_nor_a_dangling_link(write_files, benign_pickle):
    root = write_files({"good.pkl": benign_pickle})
    os.mkfifo(root / "pipe.pkl")
    (root / "dangling.pkl").symlink_to("nowhere")
    opinion = get_second_opinion(root, ["dangling.pkl", "good.pkl", "pipe.pkl"], [], LIMITS)
    assert opinion.absences == ("dangling.pkl: No such file or directory", "pipe.pkl: is not a regular file")


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_modelscan_finding_in_a_hub_cache_has_the_snapshot_name_and_not_the_blob_name(tmp_path, malicious_pickle):
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "abc"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    (blobs / "0123").write_bytes(malicious_pickle)
    (snapshot / "evil.pkl").symlink_to("../../blobs/0123")
    [finding] = get_second_opinion(snapshot, ["evil.pkl"], [], LIMITS).findings
    assert finding.artifact == "evil.pkl"


def test_other_scanner_examines_a_target_that_is_a_single_file(write_files, malicious_pickle):
    root = write_files({"evil.pkl": malicious_pickle})
    [finding] = get_second_opinion(root / "evil.pkl", ["evil.pkl"], [], LIMITS).findings
    assert finding.artifact == "evil.pkl"


@pytest.mark.skipif(os.name != "posix", reason="names that other systems refuse")
@pytest.mark.parametrize(
    "name", ["a:b.pkl", "new\nline.pkl", "\x1b[31m.pkl", "a b'\".pkl", os.fsdecode(b"\xff\xfe.pkl")]
)
def test_hostile_file_names_appear_unchanged_in_opinion_findings(
    write_files, malicious_pickle, name, build_our_finding
):
    root = write_files({name: malicious_pickle})
    [finding] = get_second_opinion(root, [name], [build_our_finding(name)], LIMITS).findings
    assert finding.artifact == name
    assert finding.agrees


def test_hostile_member_names_appear_unchanged_in_the_addresses_of_opinion_findings(
    write_files, malicious_pickle, tmp_path
):
    root = write_files({"model.pt": b""})
    with zipfile.ZipFile(root / "model.pt", "w") as archive:
        archive.writestr("../../escape.pkl", malicious_pickle)
        archive.writestr("/etc/absolute.pkl", malicious_pickle)
    opinion = get_second_opinion(root, ["model.pt"], [], LIMITS)
    assert {finding.artifact for finding in opinion.findings} == {
        "model.pt!../../escape.pkl",
        "model.pt!/etc/absolute.pkl",
    }


def test_member_paths_are_not_passed_to_modelscan(write_files, benign_pickle):
    root = write_files({"good.pkl": benign_pickle})
    opinion = get_second_opinion(root, ["good.pkl", "good.pkl!inner"], [], LIMITS)
    assert opinion.detail == "modelscan examined 1 of 1 files and reports no finding"


def test_modelscan_is_not_imported_into_the_process_of_the_scan(write_files, malicious_pickle):
    get_second_opinion(write_files({"evil.pkl": malicious_pickle}), ["evil.pkl"], [], LIMITS)
    assert "modelscan" not in sys.modules
