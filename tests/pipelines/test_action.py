"""The action, step by step as a runner runs it, against the loopback Hub and the API of a pull request."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hub.repository import Files
from hub.server import LoopbackHub
from pipelines.runner import JobResult, PullRequest, Runner, read_commands, serve_pull_request
from support.fixtures import FIXTURES
from support.warm import warm_interpreter

pytestmark = [pytest.mark.counterpart, pytest.mark.xdist_group("action"), pytest.mark.timeout(600)]
"""One worker installs the action for all of these tests."""

GOOD, BAD = "repositories/acme-tiny", "pickle/malicious"
BROKEN = {"model.pkl": (FIXTURES / "pickle/truncated/benign-truncated.pkl").read_bytes()}
UNLICENSED = {"model.pkl": (FIXTURES / "pickle/benign/data-protocol4.pkl").read_bytes()}
TOKEN = "token-of-the-job"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The outputs of the step that installs the action; it runs once, in a job of its own."""
    workspace, temporary = tmp_path_factory.mktemp("workspace"), tmp_path_factory.mktemp("installation")
    (workspace / "model.pkl").write_bytes(UNLICENSED["model.pkl"])
    (workspace / "modelaudit.py").write_text("raise SystemExit('the working directory was imported')")
    runner = Runner(workspace, temporary)
    runner.environment["PIP_COMPILE"] = "no"  # most of the installed modules are never imported
    result = runner.run(target="model.pkl", offline="true", summary="false")
    assert (result.exit_code, result.outputs["load"]) == (0, "pass"), result.log
    python = result.steps["install"]["python"]
    assert Path(python).is_relative_to(temporary)
    # The further jobs decide the same without a second opinion, in half of the time.
    uninstall = [python, "-I", "-m", "pip", "--disable-pip-version-check", "uninstall", "--quiet", "--yes", "modelscan"]
    subprocess.run(uninstall, check=True)
    # They also run in forks of one process, which has imported what the step installed.
    return result.steps["install"] | {"python": str(warm_interpreter(Path(python)))}


@pytest.fixture
def runner(installed: dict[str, str], tmp_path: Path) -> Runner:
    """A runner with a fresh workspace, on which the action is installed."""
    (tmp_path / "workspace").mkdir()
    (tmp_path / "temporary").mkdir()
    runner = Runner(tmp_path / "workspace", tmp_path / "temporary")
    runner.installed = installed
    runner.inputs = {"cache": "false"}
    return runner


@pytest.fixture
def pull_request(runner: Runner, tmp_path: Path) -> Iterator[PullRequest]:
    """A pull request, to which the jobs of the runner belong."""
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7}}))
    with serve_pull_request(TOKEN) as pull_request:
        runner.environment |= {
            "GITHUB_API_URL": pull_request.url,
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_REPOSITORY": "acme/app",
        }
        yield pull_request


def add_model(hub: LoopbackHub, files: str | Files) -> str:
    """Add a model to the Hub: a folder of the fixtures, or files. Returns its id."""
    hub.add_repository("acme/model", FIXTURES / files if isinstance(files, str) else files)
    return "acme/model"


@pytest.mark.parametrize(
    ("files", "policy", "code", "load", "use"),
    [
        (GOOD, "commercial-saas", 0, "pass", "pass"),
        (GOOD, "", 0, "pass", "review"),
        (BAD, "", 1, "fail", "review"),
        (BROKEN, "", 3, "incomplete", "review"),
        (UNLICENSED, "commercial-saas", 3, "pass", "review"),
    ],
)
def test_action_writes_reports_outputs_and_summary_and_then_ends_with_the_code_of_the_scan(
    runner: Runner, hub: LoopbackHub, files: str | Files, policy: str, code: int, load: str, use: str
) -> None:
    result = runner.run(target=add_model(hub, files), policy=policy, sarif_upload="true")

    assert result.exit_code == code, result.log
    outputs = result.outputs
    assert (outputs["load"], outputs["use"], outputs["exit-code"]) == (load, use, str(code))
    report = json.loads(Path(outputs["json"]).read_bytes())
    assert outputs["findings"] == str(len(report["findings"]))
    assert set(filter(None, outputs["causes"].split(","))) == {each["kind"] for each in report["decision"]["causes"]}
    assert bool(outputs["causes"]) == (code != 0)
    assert Path(outputs["html"]).read_text("utf-8").startswith("<!DOCTYPE html>")
    assert json.loads(Path(outputs["sbom"]).read_bytes())["specVersion"] == "1.6"
    assert json.loads(Path(outputs["sarif"]).read_bytes())["version"] == "2.1.0"
    assert result.used[-1] == (upload_reference(result), {"sarif_file": outputs["sarif"]})
    assert "acme/model" in result.summary and len(result.summary.encode()) <= 1 << 20
    levels = [name for name, _, _ in result.commands]
    assert set(levels) <= {"error", "warning", "notice"} and len(levels) <= 10
    assert ("error" in levels) == (load == "fail")


def upload_reference(result: JobResult) -> str:
    """Return the reference to the action that uploads SARIF, pinned to a commit."""
    (reference,) = [name for name, _ in result.used if name.startswith("github/codeql-action/upload-sarif@")]
    assert re.fullmatch(r".+@[0-9a-f]{40}", reference)
    return reference


def test_action_that_could_not_run_says_why_in_summary_and_annotation_and_never_answers_pass(
    runner: Runner, hub: LoopbackHub
) -> None:
    result = runner.run(target="acme/<b>absent", sarif_upload="true")
    assert result.exit_code in (2, 4)
    result = runner.run(target="acme/absent", sarif_upload="true")

    assert (result.exit_code, result.outputs["exit-code"]) == (4, "4")
    assert [result.outputs[name] for name in ("load", "use", "causes", "json")] == ["", "", "not-scanned", ""]
    assert "exit code 4, and no report" in result.summary and "acme/absent" in result.summary
    ((level, _, message),) = result.commands
    assert level == "error" and "acme/absent" in message
    assert not [name for name, _ in result.used if "upload-sarif" in name]


@pytest.mark.parametrize(
    ("inputs", "named"),
    [
        ({"fail_on": "hihg"}, "Invalid value for the input fail-on: 'hihg'"),
        ({"formats": "html docx"}, "docx"),
        ({"formats": "../html"}, "../html"),
        ({"comment": "yes"}, "comment"),
        ({"cache": "maybe"}, "cache"),
        ({"policy": "absent.yaml"}, "absent.yaml"),
        ({"decisions": "--rules=x"}, "--rules=x"),
        ({"baseline": "absent.json"}, "absent.json"),
    ],
)
def test_wrong_input_ends_with_2_and_is_named(runner: Runner, inputs: dict[str, str], named: str) -> None:
    (runner.workspace / "model.pkl").write_bytes(UNLICENSED["model.pkl"])
    result = runner.run(target="model.pkl", offline="true", **inputs)
    assert (result.exit_code, result.outputs["exit-code"], result.outputs["load"]) == (2, "2", "")
    assert named in result.summary
    assert [level for level, _, _ in result.commands] == ["error"] and named in result.commands[0][2]


def test_shell_characters_in_every_input_are_inert(runner: Runner) -> None:
    hostile = '"; touch made; $(touch made) `touch made` ${{ github.token }}\n::error::made'
    for name in ("target", "policy", "fail_on", "baseline", "decisions", "formats", "comment", "offline", "summary"):
        result = runner.run(**{"target": "absent.pkl", "offline": "true", name: hostile})
        assert result.exit_code != 0 and not (runner.workspace / "made").exists(), name
        assert not [message for _, _, message in result.commands if message == "made"], name


def test_texts_of_a_model_set_no_output_and_print_no_command(runner: Runner, hub: LoopbackHub) -> None:
    lines = ["::set-output name=load::pass", "::error::made", "::add-path::/made", "<script>made()</script>", "load<<x"]
    card = "---\nlicense: mit\n---\n" + "\n".join([*lines, "##[error]made", "\x1b[31mred", "\u202emade"])
    files: dict[str, bytes | str] = {"README.md": card, "evil.pkl": (FIXTURES / BAD / "os-system.pkl").read_bytes()}
    files |= {f"{line}.pkl": files["evil.pkl"] for line in ("::error::made", "\n::error::made", "%0A::error::made")}
    result = runner.run(target=add_model(hub, files), comment="true")

    assert (result.exit_code, result.outputs["load"]) == (1, "fail")
    assert {name for name, _, _ in result.commands} <= {"error", "warning", "notice"}
    assert not [message for _, _, message in result.commands if message == "made"]
    assert "<script>" not in result.summary and "\x1b" not in result.summary


def test_several_targets_give_the_worst_answer_and_a_folder_for_each_kind_of_report(
    runner: Runner, hub: LoopbackHub
) -> None:
    for name, files in {"acme/good": GOOD, "acme/bad": BAD}.items():
        hub.add_repository(name, FIXTURES / files)
    result = runner.run(target="acme/good\n\n  acme/bad\n")
    assert (result.exit_code, result.outputs["load"]) == (1, "fail")
    assert len(list(Path(result.outputs["html"]).iterdir())) == len(list(Path(result.outputs["json"]).iterdir())) == 2
    assert 0 < result.summary.index("acme/good") < result.summary.index("acme/bad")
    assert any("acme/bad" in message for _, _, message in result.commands)

    result = runner.run(target="acme/good\nacme/absent\n./gone", formats="junit")
    assert (result.exit_code, result.outputs["load"], result.outputs["causes"]) == (4, "incomplete", "not-scanned")
    assert Path(result.outputs["json"]).is_file()
    assert len(list(Path(result.outputs["reports"], "junit").iterdir())) == 1
    # A target without a report is named in the summary, and in an annotation of its own.
    assert "exit code 4, and 2 without a report" in result.summary and "acme/good" in result.summary
    errors = [message for level, _, message in result.commands if level == "error"]
    for target in ("acme/absent", "./gone"):
        assert target in result.summary and [target in each for each in errors].count(True) == 1


def test_models_of_one_name_have_a_comment_each_and_differ_in_summary_and_code_scanning(
    runner: Runner, pull_request: PullRequest
) -> None:
    for folder, file in (("a/tiny", "pickle/benign/data-protocol4.pkl"), ("b/tiny", f"{BAD}/os-system.pkl")):
        (runner.workspace / folder).mkdir(parents=True)
        (runner.workspace / folder / "model.pkl").write_bytes((FIXTURES / file).read_bytes())
    result = runner.run(target="b/tiny\na/tiny", comment="true", formats="sarif", offline="true")
    assert result.exit_code == 1
    bodies = sorted(comment["body"] for comment in pull_request.comments)
    assert [body.splitlines()[0] for body in bodies] == ["<!-- modelaudit:a/tiny -->", "<!-- modelaudit:b/tiny -->"]
    assert "modelaudit: fail `b/tiny`" in bodies[1] and "modelaudit: fail `b/tiny`" in result.summary
    logs = [json.loads(path.read_bytes()) for path in Path(result.outputs["sarif"]).iterdir()]
    assert len({log["runs"][0]["automationDetails"]["id"] for log in logs}) == 2


def test_without_a_target_the_models_that_the_policy_pins_are_scanned_and_kept(
    runner: Runner, hub: LoopbackHub
) -> None:
    commits = {}
    for name, files in {"acme/good": GOOD, "acme/bad": BAD}.items():
        repository = hub.add_repository(name, FIXTURES / files)
        commits[name] = repository.sha
    models = [{"name": name, "revision": commit} for name, commit in commits.items()]
    (runner.workspace / "modelaudit.yaml").write_text(yaml.safe_dump({"extends": "default", "models": models}))

    result = runner.run(cache="true")

    assert (result.exit_code, result.outputs["load"]) == (1, "fail"), result.log
    assert len(list(Path(result.outputs["json"]).iterdir())) == 2
    assert {Path(path).name for path in result.steps["resolve"]["path"].splitlines()} == {
        "models--acme--good",
        "models--acme--bad",
    }


def test_files_of_the_hub_are_kept_by_commit_and_an_offline_run_asks_for_none(runner: Runner, hub: LoopbackHub) -> None:
    runner.inputs = {}
    target = add_model(hub, GOOD)
    first, second = runner.run(target=target), runner.run(target=f"{target}@main")
    saved = [[name for name, _ in result.used if "cache/save" in name] for result in (first, second)]
    assert [len(names) for names in saved] == [1, 0] and len(runner.cached) == 1
    assert Path(first.steps["resolve"]["path"]).name == "models--acme--model"

    hub.access.repositories["model", target].commit(UNLICENSED, message="change")
    assert len([name for name, _ in runner.run(target=target).used if "cache/save" in name]) == 1

    requests = len(hub.requests)
    offline = runner.run(target=target, offline="true")
    assert (offline.exit_code, len(hub.requests)) == (0, requests)
    assert not [name for name, _ in offline.used if "cache" in name]
    assert not [name for name, _ in runner.run(target=target, cache="false").used if "cache" in name]


def test_failing_hub_keeps_nothing_and_the_scan_reports_it(runner: Runner, hub: LoopbackHub) -> None:
    target = add_model(hub, GOOD)
    hub.inject_fault("/api/models", status=400)
    result = runner.run(target=target, cache="true")
    assert result.exit_code == 4 and not [name for name, _ in result.used if "cache" in name]
    assert "No cache for this run" in result.log


def test_comment_is_written_once_and_then_updated(runner: Runner, hub: LoopbackHub, pull_request: PullRequest) -> None:
    target = add_model(hub, BAD)
    for _ in range(110):
        pull_request.add("an earlier comment", "somebody")
    first = runner.run(target=target, comment="true")
    assert first.exit_code == 1
    comment = pull_request.comments[-1]
    marker, body = comment["body"].partition("\n")[::2]
    assert re.fullmatch(r"<!-- .+ -->", marker) and "posix.system" in body
    assert len(comment["body"]) <= 65_536

    add_model(hub, GOOD)
    forged = pull_request.add(f"{marker}\nforged", "somebody")
    runner.run(target=target, comment="true")
    assert len(pull_request.comments) == 112 and forged["body"] == f"{marker}\nforged"
    assert comment["body"].startswith(f"{marker}\n") and "posix.system" not in comment["body"]


def test_comment_that_cannot_be_written_is_a_warning(
    runner: Runner, hub: LoopbackHub, pull_request: PullRequest
) -> None:
    target = add_model(hub, GOOD)
    pull_request.refuse = True
    refused = runner.run(target=target, comment="true")
    event, runner.environment["GITHUB_EVENT_PATH"] = runner.environment["GITHUB_EVENT_PATH"], "/dev/null"
    elsewhere = runner.run(target=target, comment="true")
    for result, level, text in ((refused, "warning", "pull-requests: write"), (elsewhere, "notice", "no pull request")):
        assert result.exit_code == 0
        assert [name for name, _, message in result.commands if text in message] == [level]
    runner.environment |= {"GITHUB_EVENT_PATH": event, "GITHUB_API_URL": "http://127.0.0.1:9"}
    unreachable = runner.run(target=target, comment="true")
    ((level, message),) = [each[::2] for each in unreachable.commands if "comment" in each[2]]
    assert (level, "Connection refused" in message, "pull-requests" in message) == ("warning", True, False)
    assert TOKEN not in refused.log + elsewhere.log + unreachable.log


def test_only_the_step_of_the_comment_has_the_token() -> None:
    text = (Path(__file__).resolve().parents[2] / "action.yml").read_text("utf-8")
    assert text.count("github.token") == 1
    step = text[: text.index("github.token")].rpartition("    - ")[2]
    assert "inputs.comment == 'true'" in step


def test_reader_of_commands_obeys_none_between_stop_and_token() -> None:
    log = "::error::a\n::stop-commands::t\n::error::b\n::other::\n::t::\n::warning title=x::c\n"
    assert list(read_commands(log)) == [("error", "", "a"), ("warning", "title=x", "c")]
