"""The whole story, through the public interface, on folders and files."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fixtures import FIXTURES

import modelaudit
from modelaudit.model.artifact import RefKind
from modelaudit.model.errors import ConfigurationError, InternalError, SourceError
from modelaudit.model.finding import Severity
from modelaudit.model.limits import GIB, Limits
from modelaudit.model.report import AuditReport, Extent, Verdict
from modelaudit.model.structure import UnreadReason

PICKLES = FIXTURES / "pickle"


def scan(target: Path | str, **options: object) -> AuditReport:
    return modelaudit.scan(target, **{"second_opinion": False, **options})  # type: ignore[arg-type]


def rules(report: AuditReport) -> set[str]:
    return {finding.rule for finding in report.findings}


def reasons(report: AuditReport) -> list[UnreadReason]:
    return [absence.unread.reason for _, absence in report.coverage.open_absences]


def model(folder: Path, **files: bytes) -> Path:
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_bytes(content)
    return folder


def test_malicious_and_truncated_fails_and_is_partly_read() -> None:
    report = scan(PICKLES / "truncated/malicious-truncated.pkl")
    assert report.exit_code == 1
    assert "pickle/dangerous-call" in rules(report)
    (record,) = report.coverage.artifacts
    assert record.extent is Extent.PARTLY
    assert reasons(report) == [UnreadReason.DAMAGED]
    assert any("not examined" in reason for reason in report.decision.reasons)


def test_unknown_format_is_incomplete(tmp_path: Path) -> None:
    report = scan(model(tmp_path, model__plan=b"\x08\x07\x12\x07pytorch" + bytes(range(200, 256))))
    assert (report.exit_code, report.decision.verdict) == (3, Verdict.INCOMPLETE)
    assert reasons(report) == [UnreadReason.NO_READER]
    assert report.coverage.artifacts[0].extent is Extent.NOT


def test_unknown_format_among_others_is_incomplete(tmp_path: Path) -> None:
    report = scan(model(tmp_path, config__json=b"{}", logo__png=b"\x89PNG\r\n\x1a\n" + bytes(50)))
    assert report.exit_code == 3


def test_empty_folder_is_incomplete(tmp_path: Path) -> None:
    report = scan(tmp_path)
    assert report.exit_code == 3
    assert report.decision.reasons == ("there was nothing to scan",)


def test_empty_file_is_incomplete(tmp_path: Path) -> None:
    report = scan(model(tmp_path, model__safetensors=b""))
    assert report.exit_code == 3
    assert reasons(report) == [UnreadReason.EMPTY]


@pytest.fixture
def odd_things(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "config.json").write_bytes(b"{}")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "escaping").symlink_to("/etc/hostname")
    (tmp_path / "upwards").symlink_to("../" * 20 + "etc/hostname")
    os.mkfifo(tmp_path / "pipe")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    yield tmp_path
    listener.close()


def test_links_and_special_files_are_named_and_never_opened(odd_things: Path) -> None:
    report = scan(odd_things)
    found = {address: absence.unread.reason for address, absence in report.coverage.open_absences}
    assert found == {
        "dangling": UnreadReason.LINK_DANGLING,
        "escaping": UnreadReason.LINK_OUTSIDE,
        "upwards": UnreadReason.LINK_OUTSIDE,
        "pipe": UnreadReason.NOT_REGULAR,
        "socket": UnreadReason.NOT_REGULAR,
    }
    assert report.exit_code == 1  # a link that leads out is high by itself
    assert "coverage/link-outside-root" in rules(report)


def test_dangling_link_alone_is_incomplete(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b"{}")
    (tmp_path / "model.bin").symlink_to("nowhere")
    assert scan(tmp_path).exit_code == 3


def test_unreadable_file_is_named(tmp_path: Path) -> None:
    model(tmp_path, config__json=b"{}", secret__json=b"{}")
    (tmp_path / "secret.json").chmod(0)
    tmp_path.chmod(0o755)
    code = (
        "import os, modelaudit\n"
        # Once as root, so that everything is imported: nobody may not be able to read the environment of the tests.
        f"modelaudit.scan({str(tmp_path / 'config.json')!r}, second_opinion=False)\n"
        "os.setuid(65534) if os.getuid() == 0 else None\n"
        f"report = modelaudit.scan({str(tmp_path)!r}, second_opinion=False)\n"
        "print(report.exit_code, *[absence.unread.reason for _, absence in report.coverage.open_absences])"
    )
    for folder in tmp_path.parents:
        if folder != Path("/tmp") and str(folder).startswith("/tmp/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["3", "unreadable"], done.stderr


@pytest.mark.parametrize(
    "name", [b"control\x01\x1b[31m.json", b"invalid\xff\xfe.json", "bidi\u202egnp.json".encode(), b"new\nline.json"]
)
def test_hostile_names_are_read_and_reported(tmp_path: Path, name: bytes) -> None:
    from modelaudit.reports import REPORTS, render
    from modelaudit.reports.json_report import parse_report

    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(b"{}")
    report = scan(tmp_path)
    assert report.exit_code == 0
    for format_ in REPORTS:
        content = render(report, format_)
        assert b"\x1b" not in content
        # JSON is data; what people read shows such characters escaped.
        assert "\u202e".encode() not in content or format_ in ("json", "cyclonedx")
        content.decode("utf-8")
    assert parse_report(render(report, "json")) == report


def test_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"\x80\x04]" + b"K\x01a" * 3_000_000 + b".")
    stop = threading.Event()

    def grow() -> None:
        with path.open("r+b") as file:
            while not stop.is_set():
                file.seek(5)
                file.write(b"\x02")
                file.flush()
                os.utime(path)

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        report = scan(path)
    finally:
        stop.set()
        writer.join()
    assert UnreadReason.CHANGED in reasons(report)
    assert report.exit_code == 1
    assert "integrity/changed-while-read" in rules(report)


def sparse(path: Path, size: int) -> Path:
    header = json.dumps({"weights": {"dtype": "U8", "shape": [size - 1008], "data_offsets": [0, size - 1008]}}).encode()
    with path.open("wb") as file:
        file.write((1000).to_bytes(8, "little") + header.ljust(1000))
        file.truncate(size)
    return path


@pytest.mark.slow
def test_memory_stays_flat_over_a_4_gb_weight_file(tmp_path: Path) -> None:
    target = sparse(tmp_path / "model.safetensors", 4 * GIB)
    code = (
        "import modelaudit, pathlib, re\n"
        f"report = modelaudit.scan({str(target)!r}, second_opinion=False)\n"
        # Not ru_maxrss: on Linux a child's begins with its parent's.
        "peak = re.search(r'VmHWM:\\s+(\\d+)', pathlib.Path('/proc/self/status').read_text())[1]\n"
        "print(report.exit_code, report.coverage.artifacts[0].digests[0].value, peak)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    exit_code, digest, peak = done.stdout.split()
    assert exit_code == "0"
    assert len(digest) == 64
    assert int(peak) < 200 * 1024  # kilobytes on Linux


@pytest.mark.slow
def test_10_gb_sparse_file_gives_a_report(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    with path.open("wb") as file:
        file.truncate(10 * GIB)
    report = scan(path, checks=["security"])
    assert report.exit_code == 3
    assert report.coverage.artifacts[0].size == 10 * GIB


def test_exceeded_deadline_is_reported_as_unread(tmp_path: Path) -> None:
    report = scan(model(tmp_path, a__pkl=b"\x80\x04N."), limits=Limits(artifact_seconds=0, seconds_per_gib=0))
    assert reasons(report) == [UnreadReason.LIMIT]
    assert report.coverage.artifacts[0].digests


def zipped(name: str, content: bytes) -> bytes:
    import io
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(("depth", "code"), [(2, 3), (3, 0)])
def test_depth_is_bounded(tmp_path: Path, depth: int, code: int) -> None:
    nested = zipped("a.zip", zipped("b.zip", zipped("c.json", b"{}")))
    report = scan(model(tmp_path, nested__zip=nested), limits=Limits(depth=depth))
    assert report.exit_code == code
    assert reasons(report) == [UnreadReason.LIMIT] * (code == 3)


@pytest.mark.parametrize(("members", "code"), [(3, 3), (4, 0)])
def test_nested_members_are_bounded_in_total(tmp_path: Path, members: int, code: int) -> None:
    nested = zipped("a.zip", zipped("b.zip", zipped("c.zip", zipped("d.json", b"{}"))))
    report = scan(model(tmp_path, nested__zip=nested), limits=Limits(members_total=members))
    assert report.exit_code == code
    assert reasons(report) == [UnreadReason.LIMIT] * (code == 3)


def replace_pickle_reader(monkeypatch: pytest.MonkeyPatch, **parts: object) -> None:
    from dataclasses import replace

    from modelaudit.formats.registry import READERS

    readers = tuple(replace(reader, **parts) if reader.format == "pickle" else reader for reader in READERS)  # type: ignore[arg-type]
    monkeypatch.setattr("modelaudit.pipeline.READERS", readers)


def raising(error: Exception) -> object:
    def fail(*_: object) -> Iterator[object]:
        raise error
        yield

    return fail


def test_reader_exception_is_an_absence_of_matching_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    from modelaudit.model.errors import WindowError
    from modelaudit.wire.base import DamagedError, LimitReachedError

    target = PICKLES / "benign/data-protocol4.pkl"
    for error, reason in (
        (DamagedError("x", 3), UnreadReason.DAMAGED),
        (LimitReachedError("x", 3), UnreadReason.LIMIT),
        (WindowError("x", UnreadReason.ENCRYPTED), UnreadReason.ENCRYPTED),
        (RuntimeError("x"), UnreadReason.READER_FAILED),
    ):
        replace_pickle_reader(monkeypatch, read=raising(error))
        assert reasons(scan(target)) == [reason]


def test_failing_recognition_is_reported_as_unread(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from modelaudit.model.errors import WindowError

    def fail(error: Exception) -> object:
        def recognises(_: object) -> bool:
            raise error

        return recognises

    folder = model(tmp_path, config__json=b"{}")
    replace_pickle_reader(monkeypatch, recognises=fail(RuntimeError("a bug")))
    assert reasons(scan(folder)) == [UnreadReason.READER_FAILED]
    replace_pickle_reader(monkeypatch, recognises=fail(WindowError("the disk", UnreadReason.UNREADABLE)))
    assert reasons(scan(folder)) == [UnreadReason.UNREADABLE]


@pytest.mark.parametrize("epoch", ["soon", "9" * 30, "-9" * 30])
def test_invalid_source_date_epoch_is_refused(epoch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    with pytest.raises(ConfigurationError, match="SOURCE_DATE_EPOCH"):
        scan(PICKLES / "benign/data-protocol4.pkl")


def test_scan_time_is_linear_in_files_with_findings(tmp_path: Path) -> None:
    content = (PICKLES / "malicious/os-system.pkl").read_bytes()
    for number in range(300):
        (tmp_path / f"{number:04}.pkl").write_bytes(content)
    report = scan(tmp_path)
    assert len([finding for finding in report.findings if finding.rule == "pickle/dangerous-call"]) == 300
    assert [finding.order for finding in report.findings] == sorted(finding.order for finding in report.findings)


def test_failing_reader_keeps_earlier_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    from modelaudit.formats.registry import find_reader

    def failing(*arguments: object) -> Iterator[object]:
        yield from find_reader("pickle").read(*arguments)  # type: ignore[arg-type]
        raise RuntimeError("a bug")

    replace_pickle_reader(monkeypatch, read=failing)
    report = scan(PICKLES / "malicious/os-system.pkl")
    assert reasons(report) == [UnreadReason.READER_FAILED]
    assert {"pickle/dangerous-call", "coverage/reader-failed"} <= rules(report)


def test_defect_of_the_tool_is_a_defect_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("modelaudit.pipeline.decide", broken)
    with pytest.raises(InternalError, match="RuntimeError: a bug") as caught:
        scan(tmp_path)
    assert caught.value.exit_code == 4


def test_polyglot_is_read_with_every_matching_reader(tmp_path: Path) -> None:
    content = (PICKLES / "malicious/os-system.pkl").read_bytes() + zipped("config.json", b"{}")
    report = scan(model(tmp_path, model__zip=content))
    assert set(report.coverage.artifacts[0].formats) >= {"zip", "pickle"}
    # Under the file's own address: the zip reader finds the same bytes as its leftovers.
    assert "model.zip" in {finding.artifact for finding in report.findings if finding.rule == "pickle/dangerous-call"}


def test_pickle_and_tar_polyglot_is_read_as_both(tmp_path: Path) -> None:
    import io
    import tarfile

    # The name of the first member is the beginning of the file: here a whole pickle.
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("cposix\nsystem\n(S'echo inert'\ntR."))
    report = scan(model(tmp_path, weights__pt=buffer.getvalue()))
    (record,) = report.coverage.artifacts
    assert set(record.formats) == {"tar", "pickle"}
    assert report.exit_code == 1


@pytest.mark.parametrize("folder", ["benign", "malicious"])
def test_pickle_fixtures(folder: str) -> None:
    for path in sorted((PICKLES / folder).iterdir()):
        report = scan(path)
        worst = max(
            (finding.severity.rank for finding in report.findings if finding.rule.startswith("pickle/")), default=0
        )
        if folder == "benign":
            assert worst <= Severity.LOW.rank, (path.name, report.findings)
        elif path.name not in ("unverified-type.pkl", "joblib-array.joblib"):
            assert report.exit_code == 1, path.name


def test_findings_are_sorted_by_severity(tmp_path: Path) -> None:
    for path in sorted((PICKLES / "malicious").iterdir()):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    report = scan(tmp_path)
    ranks = [finding.severity.rank for finding in report.findings]
    assert ranks == sorted(ranks, reverse=True)
    assert {rule.id for rule in report.rules} == rules(report)


def test_checks_choose_families(tmp_path: Path) -> None:
    target = PICKLES / "malicious/os-system.pkl"
    report = scan(target, checks=["license"])
    assert not any(finding.rule.startswith("pickle/") for finding in report.findings)
    assert report.coverage.artifacts[0].digests == ()
    assert scan(target, checks=["security"]).license.state == "not-checked"
    with pytest.raises(ConfigurationError, match="no check is chosen"):
        scan(target, checks=[])
    with pytest.raises(ConfigurationError, match="no rule belongs to provenance yet"):
        scan(target, checks=["provenance"])
    with pytest.raises(ConfigurationError, match="'nonsense' is not a check"):
        scan(target, checks=["nonsense"])


def test_digests_equal_those_of_the_file(tmp_path: Path) -> None:
    import hashlib

    content = b"[" + b"1," * 5000 + b"1]"
    report = scan(model(tmp_path, numbers__json=content))
    assert report.coverage.artifacts[0].digests[0].value == hashlib.sha256(content).hexdigest()


def test_fail_on(tmp_path: Path) -> None:
    target = PICKLES / "malicious/unverified-type.pkl"
    assert scan(target).exit_code == 3
    assert reasons(scan(target)) == [UnreadReason.UNVERIFIED]
    assert scan(target, fail_on="medium").exit_code == 1
    assert scan(PICKLES / "malicious/os-system.pkl", fail_on="never").exit_code == 0
    with pytest.raises(ConfigurationError, match="severity"):
        scan(target, fail_on="hihg")


def test_policy_file(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "name: pictures\ndescription: accepts pictures\nfail-on: critical\nchecks: [security]\n"
        'allow-unread:\n  - reasons: [no-reader]\n    paths: "*.rar"\n    formats: [RAR]\n    why: pictures are not loaded\n'
    )
    folder = tmp_path / "model"
    folder.mkdir()
    model(folder, config__json=b"{}", pictures__rar=b"Rar!\x1a\x07" + bytes(50))
    report = scan(folder, policy=policy)
    assert report.exit_code == 0
    assert report.policy.name == "pictures"
    (record,) = [record for record in report.coverage.artifacts if record.path == "pictures.rar"]
    assert record.extent is Extent.NOT
    assert record.absences[0][1].allowed_by == "pictures: pictures are not loaded"
    (folder / "pictures.rar").write_bytes(b"MZ" + bytes(50))
    assert scan(folder, policy=policy).exit_code == 3
    policy.write_text(policy.read_text().replace("    formats: [RAR]\n", ""))
    with pytest.raises(ConfigurationError, match="a name alone earns no trust"):
        scan(folder, policy=policy)
    with pytest.raises(ConfigurationError, match="neither a file nor one of"):
        scan(folder, policy="no-such-policy")


def test_license_is_concluded_from_card(tmp_path: Path) -> None:
    model(tmp_path, README__md=b"---\nlicense: apache-2.0\n---\n# Model\n")
    report = scan(tmp_path)
    assert report.license.category == "permissive"
    assert report.exit_code == 0
    (tmp_path / "README.md").write_bytes(b"---\nlicense: my-own-terms\n---\n")
    report = scan(tmp_path)
    assert (report.license.state, report.license.category) == ("unrecognised", "unknown")


@pytest.mark.parametrize("target", ["", " "])
def test_empty_target_is_not_the_current_folder(target: str) -> None:
    with pytest.raises(ConfigurationError, match="empty"):
        scan(target)


def test_web_address_differs_from_path() -> None:
    with pytest.raises(ConfigurationError, match="web address"):
        scan("https://huggingface.co/acme/tiny")


def test_missing_path_is_a_source_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        scan(tmp_path / "absent" / "model.bin")


def test_local_path_wins_with_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "tiny").mkdir()
    model(tmp_path / "acme" / "tiny", config__json=b"{}")
    monkeypatch.chdir(tmp_path)
    report = scan("acme/tiny")
    assert report.target.kind is RefKind.FOLDER
    assert any("repository" in note for note in report.target.notes)


def test_two_scans_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from modelaudit.reports import REPORTS, render

    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    first, second = scan(PICKLES), scan(PICKLES)
    for format_ in REPORTS:
        assert render(first, format_) == render(second, format_)
    assert first.created == "2023-11-14T22:13:20Z"


def test_report_states_for_each_format_whether_it_can_run_code():
    from modelaudit.reports import render

    report = modelaudit.scan(FIXTURES / "safetensors/benign", second_opinion=False)
    (note,) = report.formats
    assert (note.format, note.runs_code) == ("safetensors", False)
    assert render(report, "html").decode().count(f"cannot run code when it is loaded: {note.why}") == 1
