"""``modelaudit`` and its subcommands: their output and their exit code."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.cases import check_each
from support.command import CommandResult, run_command
from support.fixtures import FIXTURES, fixture_path
from support.warm import find_warm_program

from modelaudit.batch import name_targets
from modelaudit.catalogue import load_catalogue
from modelaudit.cli.files import write_file
from modelaudit.formats.registry import FACTS
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.page import Paragraph
from modelaudit.reports import REPORTS
from modelaudit.reports.rule_page import describe_rule
from modelaudit.sources import retries

MALICIOUS = FIXTURES / "pickle/malicious/os-system.pkl"
BENIGN = FIXTURES / "pickle/benign/data-protocol4.pkl"


def run_scan(*arguments: str | Path, **environment: str) -> CommandResult:
    """Run ``modelaudit scan`` without a second opinion."""
    return run_command("scan", "--no-second-opinion", *arguments, **environment)


def test_outputs_of_a_run_keep_models_of_one_name_apart_and_the_last_line_names_what_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, source in (("a/tiny", BENIGN), ("b/tiny", MALICIOUS), ("elsewhere/tiny", BENIGN)):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "model.pkl").write_bytes(source.read_bytes())
    (tmp_path / "here/out").mkdir(parents=True)
    for name in ("a", "b"):
        (tmp_path / name).rename(tmp_path / "here" / name)
    monkeypatch.chdir(tmp_path / "here")
    outputs = [
        argument
        for each in ("comment", "markdown", "sarif", "junit", "annotations")
        for argument in ("-o", f"{each}=out")
    ]
    targets = ("a/tiny", "./b/tiny", tmp_path / "elsewhere/tiny", "../elsewhere/tiny/", "a/tiny")

    done = run_scan(*targets, *outputs, "-q")

    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "modelaudit: exit code 1 for 4 targets: ./b/tiny")
    names = ["a/tiny", "b/tiny", "tiny", "tiny (2)"]
    files = ["a--tiny", "b--tiny", "tiny", "tiny--2"]
    documents = {path.name: path.read_text() for path in Path("out").iterdir()}
    assert len(documents) == 5 * len(names)
    for name, file in zip(names, files, strict=True):
        assert f" `{name}`\n" in documents[f"{file}.md"] and f" `{name}`\n" in documents[f"{file}.comment.md"]
        assert f'modelaudit {name} verdict"' in documents[f"{file}.junit.xml"]
        assert f'"{name}: verdict"' in documents[f"{file}.junit.xml"]
        assert documents[f"{file}.annotations.txt"].splitlines()[0].endswith(f": {name}")
        assert str(tmp_path) not in "".join(documents[f"{file}{ending}"] for ending in (".md", ".junit.xml", ".sarif"))
    assert "::b/tiny: " in documents["b--tiny.annotations.txt"]
    markers = {text.splitlines()[0] for name, text in documents.items() if name.endswith(".comment.md")}
    categories = {
        json.loads(text)["runs"][0]["automationDetails"]["id"]
        for name, text in documents.items()
        if name.endswith(".sarif")
    }
    assert len(markers) == len(categories) == len(names)

    # Without a failure the line names nothing, and -q leaves it out.
    done = run_scan("a/tiny", "../elsewhere/tiny", "--checks", "security")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "modelaudit: exit code 0 for 2 targets")
    assert run_scan("a/tiny", "../elsewhere/tiny", "--checks", "security", "-q").stderr == ""


@check_each(
    "targets, names",
    [
        (("org/m",), {}),
        (("org/m", "hf://org/n@main"), {"org/m": "org/m", "hf://org/n@main": "org/n"}),
        (("org/m@v1", "org/m@v2"), {"org/m@v1": "org/m@v1", "org/m@v2": "org/m@v2"}),
        (("org/m", "ORG/M"), {"org/m": "org/m", "ORG/M": "ORG/M (2)"}),
    ],
)
def test_names_of_repositories_are_their_ids_until_two_are_equal(
    targets: tuple[str, ...], names: dict[str, str]
) -> None:
    assert name_targets(targets) == names


def run_scan_in_own_process(
    *arguments: str | Path, program: Sequence[str | Path] = (sys.executable, "-m", "modelaudit"), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run ``modelaudit scan`` without a second opinion in a process of its own."""
    command = [*program, "scan", "--no-second-opinion", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


@pytest.mark.parametrize(
    ("target", "code"),
    [
        (BENIGN, 0),
        (MALICIOUS, 1),
        (FIXTURES / "pickle/truncated/benign-truncated.pkl", 3),
        (FIXTURES / "absent/model.bin", 4),
    ],
)
def test_exit_code_of_the_scan_follows_the_verdict_and_is_4_for_a_missing_file(target: Path, code: int) -> None:
    assert run_scan_in_own_process(target, program=[find_warm_program()]).returncode == code
    assert run_scan(target, "-q").returncode == code


@pytest.mark.parametrize(
    ("targets", "code"),
    [((BENIGN, MALICIOUS), 1), ((FIXTURES / "absent/x.bin", MALICIOUS), 1), ((BENIGN, FIXTURES / "absent/x"), 4)],
)
def test_scan_of_several_targets_exits_with_1_if_one_fails_or_else_with_4_if_one_is_missing(
    targets: tuple[Path, ...], code: int
) -> None:
    assert run_scan(*targets).returncode == code


@check_each(
    "arguments",
    [
        ("--fail-on", "hihg"), ("--checks", "nonsense"), ("--policy", "nonsense"), ("-o", "report.docx"), ("-o", "html="),
        ("-o", "json", "-o", "cyclonedx"), ("-o", "json=/no/such/folder/x.json"), ("--nonsense",), ("--rules", "/no/such"),
        ("-o", "pdf=x.pdf"), ("-o", "json=/tmp/same.x", "-o", "html=/tmp/same.x"), ("-o", "json=no-such-folder/"),
    ],
)  # fmt: skip
def test_wrong_option_prints_one_line_and_exits_with_2(arguments: tuple[str, ...]) -> None:
    done = run_scan(BENIGN, *arguments)
    assert done.returncode == 2
    assert not done.stdout
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("modelaudit: error: ")
    assert done.stderr.count("\n") == 1


def test_scan_without_a_target_is_a_usage_error() -> None:
    done = run_command("scan")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "name one, or list models in modelaudit.yaml" in done.stderr
    bare = run_command()
    assert "Commands:" in bare.stdout + bare.stderr, "without a subcommand, the help is printed"


def test_scan_of_a_missing_path_prints_one_line_that_names_it() -> None:
    done = run_scan(FIXTURES / "absent/model.bin")
    assert done.stderr.count("\n") == 1
    assert "absent/model.bin" in done.stderr
    assert not done.stdout


def test_one_scan_writes_several_report_files_and_one_document_on_stdout(tmp_path: Path) -> None:
    done = run_scan(
        MALICIOUS,
        "-o",
        f"html={tmp_path}/a.html",
        "-o",
        str(tmp_path / "bom.cdx.json"),
        "-o",
        "json",
        "-o",
        str(tmp_path / "r.json"),
    )
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["schema"] == "modelaudit/report/v1"
    assert report["decision"]["verdict"] == "fail"
    assert (tmp_path / "a.html").read_text().startswith("<!DOCTYPE html>")
    assert json.loads((tmp_path / "bom.cdx.json").read_text())["specVersion"] == "1.6"
    assert json.loads((tmp_path / "r.json").read_text()) == report
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "bom.cdx.json", "r.json"]


def test_ledger_has_one_line_for_each_artifact_that_states_the_class_of_every_byte(tmp_path: Path) -> None:
    ledger, folder = tmp_path / "ledger.jsonl", tmp_path / "model"
    folder.mkdir()
    for name in ("zip/benign/nested.zip", "format/benign/elf.txt"):
        (folder / Path(name).name).write_bytes((FIXTURES / name).read_bytes())
    done = run_scan(folder, "-q", "--ledger", ledger)
    lines = {row["artifact"]: row for row in map(json.loads, ledger.read_text().splitlines())}
    for path in folder.iterdir():
        row = lines[path.name]
        starts, ends, classes = zip(*row["ranges"], strict=True)
        # The first range begins at byte 0, and each further one where the one before it ends.
        assert (starts, ends[-1]) == ((0, *ends[:-1]), path.stat().st_size)
        assert set(classes) <= {"parsed", "data", "unclaimed"}
    assert any("!" in address for address in lines)
    assert done.returncode == 0
    assert sorted(each.name for each in tmp_path.iterdir()) == ["ledger.jsonl", "model"]


def test_ledger_leaves_no_byte_unclaimed_in_a_tensor_data_file_that_a_model_references(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    assert run_scan(fixture_path("written/onnx/external-one"), "-q", "--ledger", ledger).returncode == 0
    classes = {class_ for row in map(json.loads, ledger.read_text().splitlines()) for *_, class_ in row["ranges"]}
    assert "unclaimed" not in classes


def test_scan_whose_ledger_file_cannot_be_written_exits_with_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    done = run_scan(BENIGN, "-q", "--ledger", tmp_path / "absent/ledger.jsonl")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    done = run_scan(BENIGN, "-q", "--ledger", "/dev/full")
    assert (done.returncode, done.stderr.count("\n")) == (4, 1)
    assert not list(tmp_path.iterdir())


def test_table_starts_with_the_verdict_contains_the_rule_and_ends_with_the_exit_code() -> None:
    lines = run_scan(MALICIOUS, COLUMNS="400").stdout.strip().splitlines()
    assert "FAIL" in lines[0]
    assert any("pickle/dangerous-call" in line for line in lines[1:-1])
    assert lines[-2].startswith("Exit code 1, fail: findings ")


def test_table_names_the_written_files_and_advises_an_html_page_only_if_none_was_written(tmp_path: Path) -> None:
    data, page = tmp_path / "r.json", tmp_path / "page"
    text = " ".join(run_scan(BENIGN, "-o", data, COLUMNS="400").stdout.split())
    assert f"Written: {data}. More: -v; -o report.html for a page to read and sign." in text
    text = run_scan(BENIGN, "-o", data, "-o", f"html={page}", COLUMNS="400").stdout
    assert text.endswith(f"Written: {data}, {page}.\nMore: -v.\n")


def test_screen_names_every_written_file_in_full(tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 150)
    folder.mkdir()
    names = ("html", "sarif", "markdown", "csv", "junit")
    outputs = [option for name in names for option in ("-o", f"{name}={folder / name}")]
    for options in ((), ("-v",)):
        text = "".join(run_scan(BENIGN, *outputs, *options).stdout.split())
        assert ",".join(str(folder / name) for name in names) in text
        assert "seetheJSONreport" not in text


def test_scan_prints_a_note_only_if_it_chooses_the_name_of_a_report_in_the_scanned_folder(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "data.pkl").write_bytes(BENIGN.read_bytes())
    assert run_scan(model, "-o", tmp_path / "r.json").stderr == ""
    assert run_scan(model / "data.pkl", "-o", model / "r.json").stderr == ""
    assert run_scan(model, "-q", "-o", model / "r.json").stderr == ""
    done = run_scan(model, "-o", f"json={model}")
    assert done.returncode == 0
    assert done.stderr.startswith(f"modelaudit: note: {model}/")
    assert done.stderr.count("\n") == 1


def test_scan_replaces_an_existing_report(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text("old")
    assert run_scan(BENIGN, "-o", str(report)).returncode == 0
    assert json.loads(report.read_text())["schema"]


def test_existing_folder_whose_name_ends_like_a_file_receives_the_report_of_each_target(tmp_path: Path) -> None:
    folder = tmp_path / "folder.json"
    folder.mkdir()
    assert (
        run_scan(BENIGN, f"{BENIGN.parent}/../{BENIGN.parent.name}/{BENIGN.name}", "-o", f"json={folder}").returncode
        == 0
    )
    assert len(list(folder.iterdir())) == 2


def test_report_is_written_through_a_device_a_pipe_or_a_symbolic_link(tmp_path: Path) -> None:
    pipe, link, linked = tmp_path / "pipe", tmp_path / "link.json", tmp_path / "linked.json"
    os.mkfifo(pipe)
    link.symlink_to(linked)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_file(pipe, b"report")
    reader.join(10)
    write_file(link, b"report")
    assert (read, pipe.is_fifo(), link.is_symlink(), linked.read_bytes()) == ([b"report"], True, True, b"report")
    controller, terminal = os.openpty()
    write_file(Path(os.ttyname(terminal)), b"report")
    assert os.read(controller, 6) == b"report"
    assert Path(os.ttyname(terminal)).is_char_device()


def test_report_file_may_have_a_name_of_254_bytes_in_utf_8(tmp_path: Path) -> None:
    path = tmp_path / ("報" * 83 + ".json")  # 254 bytes in UTF-8
    write_file(path, b"report")
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [(path.name, b"report")]


@pytest.mark.parametrize(
    ("output", "target", "fault"),
    [
        ("report.json", "{outside}/victim", "report.json: is a link to"),
        ("report.json", ".git/config", "report.json: is a link to"),
        ("report.json", "report.json", "report.json: cannot be written: "),
        ("reports/", "{outside}/victim", "data-protocol4.pkl.json: is not a regular file; remove it"),
        ("reports/", None, "data-protocol4.pkl.json: is not a regular file; remove it"),
    ],
)
def test_report_is_not_written_through_a_link_that_came_with_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, target: str | None, fault: str
) -> None:
    project = tmp_path / "project"
    for folder in (project / ".git", project / "reports"):
        folder.mkdir(parents=True)
    victims = (tmp_path / "victim", project / ".git/config")
    for victim in victims:
        victim.write_text("kept")
    monkeypatch.chdir(project)
    place = Path(output) / "data-protocol4.pkl.json" if output.endswith("/") else Path(output)
    if target is None:
        os.mkfifo(place)  # a report written into it would wait for a reader
    else:
        place.symlink_to(target.format(outside=tmp_path))
    done = run_scan(BENIGN, "-o", f"json={output}")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert fault in done.stderr
    assert [victim.read_text() for victim in victims] == ["kept", "kept"]


def test_two_spellings_of_one_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to("a.json")
    for second in (f"{tmp_path}/../{tmp_path.name}/a.json", f"{tmp_path}/link.json"):
        done = run_scan(BENIGN, "-o", f"json={tmp_path}/a.json", "-o", f"sarif={second}")
        assert (done.returncode, "two reports go into the same file" in done.stderr) == (2, True)


def test_socket_as_output_is_refused(tmp_path: Path) -> None:
    address = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        with pytest.raises(
            ConfigurationError, match="socket: cannot be written: it is not a regular file; name a regular file"
        ):
            write_file(address, b"report")
        assert address.is_socket()


@check_each("output", ["sarif=/proc/r.sarif", "junit=/proc/", "/proc/r.md", "/dev/null/r.csv", "html=/proc/1/r.html"])
def test_place_that_cannot_be_written_is_refused_before_the_scan(output: str) -> None:
    done = run_scan(FIXTURES / "absent/model.bin", "-o", output)
    # A scan of a missing model would exit with 4.
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert output.partition("=")[2].rstrip("/") in done.stderr


def test_check_of_a_place_leaves_no_file_and_no_new_bytes(tmp_path: Path) -> None:
    old = tmp_path / "old.sarif"
    old.write_text("old")
    link = tmp_path / "link.md"
    link.symlink_to(tmp_path / "absent.md")
    done = run_scan(FIXTURES / "absent/model.bin", "-o", str(old), "-o", str(link), "-o", f"csv={tmp_path}/")
    assert done.returncode == 4
    assert [path.name for path in tmp_path.iterdir()] == ["link.md"]


def test_licence_that_is_missing_has_one_annotation_with_the_reason_and_the_next_step() -> None:
    done = run_scan(BENIGN, "--policy", "commercial-saas", "-o", "annotations")
    (warning,) = [line for line in done.stdout.splitlines() if line.startswith("::")]
    assert "decision/licence-review" in warning and "No licence is declared" in warning
    assert "Next: Read the reasons with modelaudit license" in warning


def test_path_that_is_misspelt_in_an_existing_folder_is_no_problem_of_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(retries, "pause", lambda budget, seconds: None)
    done = run_scan("models/nope", "--offline", HF_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode == 4 and "There is no 'nope' in the folder 'models'; check the path" in done.stderr
    online = run_scan("models/nope", HF_ENDPOINT="http://127.0.0.1:9")
    assert online.returncode == 4 and "check the path" in online.stderr and "check the network" not in online.stderr


def test_policy_that_is_found_and_not_used_is_named_in_a_quiet_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "modelaudit.yml").write_text("extends: strict\n")
    monkeypatch.chdir(tmp_path)
    done = run_scan(BENIGN, "-q", "--checks", "security")
    assert (done.returncode, done.stderr.count("\n")) == (0, 1) and "modelaudit.yml: not used" in done.stderr


def test_report_of_an_earlier_run_is_removed_before_the_scan_and_refused_if_the_run_reads_it(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    assert run_scan(BENIGN, "-o", str(report), "-q").returncode == 0
    # A wrong option ends the command before it touches anything.
    assert run_scan(BENIGN, "-o", str(report), "--policy", "absent").returncode == 2 and report.exists()
    # A report that replaced its own baseline would make what fails today known tomorrow.
    assert run_scan(BENIGN, "-o", str(report), "--baseline", str(report), "-q").returncode == 2
    assert report.exists()
    assert run_scan(tmp_path / "absent", "-o", str(report)).returncode == 4 and not report.exists()
    # A file of the model is none of an earlier run.
    (tmp_path / "model").mkdir()
    (tmp_path / "model/card.md").write_text("Tiny.\n")
    done = run_scan(tmp_path / "model", "-o", str(tmp_path / "model/card.md"), "-o", "json", "--checks", "security")
    assert len(json.loads(done.stdout)["decision"]["coverage"]["artifacts"]) == 1


def test_reports_of_several_targets_are_written_into_a_folder_and_refused_for_one_file(tmp_path: Path) -> None:
    done = run_scan(BENIGN, MALICIOUS, "-o", f"json={tmp_path}")
    assert done.returncode == 1
    assert len(list(tmp_path.iterdir())) == 2
    assert run_scan(BENIGN, MALICIOUS, "-o", f"json={tmp_path / 'one.json'}").returncode == 2


def test_reports_of_targets_that_would_share_a_file_name_get_the_numbers_2_and_3_in_their_names(tmp_path: Path) -> None:
    for folder, source in (("a--b", BENIGN), ("a b", MALICIOUS), ("a  b", BENIGN)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "model.pkl").write_bytes(source.read_bytes())
    out = tmp_path / "reports"
    out.mkdir()
    run_scan(tmp_path / "a--b", tmp_path / "a b", tmp_path / "a  b", "-o", f"json={out}", "-o", f"html={out}")
    # The name of a report is that of its target, with two hyphens for each run of separators and blanks.
    endings = [path.name.removeprefix("a--b") for path in out.iterdir()]
    numbers = ("", "--2", "--3")
    assert sorted(endings) == sorted(number + format_ for number in numbers for format_ in (".json", ".html"))
    reports = [next(out.glob(f"a--b{number}.json")) for number in numbers]
    verdicts = [json.loads(path.read_text())["decision"]["verdict"] for path in reports]
    assert verdicts == ["pass", "fail", "pass"]


def test_file_that_render_writes_into_a_folder_has_the_name_of_the_target_and_its_commit(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    run_scan(BENIGN, "-o", f"json={first}", "-o", f"html={first}")
    (saved,) = first.glob("*.json")
    # Only a target on the Hub has a commit, so the test inserts one.
    saved.write_text(re.sub(r'("commit": *)null', rf'\1"{"a" * 40}"', saved.read_text()))
    assert run_command("render", saved, "-o", f"html={second}").returncode == 0
    assert [path.name for path in second.iterdir()] == [f"{saved.stem}--{'a' * 40}.html"]


@pytest.mark.parametrize("command", ["scan", "render"])
def test_help_describes_every_output_format(command: str) -> None:
    text = " ".join(run_command(command, "--help").stdout.split())
    for each in REPORTS.values():
        assert f"{each.name} or report{each.endings[0]} ({each.summary})" in text


def test_option_show_hides_findings_without_changing_the_exit_code() -> None:
    done = run_scan(FIXTURES / "pickle/malicious/unverified-type.pkl", "--show", "critical", "--fail-on", "medium")
    assert done.returncode == 1
    assert "pickle/unverified-type" not in done.stdout


def test_scan_prints_no_colour_and_no_progress_if_its_output_is_not_a_terminal() -> None:
    assert "\x1b" not in run_scan(MALICIOUS).stdout
    assert "\x1b" not in run_scan(MALICIOUS, NO_COLOR="1").stdout
    assert not run_scan(BENIGN).stderr


def test_quiet_scan_prints_one_line_on_stderr_unless_it_passes() -> None:
    done = run_scan(MALICIOUS, "-q")
    assert (done.stdout, done.stderr) == ("", f"modelaudit: {MALICIOUS}: Exit code 1, fail: findings 1.\n")
    done = run_scan(BENIGN, "-q")
    assert (done.stdout, done.stderr) == ("", "")


def test_command_render_writes_the_same_html_bytes_as_the_scan(tmp_path: Path) -> None:
    direct, again, saved = tmp_path / "direct.html", tmp_path / "again.html", tmp_path / "r.json"
    assert run_scan(MALICIOUS, "-o", str(direct), "-o", str(saved)).returncode == 1
    assert run_command("render", saved, "-o", str(again)).returncode == 0
    assert again.read_bytes() == direct.read_bytes()


def test_command_render_with_a_file_output_prints_the_table_only_if_asked(tmp_path: Path) -> None:
    saved, page = tmp_path / "r.json", tmp_path / "page.html"
    run_scan(MALICIOUS, "-o", str(saved))
    assert "FAIL" in run_command("render", saved).stdout
    assert run_command("render", saved, "-o", str(page)).stdout == ""
    assert "FAIL" in run_command("render", saved, "-o", "table", "-o", str(page)).stdout
    assert run_command("render", saved, "-q") == CommandResult(0, "", "")


def test_command_render_on_an_invalid_or_missing_report_is_a_usage_error(tmp_path: Path) -> None:
    invalid = tmp_path / "r.json"
    invalid.write_text("{}")
    refused = run_command("render", invalid)
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert run_command("render", tmp_path / "absent.json").returncode == 2


def test_internal_failure_of_a_scan_prints_one_line_and_exits_with_4(tmp_path: Path) -> None:
    # Python imports sitecustomize before the command; this one replaces the renderer by a function that fails.
    (tmp_path / "sitecustomize.py").write_text(
        "import modelaudit.reports.screen as screen\n"
        "def fail(*arguments, **options): raise KeyError('a bug')\n"
        "screen.render_screen = fail\n"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = run_scan_in_own_process(BENIGN, PYTHONPATH=path)
    assert done.returncode == 4
    assert done.stderr.count("\n") == 1
    assert "KeyError" in done.stderr


def test_wrong_option_in_a_scan_of_several_targets_is_reported_once() -> None:
    assert run_scan(BENIGN, MALICIOUS, "--policy", "nonsense").stderr.count("\n") == 1


def test_explain_prints_the_whole_page_of_a_rule() -> None:
    done = run_command("explain", "pickle/dangerous-call")
    assert done.returncode == 0
    headings = [line for line in done.stdout.splitlines() if line[:1].isupper()]
    assert headings == ["What it finds", "Why it matters", "Example", "What to do", "References"]
    for part in ("severity critical", "posix.system('echo inert')", "CWE-502", "AML.T0011.000", "https://"):
        assert part in done.stdout, part


def test_explain_of_a_cause_names_the_next_step_in_lines_that_fit() -> None:
    text = run_command("explain", "unread").stdout
    assert max(map(len, text.splitlines())) <= 100
    words = " ".join(text.split())
    assert "program code, no reader, damaged" in words
    assert "Next: Remove the part, fetch it again, accept it in the policy under allow-unread" in words
    assert words.endswith("or record a decision.")


def test_explain_of_a_rule_whose_message_is_a_field_alone_shows_no_field_name() -> None:
    text = run_command("explain", "license/variant-text").stdout
    assert "What it finds" in text and "(detail)" not in text


def test_no_page_of_a_rule_shows_the_name_of_a_field() -> None:
    for rule in load_catalogue(formats=FACTS).findings.values():
        (section, *_) = describe_rule(rule, (), None).sections
        text = " ".join(block.text for block in section.blocks if isinstance(block, Paragraph))
        fields = re.findall(r"\{(\w+)\}", rule.message)
        assert not [name for name in fields if f"({name.replace('_', ' ')})" in text or f"{{{name}}}" in text], (
            rule.rule.id
        )
        assert "… …" not in text, rule.rule.id


def test_explain_of_a_finding_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/loader.py").write_text("import os\n\nos.system('echo inert')\n")
    saved = tmp_path / "report.json"
    assert run_scan(tmp_path / "model", "-o", f"json={saved}").returncode == 1
    report = json.loads(saved.read_text())
    done = run_command("explain", report["findings"][0]["fingerprint"], "--report", str(saved))
    assert "severity critical, in loader.py, line 3\n" in done.stdout


def test_explain_shows_each_reference_of_a_rule_once() -> None:
    addresses = re.findall(r"https://\S+", run_command("explain", "pickle/dangerous-call").stdout)
    assert addresses
    assert len(addresses) == len(set(addresses))


def test_explain_without_a_name_lists_rules_and_licenses() -> None:
    listed = run_command("explain").stdout
    assert "\npickle/dangerous-call " in listed
    assert "\nApache-2.0 " in listed
    assert "pickle/dangerous-call" in run_command("explain").stdout


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("pickle/dangerus-call", "mean pickle/dangerous-call?"),
        ("no/rule", "lists all rules"),
        ("apache-9", "Apache-2.0"),
        ("apple-amrl", "LicenseRef-Apple-AMLR"),
        ("nosuch", "is no rule, licence, policy or cause; `modelaudit explain` lists all names"),
        ("dangerous-call", "mean pickle/dangerous-call or"),
    ],
)
def test_explain_of_an_unknown_name_suggests_a_known_name_or_a_command_that_lists_names(name: str, hint: str) -> None:
    done = run_command("explain", name)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert hint in done.stderr


@check_each(
    "arguments, end",
    [
        (("scna", "x"), "No such command 'scna'; did you mean scan?; see: modelaudit --help"),
        (("org/model",), "to scan a model: modelaudit scan org/model; see: modelaudit --help"),
        (("nonsense",), "No such command 'nonsense'; see: modelaudit --help"),
        (("scan", "x", "--format", "json"), "No such option '--format'; see: modelaudit scan --help"),
        (("scan", "x", "--polcy", "y"), "'--polcy' (did you mean --policy?); see: modelaudit scan --help"),
        (("scan", "x", "--output"), "requires an argument; see: modelaudit scan --help"),
        (("render", str(FIXTURES)), "name a report that `modelaudit scan TARGET -o json=FILE` saved"),
    ],
)
def test_error_about_a_wrong_command_line_ends_with_what_to_do_next(arguments: tuple[str, ...], end: str) -> None:
    done = run_command(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.rstrip("\n").endswith(end)


@pytest.mark.parametrize("command", ["scan", "license"])
def test_error_about_a_missing_target_mentions_local_paths_unless_the_target_is_an_address(
    command: str, tmp_path: Path
) -> None:
    empty_cache = {"HF_HOME": str(tmp_path), "HF_HUB_CACHE": str(tmp_path)}
    assert "There is no local path 'absent'" in run_command(command, "absent", "--offline", **empty_cache).stderr
    assert "local path" not in run_command(command, "hf://absent", "--offline", **empty_cache).stderr


def test_explain_lists_the_rules_of_a_family_at_or_above_a_severity() -> None:
    rows = run_command("explain", "pickle", "--severity", "critical").stdout.splitlines()
    assert rows
    assert all(row.startswith("pickle/") and " critical " in row for row in rows)
    listed = json.loads(run_command("explain", "numpy", "--json").stdout)
    assert {"id", "why", "fix", "cwe", "references", "since"} <= listed[0].keys()
    refused = run_command("explain", "pickles")
    assert refused.returncode == 2
    assert "pickle" in refused.stderr


def test_explain_prints_a_finding_by_its_fingerprint(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    run_command("scan", str(FIXTURES / "pickle/malicious/os-system.pkl"), "-o", f"json={report}")
    finding = json.loads(report.read_text())["findings"][0]
    done = run_command("explain", finding["fingerprint"], "--report", str(report))
    assert done.returncode == 0
    assert finding["message"] in done.stdout
    narrow = run_command("explain", finding["fingerprint"], "--report", str(report), COLUMNS="60").stdout
    assert max(map(len, narrow.partition("severity")[0].splitlines())) <= 60
    assert "What to do" in done.stdout
    assert "--report" in run_command("explain", finding["fingerprint"]).stderr
    missing = run_command("explain", "0" * 16, "--report", str(report))
    assert missing.returncode == 2
    assert f"no finding has the fingerprint '{'0' * 16}'; `modelaudit render {report}` lists" in missing.stderr


def test_version_and_help_are_printed() -> None:
    from modelaudit import __version__

    assert run_command("--version").stdout.strip() == f"modelaudit {__version__}"
    assert "Exit codes" in run_command("--help").stdout
    assert "--fail-on" in run_command("scan", "--help").stdout


def test_import_of_the_command_line_module_imports_no_large_library() -> None:
    code = "import sys, modelaudit.cli.main; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"huggingface_hub", "pydantic", "jinja2", "rich", "cyclonedx", "yaml", "modelscan", "numpy", "httpx2"}
    assert not heavy & set(loaded)


def test_scan_into_a_closed_pipe_prints_no_traceback() -> None:
    done = subprocess.run(
        f"{sys.executable} -m modelaudit scan --no-second-opinion {FIXTURES / 'pickle'} -o json | head -c 1",
        shell=True, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [("explain", "MIT"), ("scan", BENIGN, "--offline", "--no-second-opinion")])
def test_command_that_cannot_write_stdout_on_a_full_disk_exits_with_4(
    arguments: tuple[str | Path, ...],
) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "modelaudit", *map(str, arguments)], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 4
    assert done.stderr.startswith(b"modelaudit: error: the output cannot be written: ")
    assert done.stderr.count(b"\n") == 1


@check_each("model", ["auto-map-reverse-shell", "checkpoint-cut", "acme-tiny"])
def test_command_on_the_screen_records_a_decision_on_what_is_open(model: str, tmp_path: Path) -> None:
    report = tmp_path / "a report.json"
    done = run_command(
        "scan", FIXTURES / "repositories" / model, "--offline", "-o", "table", "-o", f"json={report}",
        COLUMNS="1000",
    )  # fmt: skip
    command = re.search(r"modelaudit (decide .*?) --answer …", done.stdout)
    listed = json.loads(run_command("decide", "--list", "--report", report, "--json").stdout)
    subjects = [each["subject"] for each in listed["open"]]
    assert "FINGERPRINT" not in done.stdout
    if command is None:
        assert not subjects
        return
    _, subject, option, path = shlex.split(command[1])
    assert (option, path) == ("--report", str(report))
    assert subject in subjects
    assert ("and so for the others" in done.stdout) is (len(subjects) > 1)
