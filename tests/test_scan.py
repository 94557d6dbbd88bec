"""Scans of local folders and files through ``modelaudit.scan``: verdict, coverage, limits, policy and internal errors."""

from __future__ import annotations

import gc
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.cases import check_each
from support.command import run_command
from support.fixtures import FIXTURES

import modelaudit
from modelaudit.checks.references import build_reference_subjects
from modelaudit.model.address import read_file_path, write_file_address
from modelaudit.model.artifact import RefKind
from modelaudit.model.catalogue import Subject
from modelaudit.model.errors import ConfigurationError, InternalError, SourceError
from modelaudit.model.finding import CheckFamily, Severity
from modelaudit.model.limits import GIB, Limits
from modelaudit.model.report import AuditReport, Extent
from modelaudit.model.structure import UnreadReason
from modelaudit.model.verdict import Verdict

PICKLES = FIXTURES / "pickle"


def scan_target(target: Path | str, **options: object) -> AuditReport:
    """Scan a target without a second opinion, unless options say otherwise."""
    return modelaudit.scan(target, **{"second_opinion": False, **options})  # type: ignore[arg-type]


def get_rule_ids(report: AuditReport) -> set[str]:
    """Return the ids of the rules that fired."""
    return {finding.rule for finding in report.findings}


def get_unread_reasons(report: AuditReport) -> list[UnreadReason]:
    """Return the reason of every absence that the policy does not accept."""
    return [absence.unread.reason for _, absence in report.coverage.open_absences]


def write_model(folder: Path, **files: bytes) -> Path:
    """Write files into a folder and return it; ``config__json`` stands for the name ``config.json``."""
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_bytes(content)
    return folder


def test_truncated_malicious_pickle_fails_and_is_partly_read() -> None:
    report = scan_target(PICKLES / "truncated/malicious-truncated.pkl")
    assert report.exit_code == 1
    assert "pickle/dangerous-call" in get_rule_ids(report)
    (record,) = report.coverage.artifacts
    assert record.extent is Extent.PARTLY
    assert get_unread_reasons(report) == [UnreadReason.DAMAGED, UnreadReason.UNCLAIMED]
    assert any("not examined" in reason for reason in report.decision.reasons)


def test_scan_of_a_file_of_unknown_format_is_incomplete(tmp_path: Path) -> None:
    # The bytes begin like an ONNX model; the rest has no known format.
    report = scan_target(write_model(tmp_path, model__plan=b"\x08\x07\x12\x07pytorch" + bytes(range(200, 256))))
    assert (report.exit_code, report.decision.verdict) == (3, Verdict.INCOMPLETE)
    assert get_unread_reasons(report) == [UnreadReason.NO_READER]
    assert report.coverage.artifacts[0].extent is Extent.NOT


def test_scan_of_a_folder_with_one_file_of_unknown_format_is_incomplete(tmp_path: Path) -> None:
    report = scan_target(write_model(tmp_path, config__json=b"{}", logo__png=b"\x89PNG\r\n\x1a\n" + bytes(50)))
    assert report.exit_code == 3


def test_scan_of_an_empty_folder_is_incomplete(tmp_path: Path) -> None:
    report = scan_target(tmp_path)
    assert report.exit_code == 3
    assert report.decision.reasons == ("there was nothing to scan",)


def test_scan_of_an_empty_file_is_incomplete(tmp_path: Path) -> None:
    report = scan_target(write_model(tmp_path, model__safetensors=b""))
    assert report.exit_code == 3
    assert get_unread_reasons(report) == [UnreadReason.EMPTY]


@pytest.fixture
def folder_with_special_files(tmp_path: Path) -> Iterator[Path]:
    """A folder with one ordinary file, three links that lead nowhere or outside, a pipe and a socket."""
    (tmp_path / "config.json").write_bytes(b"{}")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "escaping").symlink_to("/etc/hostname")
    (tmp_path / "upwards").symlink_to("../" * 20 + "etc/hostname")
    os.mkfifo(tmp_path / "pipe")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    yield tmp_path
    listener.close()


def test_links_and_special_files_are_reported_as_unread(folder_with_special_files: Path) -> None:
    report = scan_target(folder_with_special_files)
    reasons = {address: absence.unread.reason for address, absence in report.coverage.open_absences}
    assert reasons == {
        "dangling": UnreadReason.LINK_DANGLING,
        "escaping": UnreadReason.LINK_OUTSIDE,
        "upwards": UnreadReason.LINK_OUTSIDE,
        "pipe": UnreadReason.NOT_REGULAR,
        "socket": UnreadReason.NOT_REGULAR,
    }
    assert report.exit_code == 1  # the finding on a link that leads outside is of severity high
    assert "coverage/link-outside-root" in get_rule_ids(report)


def test_scan_of_a_folder_with_a_dangling_link_is_incomplete(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b"{}")
    (tmp_path / "model.bin").symlink_to("nowhere")
    assert scan_target(tmp_path).exit_code == 3


def test_file_without_read_permission_is_unread(tmp_path: Path) -> None:
    write_model(tmp_path, config__json=b"{}", secret__json=b"{}")
    (tmp_path / "secret.json").chmod(0)
    tmp_path.chmod(0o755)
    code = (
        "import os, modelaudit\n"
        # The first scan imports all modules: the user nobody (65534) may be unable to read the installed packages.
        f"modelaudit.scan({str(tmp_path / 'config.json')!r}, second_opinion=False)\n"
        # For root every file is readable.
        "os.setuid(65534) if os.getuid() == 0 else None\n"
        f"report = modelaudit.scan({str(tmp_path)!r}, second_opinion=False)\n"
        "print(report.exit_code, *[absence.unread.reason for _, absence in report.coverage.open_absences])"
    )
    root = Path(tempfile.gettempdir())
    for folder in tmp_path.parents:
        if folder != root and folder.is_relative_to(root):
            folder.chmod(folder.stat().st_mode | 0o055)  # so that the other user can enter it
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["3", "unreadable"], done.stderr


@pytest.mark.parametrize(
    ("name", "exit_code"),
    [
        (b"control\x01\x1b[31m.json", 1),
        (b"invalid\xff\xfe.json", 0),
        ("bidi\u202egnp.json".encode(), 1),
        (b"new\nline.json", 1),
    ],
)
def test_reports_on_a_hostile_file_name_hold_no_escape_character_and_a_bidi_mark_only_in_json(
    tmp_path: Path, name: bytes, exit_code: int
) -> None:
    from modelaudit.reports import REPORTS, render
    from modelaudit.reports.json_report import parse_report

    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(b"{}")
    report = scan_target(tmp_path)
    assert report.exit_code == exit_code
    for format_ in REPORTS:
        content = render(report, format_)
        assert b"\x1b" not in content
        # A CycloneDX or JSON file may contain the character; a page or a table must show it escaped.
        assert "\u202e".encode() not in content or format_ in ("json", "cyclonedx")
        content.decode("utf-8")
    assert parse_report(render(report, "json")) == report


_MARKED_NAME = "we!rd![bytes 0-5]!pickle@9"


def _summarize_report(report: AuditReport, folder: str) -> tuple[object, ...]:
    """Return exit code, findings and open absences, with ``FOLDER`` in place of the address of the folder."""
    address = write_file_address(folder)
    findings = sorted((each.rule, each.artifact.replace(address, "FOLDER")) for each in report.findings)
    absences = [(path.replace(address, "FOLDER"), each.unread.reason) for path, each in report.coverage.open_absences]
    return report.exit_code, findings, sorted(absences)


@pytest.mark.parametrize(
    "model",
    [
        "repositories/auto-map-missing",
        "repositories/auto-map-reverse-shell",
        "repositories/trusts-from-model",
        "repositories/licenses",
    ],
)
def test_folder_name_that_contains_member_marks_does_not_change_the_report(model: str, tmp_path: Path) -> None:
    summaries = []
    for folder in ("plain", _MARKED_NAME):
        shutil.copytree(FIXTURES / model, tmp_path / str(len(summaries)) / folder)
        summaries.append(_summarize_report(scan_target(tmp_path / str(len(summaries))), folder))
    assert summaries[0] == summaries[1]


def test_member_name_that_contains_member_marks_does_not_change_the_report(tmp_path: Path) -> None:
    summaries = []
    for name in ("plain", _MARKED_NAME):
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr(f"{name}/a.pkl", b"cos\nsystem\n(S'true'\ntR.")
        summaries.append(_summarize_report(scan_target(tmp_path), name))
    assert summaries[0] == summaries[1]
    assert summaries[0][0] == 1


def test_files_whose_names_imitate_members_or_escapes_are_reported_as_separate_files(tmp_path: Path) -> None:
    names = ("a.zip", "a.zip!x", "a.zip%21x", "a.zip%2521x", "!x", "![bytes 0-5]", "[bytes 0-5]", "b!content")
    for name in names:
        (tmp_path / name).write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    report = scan_target(tmp_path, second_opinion=True)
    assert {read_file_path(record.path) for record in report.coverage.artifacts} == set(names)
    assert {read_file_path(each.artifact) for each in report.findings if each.severity is Severity.CRITICAL} == set(
        names
    )
    assert not any("!" in record.path for record in report.coverage.artifacts)
    [opinion] = report.opinions
    assert not opinion.disagreements and "No such file" not in " ".join(opinion.absences)


def test_reference_to_a_file_name_that_contains_the_member_mark_is_resolved(tmp_path: Path) -> None:
    (tmp_path / "co!de.py").write_text("class Model: pass\n")
    (tmp_path / "config.json").write_text('{"auto_map": {"AutoModel": "co!de.Model"}}')
    (tmp_path / "README.md").write_text("---\nlicense: other\nlicense_link: TERMS!.txt\n---\n")
    (tmp_path / "TERMS!.txt").write_text("Terms of Acme\n")
    report = scan_target(tmp_path)
    assert "content-absent" not in get_unread_reasons(report)
    links = [claim.quotation for claim in report.license.claims if claim.field == "link-target"]
    assert links == ["TERMS%21.txt"]


def test_file_that_changes_while_it_is_read_fails(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    # A pickle of a list to which a number is appended three million times, so that the scan takes a while.
    path.write_bytes(b"\x80\x04]" + b"K\x01a" * 3_000_000 + b".")
    stop = threading.Event()

    def modify_file() -> None:
        with path.open("r+b") as file:
            while not stop.is_set():
                file.seek(5)  # any byte of the pickle will do
                file.write(b"\x02")
                file.flush()
                os.utime(path)

    writer = threading.Thread(target=modify_file)
    writer.start()
    try:
        report = scan_target(path)
    finally:
        stop.set()
        writer.join()
    assert UnreadReason.CHANGED in get_unread_reasons(report)
    assert report.exit_code == 1
    assert "integrity/changed-while-read" in get_rule_ids(report)


def write_sparse_safetensors(path: Path, size: int) -> Path:
    """Write a valid safetensors file of ``size`` bytes, whose tensor is a hole that takes no space on disk."""
    header_size = 1000
    tensor_size = size - 8 - header_size
    header = {"weights": {"dtype": "U8", "shape": [tensor_size], "data_offsets": [0, tensor_size]}}
    with path.open("wb") as file:
        file.write(header_size.to_bytes(8, "little") + json.dumps(header).encode().ljust(header_size))
        file.truncate(size)
    return path


@pytest.mark.slow
def test_scan_of_a_1_gb_weight_file_uses_less_than_200_mib_of_memory(tmp_path: Path) -> None:
    weights = write_sparse_safetensors(tmp_path / "model.safetensors", GIB)
    code = (
        "import modelaudit, pathlib, re\n"
        f"report = modelaudit.scan({str(weights)!r}, second_opinion=False)\n"
        # On Linux, ru_maxrss of a process begins with the value of its parent; VmHWM does not.
        "peak = re.search(r'VmHWM:\\s+(\\d+)', pathlib.Path('/proc/self/status').read_text())[1]\n"
        "print(report.exit_code, report.coverage.artifacts[0].digests[0].value, peak)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    exit_code, digest, peak = done.stdout.split()
    assert exit_code == "0"
    assert len(digest) == 64
    assert int(peak) < 200 * 1024  # kilobytes on Linux


@pytest.mark.slow
def test_scan_of_a_file_of_unknown_format_over_4_gib_is_incomplete(tmp_path: Path) -> None:
    path, size = tmp_path / "model.bin", 4 * GIB + 1  # more than 32 bits count
    with path.open("wb") as file:
        file.truncate(size)
    report = scan_target(path, checks=["security"])
    assert report.exit_code == 3
    assert report.coverage.artifacts[0].size == size


def test_file_whose_deadline_passes_is_reported_as_unread(tmp_path: Path) -> None:
    report = scan_target(
        write_model(tmp_path, a__pkl=b"\x80\x04N."), limits=Limits(artifact_cpu_seconds=0, cpu_seconds_per_gib=0)
    )
    assert get_unread_reasons(report) == [UnreadReason.LIMIT]
    assert report.coverage.artifacts[0].digests


def build_zip(name: str, content: bytes) -> bytes:
    """Build a ZIP archive with one member."""
    import io
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(("depth", "unread"), [(2, [UnreadReason.LIMIT]), (3, [])])
def test_member_is_unread_only_if_it_lies_below_the_maximum_depth(
    tmp_path: Path, depth: int, unread: list[UnreadReason]
) -> None:
    nested = build_zip("a.zip", build_zip("b.zip", build_zip("c.json", b"{}")))
    report = scan_target(write_model(tmp_path, nested__zip=nested), limits=Limits(depth=depth))
    assert report.exit_code == (3 if unread else 0)
    assert get_unread_reasons(report) == unread


@pytest.mark.parametrize(("members", "unread"), [(3, [UnreadReason.LIMIT]), (4, [])])
def test_member_is_unread_only_if_the_total_number_of_members_exceeds_the_limit(
    tmp_path: Path, members: int, unread: list[UnreadReason]
) -> None:
    nested = build_zip("a.zip", build_zip("b.zip", build_zip("c.zip", build_zip("d.json", b"{}"))))
    report = scan_target(write_model(tmp_path, nested__zip=nested), limits=Limits(members_total=members))
    assert report.exit_code == (3 if unread else 0)
    assert get_unread_reasons(report) == unread


@pytest.mark.parametrize(("memory", "unread"), [(1500, [UnreadReason.LIMIT]), (4000, [])])
def test_members_after_those_whose_facts_fill_the_memory_are_unread_and_earlier_findings_stay(
    tmp_path: Path, memory: int, unread: list[UnreadReason]
) -> None:
    dangerous, harmless = b"\x80\x04cposix\nsystem\nX\x01\x00\x00\x00a\x85R.", b"\x80\x04]."
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, content in (("a.pkl", dangerous), ("b.pkl", harmless), ("c.pkl", harmless)):
            archive.writestr(name, content)
    report = scan_target(tmp_path, limits=Limits(structure_bytes=memory))
    assert report.exit_code == 1
    assert get_unread_reasons(report) == unread


@pytest.mark.parametrize(("most", "unread"), [(3, [UnreadReason.LIMIT]), (4, [])])
def test_references_of_a_file_beyond_the_bound_on_those_of_all_files_are_an_absence(
    tmp_path: Path, most: int, unread: list[UnreadReason]
) -> None:
    index = b'{"weight_map": {"a": "../a.bin", "b": "b.bin"}}'
    folder = write_model(tmp_path, a__index__json=index, b__index__json=index)
    report = scan_target(folder, limits=Limits(references=most))
    findings = [each.artifact for each in report.findings if each.check is CheckFamily.SECURITY]
    assert findings == ["a.index.json", "b.index.json"][: 2 - len(unread)]
    assert [each for each in get_unread_reasons(report) if each is UnreadReason.LIMIT] == unread


def test_subjects_of_references_are_judged_without_keeping_them_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive = []

    def build_and_count(*arguments: object) -> Iterator[Subject]:
        """Yield the subjects, and then count those that are still in use."""
        yield from build_reference_subjects(*arguments)  # type: ignore[arg-type]
        alive.append(sum(isinstance(each, Subject) for each in gc.get_objects()))

    monkeypatch.setattr("modelaudit.scan_audit.build_reference_subjects", build_and_count)
    weights = {str(number): f"{number}.bin" for number in range(3000)}
    index = json.dumps({"weight_map": weights}).encode()
    scan_target(write_model(tmp_path, model__index__json=index))
    assert alive[0] < 300  # those of the findings that are listed


def replace_pickle_reader(monkeypatch: pytest.MonkeyPatch, **fields: object) -> None:
    """Replace fields of the pickle reader, such as ``read``, for one test."""
    from modelaudit.formats.registry import READERS
    from modelaudit.model.copies import replace

    readers = tuple(replace(reader, **fields) if reader.format == "pickle" else reader for reader in READERS)  # type: ignore[arg-type]
    monkeypatch.setattr("modelaudit.formats.registry.list_candidates", lambda head: readers)


def build_failing_reader(error: Exception) -> object:
    """Build a function like ``Reader.read`` that raises an error when the first structure is asked for."""

    def fail(*_: object) -> Iterator[object]:
        raise error
        yield  # makes this a generator

    return fail


def test_reader_exception_becomes_an_absence_with_the_matching_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    from modelaudit.model.errors import WindowError
    from modelaudit.wire.base import DamagedError, LimitReachedError

    target = PICKLES / "benign/data-protocol4.pkl"
    for error, reason in (
        (DamagedError("x", 3), UnreadReason.DAMAGED),
        (LimitReachedError("x", 3), UnreadReason.LIMIT),
        (WindowError("x", UnreadReason.ENCRYPTED), UnreadReason.ENCRYPTED),
        (RuntimeError("x"), UnreadReason.READER_FAILED),
        (RecursionError("x"), UnreadReason.READER_FAILED),
        (MemoryError(), UnreadReason.LIMIT),
    ):
        replace_pickle_reader(monkeypatch, read=build_failing_reader(error))
        # The bytes that the reader left unclaimed are absences behind it.
        assert get_unread_reasons(scan_target(target))[0] == reason


def test_absence_after_memory_ran_out_advises_more_memory_and_no_bug_report(monkeypatch: pytest.MonkeyPatch) -> None:
    replace_pickle_reader(monkeypatch, read=build_failing_reader(MemoryError()))
    report = scan_target(PICKLES / "benign/data-protocol4.pkl")
    details = [absence.unread.detail for _, absence in report.coverage.open_absences]
    assert details[0] == "memory ran out in the pickle reader; allow modelaudit more memory"


def test_file_whose_format_recognition_raises_an_error_is_reported_as_unread(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from modelaudit.model.errors import WindowError

    def build_failing_recognition(error: Exception) -> object:
        def recognises(_: object) -> bool:
            raise error

        return recognises

    folder = write_model(tmp_path, config__json=b"{}")
    replace_pickle_reader(monkeypatch, recognises=build_failing_recognition(RuntimeError("a bug")))
    assert get_unread_reasons(scan_target(folder)) == [UnreadReason.READER_FAILED]
    disk_error = WindowError("the disk", UnreadReason.UNREADABLE)
    replace_pickle_reader(monkeypatch, recognises=build_failing_recognition(disk_error))
    assert get_unread_reasons(scan_target(folder)) == [UnreadReason.UNREADABLE]


@pytest.mark.parametrize("epoch", ["soon", "9" * 30, "-9" * 30, "253402300799"])
def test_invalid_source_date_epoch_is_refused(epoch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    with pytest.raises(ConfigurationError, match="SOURCE_DATE_EPOCH"):
        scan_target(PICKLES / "benign/data-protocol4.pkl")


def test_findings_of_300_files_are_all_reported_in_sorted_order(tmp_path: Path) -> None:
    content = (PICKLES / "malicious/os-system.pkl").read_bytes()
    for number in range(300):
        (tmp_path / f"{number:04}.pkl").write_bytes(content)
    report = scan_target(tmp_path)
    assert len([finding for finding in report.findings if finding.rule == "pickle/dangerous-call"]) == 300
    assert [finding.order for finding in report.findings] == sorted(finding.order for finding in report.findings)


def test_findings_that_a_reader_yields_before_it_fails_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    from modelaudit.formats.registry import find_reader

    def read_and_fail(*arguments: object) -> Iterator[object]:
        yield from find_reader("pickle").read(*arguments)  # type: ignore[arg-type]
        raise RuntimeError("a bug")

    replace_pickle_reader(monkeypatch, read=read_and_fail)
    report = scan_target(PICKLES / "malicious/os-system.pkl")
    assert get_unread_reasons(report) == [UnreadReason.READER_FAILED]
    assert {"pickle/dangerous-call", "coverage/reader-failed"} <= get_rule_ids(report)


@pytest.mark.parametrize("failing", ["secret", "jinja", "torch"])
def test_failure_of_one_language_reader_does_not_lose_findings_of_other_readers(
    failing: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from modelaudit.formats import text_searches
    from modelaudit.formats.documents.structured import reader as structured
    from modelaudit.languages.secrets import SECRETS
    from modelaudit.model.copies import replace

    fail = build_failing_reader(RuntimeError("a bug"))
    if failing == "secret":
        searches = tuple(replace(each, read=fail) if each is SECRETS else each for each in text_searches.TEXT_SEARCHES)
        assert searches != text_searches.TEXT_SEARCHES
        monkeypatch.setattr(text_searches, "TEXT_SEARCHES", searches)
    else:
        key = {"jinja": "chat_template", "torch": "_target_"}[failing]
        interpreters = tuple(
            replace(each, read=fail) if key in each.keys else each  # type: ignore[arg-type]
            for each in structured.INTERPRETERS
        )
        assert interpreters != structured.INTERPRETERS
        monkeypatch.setattr(structured, "INTERPRETERS", interpreters)
    # The template, the class that a loader imports and the key belong to one language each.
    settings = {
        "chat_template": "{{ cycler.__init__.__globals__.os.popen('id') }}",
        "_target_": "os.system",
        "token": "hf_" + "qXvTbLzKwPfRnYdMhJsGcAeUoIkZtWxBpV",
        "license": "mit",
    }
    report = scan_target(write_model(tmp_path, config__json=json.dumps(settings).encode()))
    families = {rule.partition("/")[0] for rule in get_rule_ids(report)}
    assert families >= {"jinja", "torch", "secret", "coverage"} - {failing}
    assert UnreadReason.READER_FAILED in get_unread_reasons(report)


def test_unexpected_exception_of_the_pipeline_is_raised_as_internal_error_with_exit_code_4(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("modelaudit.audit.decide_verdict", broken)
    with pytest.raises(InternalError, match="RuntimeError: a bug") as caught:
        scan_target(tmp_path)
    assert caught.value.exit_code == 4


def test_pickle_followed_by_a_zip_archive_is_read_as_pickle_and_as_zip(tmp_path: Path) -> None:
    content = (PICKLES / "malicious/os-system.pkl").read_bytes() + build_zip("config.json", b"{}")
    report = scan_target(write_model(tmp_path, model__zip=content))
    assert set(report.coverage.artifacts[0].formats) >= {"zip", "pickle"}
    # Under the file's own address: the zip reader finds the same bytes as its leftovers.
    assert "model.zip" in {finding.artifact for finding in report.findings if finding.rule == "pickle/dangerous-call"}


def test_pickle_and_tar_polyglot_is_read_as_both(tmp_path: Path) -> None:
    import io
    import tarfile

    # A TAR archive begins with the name of its first member. Here the name is a complete pickle.
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("cposix\nsystem\n(S'echo inert'\ntR."))
    report = scan_target(write_model(tmp_path, weights__pt=buffer.getvalue()))
    (record,) = report.coverage.artifacts
    assert set(record.formats) == {"tar", "pickle"}
    assert report.exit_code == 1


UNVERIFIED_PICKLES = ("unverified-type.pkl", "joblib-array.joblib")
"""Pickles of the malicious folder whose names are only unverified, so that a scan of them is incomplete."""


@pytest.mark.parametrize("folder", ["benign", "malicious"])
def test_malicious_pickles_except_unverified_ones_fail_and_benign_have_no_pickle_finding_above_low(folder: str) -> None:
    for path in sorted((PICKLES / folder).iterdir()):
        report = scan_target(path)
        worst = max(
            (finding.severity.rank for finding in report.findings if finding.rule.startswith("pickle/")), default=0
        )
        if folder == "benign":
            assert worst <= Severity.LOW.rank, (path.name, report.findings)
        elif path.name not in UNVERIFIED_PICKLES:
            assert report.exit_code == 1, path.name


def test_findings_are_sorted_by_severity(tmp_path: Path) -> None:
    for path in sorted((PICKLES / "malicious").iterdir()):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    report = scan_target(tmp_path)
    ranks = [finding.severity.rank for finding in report.findings]
    assert ranks == sorted(ranks, reverse=True)
    assert {rule.id for rule in report.rules} == get_rule_ids(report)


def test_checks_option_selects_the_check_families_that_run(tmp_path: Path) -> None:
    malicious_pickle = PICKLES / "malicious/os-system.pkl"
    report = scan_target(malicious_pickle, checks=["license"])
    assert not any(finding.rule.startswith("pickle/") for finding in report.findings)
    assert report.coverage.artifacts[0].digests == ()
    assert scan_target(malicious_pickle, checks=["security"]).license.state == "not-checked"
    with pytest.raises(ConfigurationError, match="no check is chosen"):
        scan_target(malicious_pickle, checks=[])
    with pytest.raises(ConfigurationError, match="the check transparency has no rules yet"):
        scan_target(malicious_pickle, checks=["transparency"])
    with pytest.raises(ConfigurationError, match=r"'securty' is not a check.*; did you mean security\?"):
        scan_target(malicious_pickle, checks=["securty"])
    with pytest.raises(ConfigurationError, match="'nonsense' is not a check"):
        scan_target(malicious_pickle, checks=["nonsense"])


def test_digest_in_the_report_equals_the_sha256_of_the_file(tmp_path: Path) -> None:
    import hashlib

    content = b"[" + b"1," * 5000 + b"1]"
    report = scan_target(write_model(tmp_path, numbers__json=content))
    assert report.coverage.artifacts[0].digests[0].value == hashlib.sha256(content).hexdigest()


def test_fail_on_option_sets_the_severity_that_fails(tmp_path: Path) -> None:
    unverified_pickle = PICKLES / "malicious/unverified-type.pkl"
    assert scan_target(unverified_pickle).exit_code == 3
    assert get_unread_reasons(scan_target(unverified_pickle)) == [UnreadReason.UNVERIFIED]
    assert scan_target(unverified_pickle, fail_on="medium").exit_code == 1
    assert scan_target(PICKLES / "malicious/os-system.pkl", fail_on="never").exit_code == 0
    with pytest.raises(ConfigurationError, match="severity"):
        scan_target(unverified_pickle, fail_on="hihg")


def test_policy_file_accepts_an_absence_only_if_the_recognised_format_matches(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "name: pictures\ndescription: accepts pictures\nchecks: [security]\ngates: {security: critical}\n"
        'allow-unread:\n  - reasons: [no-reader]\n    paths: "*.rar"\n    formats: [RAR]\n    why: pictures are not loaded\n'
    )
    folder = tmp_path / "model"
    folder.mkdir()
    write_model(folder, config__json=b"{}", pictures__rar=b"Rar!\x1a\x07" + bytes(50))
    report = scan_target(folder, policy=policy)
    assert report.exit_code == 0
    assert report.policy.name == "pictures (policy.yaml)"
    (record,) = [record for record in report.coverage.artifacts if record.path == "pictures.rar"]
    assert record.extent is Extent.NOT
    acceptance = record.absences[0][1].acceptance
    assert acceptance and (acceptance.origin, acceptance.reason) == ("policy.yaml:6", "pictures are not loaded")
    (folder / "pictures.rar").write_bytes(b"MZ" + bytes(50))  # a Windows executable
    assert scan_target(folder, policy=policy).exit_code == 3
    policy.write_text(policy.read_text().replace("    formats: [RAR]\n", ""))
    with pytest.raises(ConfigurationError, match="a name alone earns no trust"):
        scan_target(folder, policy=policy)
    with pytest.raises(ConfigurationError, match="neither a file nor one of"):
        scan_target(folder, policy="no-such-policy")


def test_licence_of_a_folder_is_concluded_from_its_model_card(tmp_path: Path) -> None:
    write_model(tmp_path, README__md=b"---\nlicense: apache-2.0\n---\n# Model\n")
    report = scan_target(tmp_path)
    assert report.license.category == "permissive"
    assert report.exit_code == 0
    (tmp_path / "README.md").write_bytes(b"---\nlicense: my-own-terms\n---\n")
    report = scan_target(tmp_path)
    assert (report.license.state, report.license.category) == ("unrecognised", "unknown")


@pytest.mark.parametrize("target", ["", " "])
def test_empty_target_is_refused_and_not_taken_as_the_current_folder(target: str) -> None:
    with pytest.raises(ConfigurationError, match="empty"):
        scan_target(target)


@pytest.mark.parametrize("option", ["rules", "checks", "territories"])
def test_option_that_takes_a_list_refuses_a_string(option: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"{option} must be a list, not a string"):
        scan_target(tmp_path, **{option: "security"})


def test_web_address_as_target_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="is an address"):
        scan_target("https://example.com/acme/tiny")


def test_scan_of_a_missing_path_raises_a_source_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        scan_target(tmp_path / "absent" / "model.bin")


def test_target_that_exists_as_a_path_is_scanned_as_path_with_a_note_on_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "tiny").mkdir()
    write_model(tmp_path / "acme" / "tiny", config__json=b"{}")
    monkeypatch.chdir(tmp_path)
    assert scan_target("acme/tiny").target.kind is RefKind.FOLDER
    done = run_command("scan", "acme/tiny", "--offline", "--no-second-opinion")
    assert "'acme/tiny' is a local path and was taken as one; hf://acme/tiny names the repository" in done.stderr
    wrong = run_command("scan", "acme/tiny", "--offline", "--checks", "securty")
    assert wrong.returncode == 2 and "securty" in wrong.stderr and "is a local path" not in wrong.stderr


def test_two_scans_with_the_same_creation_time_render_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelaudit.reports import REPORTS, render

    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    first, second = scan_target(PICKLES), scan_target(PICKLES)
    for format_ in REPORTS:
        assert render(first, format_) == render(second, format_)
    assert first.created == "2023-11-14T22:13:20Z"


def test_report_states_that_a_safetensors_file_cannot_run_code_when_it_is_loaded():
    from modelaudit.reports import render

    report = modelaudit.scan(FIXTURES / "safetensors/benign", second_opinion=False)
    (note,) = report.formats
    assert (note.format, note.runs_code) == ("safetensors", False)
    assert render(report, "html").decode().count(f"cannot run code when it is loaded: {note.why}") == 1


def test_control_characters_in_a_comment_of_python_source_are_unclaimed(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.py"
    # The comment contains the beginning of a pickle.
    path.write_bytes(b"import json  # \x01\x02 \x80\x04\x8c\x05 rest\nprint(json.dumps(1))\n")
    report = modelaudit.scan(path, second_opinion=False)
    assert report.exit_code == 3
    assert UnreadReason.UNCLAIMED in {absence.unread.reason for _, absence in report.coverage.open_absences}


@check_each(
    "helper, use",
    [
        ("import subprocess as s", "from .helper import s\ns.run('x')"),
        ("import subprocess as s", "from helper import s as t\nt.run('x')"),
        ("import subprocess as s", "import helper\nhelper.s.run('x')"),
        ("import subprocess\ns = {'a': subprocess}", "from .helper import s\nb = s['a']\nb.run('x')"),
        ("import subprocess\ns = []\ns.append(subprocess)", "from .helper import *\ns[0].run('x')"),
        ("import subprocess\ndef get(): return subprocess", "from .helper import get\nget().run('x')"),
        ("import subprocess\nclass A: m = subprocess", "import helper\nhelper.A.m.run('x')"),
        ("import subprocess\nclass A:\n    def f(s): s.m = subprocess",
         "from .helper import A\nclass B(A):\n    def g(t): t.m.run('x')"),
    ],
)  # fmt: skip
def test_command_of_a_module_that_another_file_holds_under_a_name_of_its_own_fails(
    tmp_path: Path, helper: str, use: str
) -> None:
    report = scan_target(write_model(tmp_path, helper__py=helper.encode(), model__py=use.encode()))
    assert report.exit_code == 1
    assert [each.artifact for each in report.findings if each.rule == "code/runs-command"] == ["model.py"]


@check_each(
    "helper, use",
    [
        ("import subprocess as s", "from .helper import s\n[s][0].run('x')"),
        ("import subprocess as s", "from .helper import s\nclass M:\n    def __init__(o): o.m = s; o.m.run('x')"),
        ("import subprocess as s", "from .helper import s\ndef f(m): m.run('x')\nf(s)"),
        ("import subprocess as s", "from .helper import s\na, b = s, 1\na.run('x')"),
        ("import subprocess as s", "from .helper import s\n[m.run('x') for m in (s,)]"),
        ("import subprocess as s", "from .helper import s\ngetattr(s, 'r' + 'un')('x')"),
        ("import subprocess as s", "from .helper import s\nimport operator\noperator.methodcaller('run', 'x')(s)"),
        ("import subprocess as s", "from .helper import s\nmatch s:\n    case object(run=r): r('x')"),
        ("import subprocess as s", "import importlib\nh = importlib.import_module('.helper', __package__)\nh.s.run('x')"),
        ("import subprocess\ndef get(): yield subprocess", "from .helper import get\nnext(get()).run('x')"),
        ("import subprocess\n(x := subprocess)", "from .helper import x\nx.run('x')"),
        ("import subprocess\nglobals()['x'] = subprocess", "from .helper import x\nx.run('x')"),
        ("import subprocess\nclass K: pass\nsetattr(K, 'x', subprocess)", "from .helper import K\nK.x.run('x')"),
        ("import subprocess\nmods = [subprocess]", "from .helper import mods\nfor x in mods: x.run('x')"),
        ("import subprocess as s", "from . import helper\ngetattr(helper, 's').run('x')"),
        ("import subprocess as s", "from . import helper\nh = helper\nh.s.run('x')"),
        ("import subprocess as s", "from . import helper\nhelper.__dict__['s'].run('x')"),
        ("import subprocess as s", "from . import helper\ndef f(x): x.s.run('x')\nf(helper)"),
        ("import os as s", "from .helper import s\n[s][0].execvpe('x', ['x'], {})"),
        ("import subprocess\nclass B: tool = subprocess",
         "from .helper import B\nclass M(B):\n    def f(self): t = self.tool; t.run('x')"),
        ("import subprocess\nclass B: tool = subprocess",
         "from .helper import B\nclass M(B):\n    def f(self): super().tool.run('x')"),
    ],
)  # fmt: skip
def test_command_of_a_module_that_reaches_a_file_through_values_of_another_fails(
    tmp_path: Path, helper: str, use: str
) -> None:
    report = scan_target(write_model(tmp_path, helper__py=helper.encode(), model__py=use.encode()))
    assert "model.py" in [each.artifact for each in report.findings if each.rule == "code/runs-command"]


@check_each(
    "helper, use, rule",
    [
        ("import subprocess as s", "from .helper import s\ngetattr([s][0], name)('x')", "code/computed-name"),
        ("import ctypes as s", "from .helper import s\n[s][0].CDLL('./a.so')", "code/native-code"),
        ("import pickle as s", "from .helper import s\n[s][0].load(file)", "code/deserialises"),
        ("import builtins as s", "from .helper import s\n[s][0].exec('x')", "code/evaluates-text"),
        ("import torch", "from .helper import torch as t\nt.utils.cpp_extension.load_inline('a', 'b')", "code/native-code"),
        ("import torch as t", "from .helper import t\nt.utils.cpp_extension.load_inline('a', 'b')", "code/native-code"),
    ],
)  # fmt: skip
def test_member_of_a_module_that_comes_from_another_file_is_found(
    tmp_path: Path, helper: str, use: str, rule: str
) -> None:
    report = scan_target(write_model(tmp_path, helper__py=helper.encode(), model__py=use.encode()))
    assert (rule, "model.py") in {(each.rule, each.artifact) for each in report.findings}


@check_each(
    "imports, use",
    [
        ("import polars as pl", "pl.plugins.register_plugin_function(plugin_path=a, function_name='f', args=[])"),
        ("import polars as pl", "pl.col('x').register_plugin(lib=a, symbol='f', is_elementwise=True)"),
        ("import apsw", "apsw.Connection(':memory:').loadextension(a)"),
        ("import sqlite3", "sqlite3.connect(':memory:').load_extension(a)"),
        ("import duckdb", "duckdb.connect().load_extension(a)"),
        ("import onnxruntime", "onnxruntime.register_execution_provider_library('e', a)"),
        ("import onnxruntime", "onnxruntime.SessionOptions().register_custom_ops_library(a)"),
        ("import tensorflow as tf", "tf.compat.v1.load_op_library(a)"),
        ("import tensorflow as tf", "tf.experimental.register_filesystem_plugin(a)"),
        ("import tensorflow as tf", "tf.lite.experimental.load_delegate(a)"),
        ("from tensorflow.python.framework import load_library", "load_library.load_pluggable_device_library(a)"),
        ("import tflite_runtime.interpreter as t", "t.load_delegate(a)"),
        ("import ai_edge_litert.interpreter as t", "t.load_delegate(a)"),
        ("import openvino as ov", "ov.Core().register_plugin(a, 'X')"),
        ("from openvino.frontend import FrontEndManager as F", "F().load_by_framework('onnx').add_extension(a)"),
        ("import tensorrt as trt", "trt.Builder(b).get_plugin_registry().load_library(a)"),
        ("import tvm_ffi", "tvm_ffi.load_module(a)"),
        ("import tvm_ffi.cpp", "tvm_ffi.cpp.load_inline('f', cpp_sources=a)"),
        ("from mlir import execution_engine as e", "e.ExecutionEngine(b, shared_libs=[a])"),
        ("from jaxlib import xla_client", "xla_client.load_pjrt_plugin_dynamically('x', a)"),
        ("import torch", "torch._C._aoti.AOTIModelContainerRunnerCpu(a, 1)"),
        ("from caffe2.python import dyndep", "dyndep.InitOpsLibrary(a)"),
        ("import paddle.fluid as fluid", "fluid.load_op_library(a)"),
        ("import adbc_driver_manager as adbc", "adbc.AdbcDatabase(driver=a)"),
        ("import h5py", "h5py.h5pl.prepend(a)"),
        ("from PyQt6 import QtCore", "QtCore.QLibrary(a).load()"),
        ("import _imp", "_imp.create_dynamic(a)"),
    ],
)  # fmt: skip
def test_function_of_a_library_that_loads_machine_code_fails(tmp_path: Path, imports: str, use: str) -> None:
    source = f"{imports}\ndef load(a, b):\n    return {use}\n"
    assert "code/native-code" in get_rule_ids(scan_target(write_model(tmp_path, model__py=source.encode())))


def test_code_that_loads_a_compiled_model_of_torch_has_a_medium_finding(tmp_path: Path) -> None:
    source = b"import torch\ndef load(a):\n    return torch._inductor.aoti_load_package(a)\n"
    report = scan_target(write_model(tmp_path, model__py=source))
    assert [each.severity for each in report.findings if each.rule == "code/loads-more"] == [Severity.MEDIUM]


@check_each(
    "helper, use",
    [
        ("import pickle as s", "from .helper import *\nvalue.load(file)"),
        ("import subprocess as s", "from .helper import go\ngo(value)\nvalue.run('x')"),
        ("import subprocess", "from . import helper\ngo(helper)\nvalue.run('x')"),
        ("import torch", "from . import torch\ntorch.utils.cpp_extension.load_inline('a', 'b')"),
    ],
)
def test_member_of_a_value_that_cannot_come_from_the_module_of_another_file_is_no_finding(
    tmp_path: Path, helper: str, use: str
) -> None:
    report = scan_target(write_model(tmp_path, helper__py=helper.encode(), model__py=use.encode()))
    assert all(each.severity.rank < Severity.HIGH.rank for each in report.findings)


def test_command_of_a_module_that_reaches_a_file_through_a_third_one_fails(tmp_path: Path) -> None:
    write_model(tmp_path, helper__py=b"import subprocess as s\n", b__py=b"from .helper import s as t\n")
    report = scan_target(write_model(tmp_path, model__py=b"from .b import t\n[t][0].run('x')\n"))
    assert "model.py" in [each.artifact for each in report.findings if each.rule == "code/runs-command"]


def test_second_name_of_a_module_means_nothing_in_files_that_do_not_import_it(tmp_path: Path) -> None:
    write_model(tmp_path, helper__py=b"import subprocess as s\n", model__py=b"from .helper import go\ngo.run('x')\n")
    assert "code/runs-command" not in get_rule_ids(scan_target(tmp_path))


@pytest.mark.parametrize(
    "bound", ["_MOST_MEMBERS", "_MOST_ALIASES", "_MOST_MATCHES", "_MOST_LINKS", "_MOST_FLOW_STEPS"]
)
def test_names_of_other_files_that_are_too_many_to_compare_leave_an_absence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr(f"modelaudit.checks.module_aliases.{bound}", 0)
    write_model(tmp_path, helper__py=b"import subprocess as s\n", model__py=b"from .helper import s\ns.run('x')\n")
    report = scan_target(tmp_path)
    assert UnreadReason.LIMIT in get_unread_reasons(report)
