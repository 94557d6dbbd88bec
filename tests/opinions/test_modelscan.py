from __future__ import annotations

import os
import sys
import zipfile

import pytest

from modelaudit.model.finding import CheckFamily, Severity
from modelaudit.model.limits import Limits
from modelaudit.model.report import OpinionState
from modelaudit.opinions import get_second_opinion

LIMITS = Limits(second_opinion_seconds=60)

pytestmark = pytest.mark.skipif(sys.version_info >= (3, 13), reason="modelscan needs Python below 3.13")


def test_malicious_pickle_is_an_agreement(lay, hostile, grave):
    root = lay({"sub/evil.pkl": hostile})
    opinion = get_second_opinion(root, ["sub/evil.pkl"], [grave("sub/evil.pkl")], LIMITS)
    assert (opinion.scanner, opinion.version) == ("modelscan", "0.8.8")
    assert opinion.state is OpinionState.GIVEN
    [finding] = opinion.findings
    assert (finding.artifact, finding.severity, finding.agrees) == ("sub/evil.pkl", "critical", True)
    assert "system" in finding.message
    assert opinion.disagreements == ()
    assert opinion.absences == ()


@pytest.mark.parametrize("ours", ["model.pt!archive/data.pkl", "model.pt"])
def test_member_has_its_address(lay, hostile, torch_zip, grave, ours):
    root = lay({"model.pt": torch_zip(hostile)})
    [finding] = get_second_opinion(root, ["model.pt"], [grave(ours)], LIMITS).findings
    assert finding.artifact == "model.pt!archive/data.pkl"
    assert finding.agrees


def test_finding_of_scanner_alone_is_not_an_agreement(lay, hostile, grave):
    root = lay({"evil.pkl": hostile, "other.pkl": hostile})
    others = [
        grave("evil.pkl", Severity.MEDIUM),
        grave("evil.pkl", Severity.CRITICAL, CheckFamily.INTEGRITY),
        grave("other.pkl"),
    ]
    opinion = get_second_opinion(root, ["evil.pkl", "other.pkl"], others, LIMITS)
    assert {finding.artifact: finding.agrees for finding in opinion.findings} == {"evil.pkl": False, "other.pkl": True}


def test_own_finding_in_file_without_opinion_finding_is_a_disagreement(lay, benign, grave):
    root = lay({"weights.pkl": benign})
    ours = [grave("weights.pkl"), grave("weights.pkl", Severity.HIGH), grave("absent.pkl")]
    opinion = get_second_opinion(root, ["weights.pkl"], ours, LIMITS)
    assert opinion.state is OpinionState.GIVEN
    assert opinion.findings == ()
    assert opinion.disagreements == ("weights.pkl",)


def test_medium_finding_is_not_a_disagreement(lay, benign, grave):
    root = lay({"weights.pkl": benign})
    ours = [grave("weights.pkl", Severity.MEDIUM), grave("weights.pkl", Severity.CRITICAL, CheckFamily.INTEGRITY)]
    assert get_second_opinion(root, ["weights.pkl"], ours, LIMITS).disagreements == ()


def test_nothing_examined_gives_no_opinion(lay, grave):
    root = lay({"README.md": b"# hello", "model.safetensors": b"\0" * 8})
    opinion = get_second_opinion(root, ["README.md", "model.safetensors"], [grave("model.safetensors")], LIMITS)
    assert opinion.state is OpinionState.ABSENT
    assert opinion.detail == "modelscan examined none of the 2 files"
    assert opinion.absences == ("2 files are of kinds that modelscan does not read: README.md, model.safetensors",)
    assert opinion.disagreements == ()


def test_archive_without_examined_member_is_reported_as_unread(lay, tmp_path):
    root = lay({"model.pt": b""})
    with zipfile.ZipFile(root / "model.pt", "w") as archive:
        archive.writestr("archive/data.txt", b"text")
    opinion = get_second_opinion(root, ["model.pt"], [], LIMITS)
    assert opinion.state is OpinionState.ABSENT
    assert "model.pt" in opinion.absences[0]


def test_failed_file_makes_the_opinion_partial(lay, benign, hostile):
    root = lay({"good.pkl": benign, "bad.pkl": hostile[:12], "junk.bin": b"junk"})
    opinion = get_second_opinion(root, ["bad.pkl", "good.pkl", "junk.bin"], [], LIMITS)
    assert opinion.state is OpinionState.PARTLY
    assert [line.partition(":")[0] for line in opinion.absences] == ["bad.pkl", "junk.bin"]


def test_failed_file_is_neither_agreement_nor_disagreement(lay, benign, hostile, grave):
    root = lay({"good.pkl": benign, "bad.pkl": hostile[:12]})
    opinion = get_second_opinion(root, ["bad.pkl", "good.pkl"], [grave("bad.pkl")], LIMITS)
    assert opinion.disagreements == ()
    assert opinion.findings == ()


def test_long_list_of_unexamined_parts_is_shortened_and_counted(lay, benign):
    files = {f"junk-{number:03}.bin": b"junk" for number in range(70)}
    root = lay({"good.pkl": benign, **files})
    opinion = get_second_opinion(root, ["good.pkl", *files], [], LIMITS)
    assert opinion.state is OpinionState.PARTLY
    assert opinion.absences[-1] == "+20 more"
    assert len(opinion.absences) == 51


def test_unreadable_file_is_reported_as_unread(lay, benign):
    root = lay({"good.pkl": benign})
    opinion = get_second_opinion(root, ["good.pkl", "gone.pkl"], [], LIMITS)
    assert opinion.state is OpinionState.PARTLY
    assert opinion.absences == ("gone.pkl: No such file or directory",)


@pytest.mark.skipif(os.name != "posix", reason="FIFOs and links")
def test_special_file_is_not_opened(lay, benign):
    root = lay({"good.pkl": benign})
    os.mkfifo(root / "pipe.pkl")
    (root / "dangling.pkl").symlink_to("nowhere")
    opinion = get_second_opinion(root, ["dangling.pkl", "good.pkl", "pipe.pkl"], [], LIMITS)
    assert opinion.absences == ("dangling.pkl: No such file or directory", "pipe.pkl: is not a regular file")


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_hub_cache_is_read_under_snapshot_names(tmp_path, hostile):
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "abc"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    (blobs / "0123").write_bytes(hostile)
    (snapshot / "evil.pkl").symlink_to("../../blobs/0123")
    [finding] = get_second_opinion(snapshot, ["evil.pkl"], [], LIMITS).findings
    assert finding.artifact == "evil.pkl"


def test_root_can_be_a_file(lay, hostile):
    root = lay({"evil.pkl": hostile})
    [finding] = get_second_opinion(root / "evil.pkl", ["evil.pkl"], [], LIMITS).findings
    assert finding.artifact == "evil.pkl"


@pytest.mark.skipif(os.name != "posix", reason="names that other systems refuse")
@pytest.mark.parametrize(
    "name", ["a:b.pkl", "new\nline.pkl", "\x1b[31m.pkl", "a b'\".pkl", os.fsdecode(b"\xff\xfe.pkl")]
)
def test_hostile_names_are_returned_unchanged(lay, hostile, name, grave):
    root = lay({name: hostile})
    [finding] = get_second_opinion(root, [name], [grave(name)], LIMITS).findings
    assert finding.artifact == name
    assert finding.agrees


def test_hostile_member_names_are_addresses_only(lay, hostile, tmp_path):
    root = lay({"model.pt": b""})
    with zipfile.ZipFile(root / "model.pt", "w") as archive:
        archive.writestr("../../escape.pkl", hostile)
        archive.writestr("/etc/absolute.pkl", hostile)
    opinion = get_second_opinion(root, ["model.pt"], [], LIMITS)
    assert {finding.artifact for finding in opinion.findings} == {
        "model.pt!../../escape.pkl",
        "model.pt!/etc/absolute.pkl",
    }


def test_member_paths_are_not_passed_to_modelscan(lay, benign):
    root = lay({"good.pkl": benign})
    opinion = get_second_opinion(root, ["good.pkl", "good.pkl!inner"], [], LIMITS)
    assert opinion.detail == "modelscan examined 1 of 1 files and reports no finding"


def test_modelscan_is_not_imported(lay, hostile):
    get_second_opinion(lay({"evil.pkl": hostile}), ["evil.pkl"], [], LIMITS)
    assert "modelscan" not in sys.modules
