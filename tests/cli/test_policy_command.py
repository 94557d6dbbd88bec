"""``modelaudit policy``, and the policy that ``scan`` and ``license`` find."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

import pytest
from hub.server import LoopbackHub
from support.cases import check_each
from support.catalogue import load_shipped
from support.command import CommandResult, run_command
from support.fixtures import FIXTURES
from support.signatures import write_public_key

from modelaudit.catalogue import load_policy
from modelaudit.cli.main import command as program
from modelaudit.cli.policy import command as policy_group
from modelaudit.model.finding import CheckFamily, Severity

COMMIT = "0123456789abcdef0123456789abcdef01234567"
UNVERIFIED = FIXTURES / "pickle/malicious/unverified-type.pkl"
CARD = "---\nlicense: mit\n---\n# Tiny\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty project, which is the working directory."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def scan(*arguments: str | Path, **environment: str) -> CommandResult:
    return run_command("scan", "--no-second-opinion", *arguments, **environment)


def scan_as_json(*arguments: str | Path) -> tuple[CommandResult, dict[str, object]]:
    done = scan(*arguments, "-o", "json")
    return done, json.loads(done.stdout) if done.stdout else {}


def test_help_of_the_group_lists_its_commands() -> None:
    assert set(policy_group.commands) == {"init", "check", "rules", "show"}  # type: ignore[attr-defined]
    assert "policy" in program.list_commands(None)  # type: ignore[arg-type]
    for arguments in (("policy", "--help"), ("policy", "show", "--help")):
        assert run_command(*arguments).returncode == 0


def test_new_policy_is_valid_also_with_all_of_its_comments_as_entries(project: Path) -> None:
    done = run_command("policy", "init", "--extends", "commercial-saas")
    assert (done.returncode, done.stdout) == (0, "")
    assert "wrote modelaudit.yaml" in done.stderr
    assert run_command("policy", "check").stdout == "modelaudit.yaml: valid; 0 models\n"
    text = (project / "modelaudit.yaml").read_text()
    entries = "".join(re.findall(r"^# ((?: +- | +|)[a-z-]+:.*\n|  .*\n)", text, re.MULTILINE))
    (project / "keys").mkdir()
    (project / "keys/acme.pub").touch()
    (project / "all.yaml").write_text(f"extends: commercial-saas\n{entries}")
    policy = load_policy(project / "all.yaml", load_shipped())
    assert set(entries.split()) >= {"gates:", "require:", "use:", "licenses:", "models:", "accept-critical:"}
    assert policy.models[0].name == "org/model"
    again = run_command("policy", "init")
    assert again.returncode == 2
    assert "modelaudit.yaml: exists already" in again.stderr
    assert (project / "modelaudit.yaml").read_text() == text
    unknown = run_command("policy", "init", "other.yaml", "--extends", "strct")
    assert unknown.returncode == 2
    assert "did you mean strict?" in unknown.stderr
    assert not (project / "other.yaml").exists()


def test_new_policy_lists_the_models_that_the_code_loads(project: Path, hub: LoopbackHub) -> None:
    repository = hub.add_repository("acme/tiny", files={"README.md": CARD})
    (project / "src").mkdir()
    (project / "src/app.py").write_text(
        f'from transformers import AutoModel\nAutoModel.from_pretrained("acme/pinned", revision="{COMMIT}")\n'
        'AutoModel.from_pretrained("acme/tiny")\nAutoModel.from_pretrained("acme/gone")\n'
        "def load(name):\n    return AutoModel.from_pretrained(name)\n"
    )
    done = run_command("policy", "init", "--discover", "src")
    assert done.returncode == 0, done.stderr
    assert "models listed: 2, not listed: 2" in done.stderr
    text = (project / "modelaudit.yaml").read_text()
    policy = load_policy(project / "modelaudit.yaml", load_shipped())
    assert [(model.name, model.revision) for model in policy.models] == [
        ("acme/pinned", COMMIT),
        ("acme/tiny", repository.sha),
    ]
    assert policy.models[1].note == "src/app.py:3 loads the default branch; pin the commit there too"
    assert re.search(r"^# Not listed: src/app.py:4 loads acme/gone, and its commit is unknown: ", text, re.MULTILINE)
    assert re.search(r"^# Not listed: src/app.py:6 loads a model whose name the code does not show", text, re.MULTILINE)
    missing = run_command("policy", "init", "other.yaml", "--discover", "missing")
    assert (missing.returncode, (project / "other.yaml").exists()) == (2, False)


def test_new_policy_lists_local_models_and_says_which_paths_it_leaves_out(project: Path) -> None:
    (project / "src").mkdir()
    (project / "nets/tiny: 1").mkdir(parents=True)
    (project / "nets/tiny: 1/notes.txt").write_text("Tiny.\n")
    (project / "src/app.py").write_text(
        "import torch\ntorch.load('nets/tiny: 1')\ntorch.load('./nets/tiny: 1')\ntorch.load('absent.pt')\n"
    )
    done = run_command("policy", "init", "--discover", ".")
    assert (done.returncode, "models listed: 1, not listed: 1" in done.stderr) == (0, True), done.stderr
    text = (project / "modelaudit.yaml").read_text()
    assert "# Not listed: src/app.py:4 loads absent.pt: the code base has no such file or folder" in text
    (model,) = load_policy(project / "modelaudit.yaml", load_shipped()).models
    assert (model.name, model.revision, model.note) == ("./nets/tiny: 1", "", "src/app.py:2")
    assert run_command("policy", "check").stdout == "modelaudit.yaml: valid; 1 model\n"
    shown = run_command("policy", "show").stdout
    (project / "modelaudit.yaml").write_text(shown)
    assert load_policy(project / "modelaudit.yaml", load_shipped()).models[0].name == "./nets/tiny: 1"
    # A policy elsewhere cannot list what lies outside of its folder.
    (project / "ops").mkdir()
    run_command("policy", "init", "ops/modelaudit.yaml", "--discover", ".")
    text = (project / "ops/modelaudit.yaml").read_text()
    assert "# Not listed: src/app.py:2 loads nets/tiny: 1: it lies outside of the folder of this file" in text


def test_scan_without_a_target_scans_local_models_relative_to_the_policy(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "ops/nets/tiny").mkdir(parents=True)
    (project / "ops/nets/tiny/notes.txt").write_text("Tiny.\n")
    # What came with the model is not used, and the policy above it is.
    (project / "ops/nets/tiny/modelaudit.yaml").write_text("gates: {security: never}\n")
    (project / "ops/modelaudit.yaml").write_text("models:\n  - name: ./nets/tiny/\n    note: own\n")
    (project / "ops/deep").mkdir()
    monkeypatch.chdir(project / "ops/deep")
    done, report = scan_as_json("--checks", "security")
    target = report["target"]
    assert isinstance(target, dict)
    assert (done.returncode, target["name"], target["anchors"]) == (0, "tiny", [{"line": 2, "path": "modelaudit.yaml"}])
    assert run_command("license", "-q").returncode in (0, 3)
    # A link must not lead out of the folder of the policy, and a path that is absent is an error.
    (project / "outside").mkdir()
    (project / "ops/link").symlink_to(project / "outside")
    for name, code, message in (("./link", 2, "leads out of the folder of this file"), ("./gone", 4, "'../gone'")):
        (project / "ops/modelaudit.yaml").write_text(f"models:\n  - name: {name}\n")
        failed = scan()
        assert (failed.returncode, failed.stdout, message in failed.stderr) == (code, "", True), failed.stderr
    # A file inside the model cannot be a part of the policy.
    (project / "ops/modelaudit.yaml").write_text(
        "extends: ./nets/tiny/modelaudit.yaml\nmodels: [{name: ./nets/tiny}]\n"
    )
    assert "a model must not judge itself" in scan().stderr


def test_check_names_file_line_and_next_step_and_needs_a_policy(project: Path) -> None:
    none = run_command("policy", "check")
    assert none.returncode == 2
    assert "write one with: modelaudit policy init" in none.stderr
    (project / "modelaudit.yaml").write_text("extends: default\ngate: {security: high}\n")
    for arguments in (("policy", "check"), ("policy", "show"), ("scan", UNVERIFIED), ("license", UNVERIFIED)):
        done = run_command(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert "error: modelaudit.yaml:2: gate: is not a known key; did you mean gates?" in done.stderr
    (project / "modelaudit.yaml").write_text("baseline: old.json\n")
    (project / "old.json").write_text("{}")
    done = run_command("policy", "check")
    assert (done.returncode, "old.json: " in done.stderr) == (2, True)
    (project / "modelaudit.yaml").write_text("decisions: ours.yaml\n")
    done = run_command("policy", "check")
    assert done.returncode == 2
    assert (
        "modelaudit.yaml:1: decisions: the file ours.yaml does not exist beside this policy; `modelaudit decide`"
        in done.stderr
    )
    (project / "ours.yaml").write_text("decisions: []\n")
    assert run_command("policy", "check").stdout == "modelaudit.yaml: valid; 0 models; decisions in ours.yaml\n"
    (project / "ours.yaml").write_text("decision: []\n")
    done = run_command("policy", "check")
    assert (done.returncode, "ours.yaml:1: " in done.stderr) == (2, True)
    assert run_command("policy", "check", "missing.yaml").returncode == 2
    assert run_command("policy", "check", "default").returncode == 2


@pytest.mark.parametrize("name", sorted(load_shipped().policies))
def test_shown_policy_is_a_policy_file_with_the_same_effect(project: Path, name: str) -> None:
    shown = run_command("policy", "show", name)
    assert shown.returncode == 0
    entries = [line for line in shown.stdout.splitlines() if not line.endswith(":") and line.startswith("  ")]
    assert all("# " in line for line in entries if line.startswith(("  security", "  use", "  commercial")))
    (project / "shown.yaml").write_text(shown.stdout)
    policy, again = load_shipped().policies[name], load_policy(project / "shown.yaml", load_shipped())
    for field in ("gates", "checks", "allow_unread", "intent", "gate_use", "require", "offline", "accept_critical"):
        assert getattr(again, field) == getattr(policy, field), field


def test_shown_policy_has_the_place_of_each_entry(project: Path) -> None:
    (project / "org.yaml").write_text("extends: commercial-saas\nlicenses: {deny: [non-commercial]}\n")
    (project / "modelaudit.yaml").write_text(
        "extends: org.yaml\ngates:\n  security: medium\nlicenses:\n  deny: [MIT]\n"
        f"models:\n  - {{name: acme/tiny, revision: {COMMIT}, note: '\u202e a note'}}\ndecisions: ok.yaml\n"
    )
    (project / "ok.yaml").touch()
    lines = [re.sub(r" +# ", " # ", line) for line in run_command("policy", "show").stdout.splitlines()]
    for line in (
        "  security: medium # modelaudit.yaml:3",
        "  integrity: high # default:8",
        "  commercial: true # commercial-saas:6",
        "    - MIT # modelaudit.yaml:5",
        "    - non-commercial # org.yaml:2",
        "  - name: acme/tiny # modelaudit.yaml:7",
        '    note: "\\U0000202e a note"',
        "decisions: ok.yaml # modelaudit.yaml:8",
    ):
        assert line in lines
    value = json.loads(run_command("policy", "show", "--json").stdout)
    assert value["entries"]["gates"]["security"] == "medium"
    assert value["origins"]["licenses.deny.non-commercial"] == "org.yaml:2"
    assert value["digest"] == load_policy(project / "modelaudit.yaml", load_shipped()).digest


def test_scan_and_license_use_the_policy_that_is_found_above_the_working_directory(project: Path) -> None:
    (project / "modelaudit.yaml").write_text("gates: {security: medium}\n")
    assert scan_as_json(UNVERIFIED)[0].returncode == 1
    assert scan(UNVERIFIED, "--policy", "default").returncode == 3
    model = project / "model"
    model.mkdir()
    (model / "README.md").write_text(CARD)
    (project / "modelaudit.yaml").write_text("licenses:\n  deny:\n    - MIT\n")
    for name in ("scan", "license"):
        done = run_command(name, model, "--offline", "-o", "json")
        decision = json.loads(done.stdout)["decision"]
        assert done.returncode == 1, name
        assert decision["use"] == {"reason": "The policy denies MIT (modelaudit.yaml:3).", "verdict": "fail"}
        assert [cause["kind"] for cause in decision["causes"]] == ["licence-denied"]


def test_policy_that_is_found_is_named_on_stderr_and_its_file_in_every_report_that_names_the_policy(
    project: Path,
) -> None:
    (project / "modelaudit.yaml").write_text("name: strictest\ngates: {security: never}\n")
    note = f"modelaudit: note: policy {project}/modelaudit.yaml, found from this folder upwards\n"
    for name in ("scan", "license"):
        assert note in run_command(name, UNVERIFIED, "--offline").stderr
        assert note not in run_command(name, UNVERIFIED, "--offline", "--policy", "modelaudit.yaml").stderr
    for output in ("table", "json", "html", "markdown", "cyclonedx", "sarif"):
        assert "strictest (modelaudit.yaml)" in scan(UNVERIFIED, "-o", output).stdout, output
    assert "policy default" in scan(UNVERIFIED, "--policy", "default").stdout


@check_each(
    "files, start, target",
    [
        ({"weights.dill": b""}, ".", "weights.dill"),
        ({"sub/weights.pkl": b"", "other.safetensors": b""}, ".", "sub"),
        ({"sub/weights.pkl": b"", "other.safetensors": b""}, "sub", "."),
        ({"sub/weights.pkl": b"", "config.json": b'{"model_type": "llama"}'}, ".", "sub/weights.pkl"),
        ({"sub/weights.pkl": b"", ".cache/huggingface/download/a.metadata": b""}, ".", "sub"),
        (
            {"sub/weights.pkl": b"", ".git/config": b'[remote "origin"]\n\turl = https://huggingface.co/a/b\n'},
            ".",
            "sub",
        ),
        ({"sub/weights.pkl": b"", "README.md": b"---\nlibrary_name: x\n---\n"}, "sub", "../link"),
    ],
)
def test_scan_in_a_downloaded_model_never_takes_the_policy_of_the_model(
    project: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes], start: str, target: str
) -> None:
    model = Path(tempfile.mkdtemp(dir=project))
    for name, content in {**files, "modelaudit.yaml": b"gates: {security: never}\n"}.items():
        (model / name).parent.mkdir(parents=True, exist_ok=True)
        (model / name).write_bytes(content)
    (model / "link").symlink_to("sub")
    with monkeypatch.context() as patch:
        patch.chdir(model / start)
        done = scan(target)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert f"{model}/modelaudit.yaml: the search found this file in a folder with a model" in done.stderr
        assert "; if it is yours, name it: --policy " in done.stderr
        assert scan(target, "--policy", "default").returncode != 2


def test_scan_in_the_cache_of_the_hub_never_takes_the_policy_of_the_model(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = project / "hub/models--acme--tiny/snapshots" / ("a" * 40)
    (snapshot / "sub").mkdir(parents=True)
    (snapshot / "sub/weights.pkl").write_bytes((FIXTURES / "pickle/malicious/os-system.pkl").read_bytes())
    (snapshot / "modelaudit.yaml").write_text("gates: {security: never}\n")
    for start, target in ((snapshot, "sub"), (snapshot / "sub", "."), (snapshot / "sub", "weights.pkl")):
        monkeypatch.chdir(start)
        done = scan(target)
        assert (done.returncode, done.stdout) == (2, "")
        assert "in a folder with a model" in done.stderr
    monkeypatch.chdir(project)
    (project / "modelaudit.yaml").write_text("extends: default\n")
    assert scan("hub/models--acme--tiny/snapshots/" + "a" * 40).returncode == 1


def test_policy_beside_the_single_file_that_is_scanned_is_an_error_unless_it_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "weights.pkl").write_bytes((FIXTURES / "pickle/malicious/os-system.pkl").read_bytes())
    (project / "modelaudit.yaml").write_text("gates: {security: never, integrity: never, license: never}\n")
    done = scan("weights.pkl")
    assert done.returncode == 2
    assert "modelaudit.yaml: the search found this file in a folder with a model ('weights.pkl')" in done.stderr
    assert scan("weights.pkl", "--policy", "default").returncode == 1
    assert scan("weights.pkl", "--policy", "modelaudit.yaml").returncode != 1


def test_policy_in_the_target_is_not_used_and_named_and_refused_if_it_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = project / "hostile"
    hostile.mkdir()
    (hostile / "weights.pkl").write_bytes((FIXTURES / "pickle/malicious/os-system.pkl").read_bytes())
    (hostile / "modelaudit.yaml").write_text("gates: {security: never, integrity: never, license: never}\n")
    monkeypatch.chdir(hostile)
    done = scan(".")
    assert done.returncode == 1
    notes = [line for line in done.stderr.splitlines() if "note:" in line]
    assert len(notes) == 1
    assert "hostile/modelaudit.yaml: not used, because it lies in the target ." in notes[0]
    monkeypatch.chdir(project)
    (project / "ours.yaml").write_text("extends: hostile/modelaudit.yaml\n")
    for policy in ("hostile/modelaudit.yaml", "ours.yaml"):
        for arguments in (("scan", "hostile"), ("license", "hostile"), ("scan", UNVERIFIED, "hostile")):
            refused = run_command(*arguments, "--policy", policy)
            assert (refused.returncode, refused.stdout) == (2, "")
            assert "hostile/modelaudit.yaml lies in the target hostile" in refused.stderr
            assert f"move the file out of it, for instance to {project}/modelaudit.yaml" in refused.stderr


def test_policy_in_the_cached_copy_of_a_hub_model_is_refused(project: Path, hub: LoopbackHub, hub_home: Path) -> None:
    hub.add_repository("acme/tiny", files={"README.md": CARD, "modelaudit.yaml": "gates: {security: never}\n"})
    assert scan("acme/tiny", "-q").returncode in (0, 3)
    (cached,) = [path for path in hub_home.rglob("modelaudit.yaml") if "snapshots" in path.parts]
    done = scan("acme/tiny", "--policy", cached)
    assert done.returncode == 2
    assert "a model must not judge itself" in done.stderr


def test_scan_without_a_target_scans_the_models_of_the_policy_and_keeps_their_lines(
    project: Path, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = hub.add_repository("acme/tiny", files={"README.md": CARD, "a.json": "{}"})
    pinned = first.sha
    first.commit({"a.json": "[]"}, message="later")
    rows = hub.add_repository("acme/rows", files={"README.md": CARD}, kind="dataset")
    (project / ".git").mkdir()
    (project / "ops").mkdir()
    (project / "ops/modelaudit.yaml").write_text(
        "require: [pinned-revisions]\nmodels:\n"
        f"  - {{name: acme/tiny, revision: {pinned}}}\n  - {{name: datasets/acme/rows, revision: {rows.sha}}}\n"
    )
    # A folder of this name would take precedence over a plain id.
    (project / "acme/tiny").mkdir(parents=True)
    # The policy is found above the working directory, and its path is relative to the repository.
    (project / "ops/deep").mkdir()
    monkeypatch.chdir(project / "ops/deep")
    reports = project / "reports"
    reports.mkdir()
    for name, code in (("scan", 0), ("license", 3)):
        extra = ("--no-second-opinion",) if name == "scan" else ()
        done = run_command(name, *extra, "-o", f"json={reports}", "-q")
        assert done.returncode in (0, code), done.stderr
        targets = [json.loads(path.read_text())["target"] for path in sorted(reports.iterdir())]
        assert {(each["name"], each["commit"]) for each in targets} == {("acme/tiny", pinned), ("acme/rows", rows.sha)}
        lines = {each["name"]: each["anchors"] for each in targets}
        assert lines["acme/tiny"] == [{"line": 3, "path": "ops/modelaudit.yaml"}]
        assert lines["acme/rows"] == [{"line": 4, "path": "ops/modelaudit.yaml"}]
    refused = scan("--policy", "../modelaudit.yaml", "--revision", "main")
    assert refused.returncode == 2
    assert "--revision needs a target" in refused.stderr
    monkeypatch.chdir(project)
    nothing = scan()
    assert nothing.returncode == 2
    assert "list models in modelaudit.yaml" in nothing.stderr


def test_required_commit_makes_a_branch_a_case_for_review(project: Path, hub: LoopbackHub) -> None:
    repository = hub.add_repository("acme/tiny", files={"README.md": CARD, "a.json": "{}"})
    (project / "modelaudit.yaml").write_text("require: [pinned-revisions]\n")
    for target, code, kinds in (
        ("acme/tiny", 3, ["unpinned"]),
        ("acme/tiny@main", 3, ["unpinned"]),
        (f"acme/tiny@{repository.sha}", 0, []),
    ):
        done, report = scan_as_json(target)
        assert done.returncode == code, target
        assert [cause["kind"] for cause in report["decision"]["causes"]] == kinds  # type: ignore[index]


def test_air_gap_policy_sends_no_request(project: Path, hub: LoopbackHub) -> None:
    repository = hub.add_repository("acme/tiny", files={"README.md": CARD, "a.json": "{}"})
    target = f"acme/tiny@{repository.sha}"
    assert scan(target, "--policy", "air-gap").returncode == 4, "it is not in the cache yet"
    assert not hub.requests
    assert scan(target).returncode == 0
    sent = len(hub.requests)
    done, report = scan_as_json(target, "--policy", "air-gap")
    assert done.returncode == 0
    assert report["target"]["offline"] is True  # type: ignore[index]
    assert len(hub.requests) == sent


def test_strict_policy_fails_at_medium_and_requires_a_stated_use(project: Path) -> None:
    assert scan(UNVERIFIED, "--policy", "strict").returncode == 1
    (project / "model").mkdir()
    (project / "model/README.md").write_text(CARD)
    done, report = scan_as_json("model", "--policy", "strict")
    assert done.returncode == 3
    assert "use-not-stated" in [cause["kind"] for cause in report["decision"]["causes"]]  # type: ignore[index]
    assert scan("model", "--policy", "default").returncode == 0, "an unstated use changes no exit code there"
    stated = scan("model", "--policy", "strict", "--use", "commercial", "--territory", "DE", "--field", "general")
    assert "use-not-stated" not in stated.stdout


def test_scan_notes_an_entry_of_the_project_that_accepts_nothing(project: Path) -> None:
    (project / "model").mkdir()
    (project / "model/conf.pkl").write_bytes(UNVERIFIED.read_bytes())
    text = "extends: default\nallow-unread:\n  - reasons: [unverified-type]\n    paths: PATH\n    why: ours\n"
    note = "modelaudit.yaml:3: this entry of allow-unread accepts nothing here; its paths are relative to the target: "
    Path("modelaudit.yaml").write_text(text.replace("PATH", "model/conf.pkl"))
    done = scan("model")
    assert done.returncode == 3
    assert f"{note}model/conf.pkl\n" in done.stderr and done.stderr.count("accepts nothing") == 1
    assert "accepts nothing" not in scan("model", "-q").stderr
    Path("modelaudit.yaml").write_text(text.replace("PATH", "conf.pkl"))
    done = scan("model", "-v")
    assert done.returncode == 0 and "accepts nothing" not in done.stderr


def test_entry_that_the_page_of_an_unverified_type_shows_is_valid_and_accepts(project: Path) -> None:
    (project / "model").mkdir()
    (project / "model/conf.pkl").write_bytes(UNVERIFIED.read_bytes())
    page = run_command("explain", "unverified-type").stdout
    entry = re.search(r"^  allow-unread:\n(?:    .*\n)+", page, re.MULTILINE)
    assert entry
    Path("modelaudit.yaml").write_text("extends: default\n" + re.sub(r"^  ", "", entry[0], flags=re.MULTILINE))
    assert scan("model").returncode == 0
    decide = program.get_command(None, "decide")  # type: ignore[arg-type]
    assert decide
    options = {name for each in decide.params for name in each.opts}
    named = set(re.findall(r"--[a-z-]+", page.partition("modelaudit decide")[2]))
    assert "--expires" in named and named <= options


def test_help_of_fail_on_states_the_gates_of_the_ready_policies() -> None:
    text = " ".join(run_command("scan", "--help", COLUMNS="100").stdout.split())
    families = (CheckFamily.SECURITY, CheckFamily.INTEGRITY, CheckFamily.LICENSE)
    policies = load_shipped().policies.items()
    gates = {name: {policy.gates[family] for family in families} for name, policy in policies}
    assert {name: gate for name, gate in gates.items() if gate != {Severity.HIGH}} == {"strict": {Severity.MEDIUM}}
    assert "Default: the policy's: medium in strict, high in the other ready ones." in text


def test_check_names_each_decision_that_expired(project: Path) -> None:
    (project / "modelaudit.yaml").write_text("extends: default\n")
    (project / "decisions.yaml").write_text(
        'decisions:\n  - subject: {absence: damaged, artifact: "a.pkl"}\n'
        f"    bound-to: sha256:{'0' * 64}\n    answer: accept\n    reason: read\n    by: ann\n    approved-by: bob\n"
        "    decided: 2024-01-01\n    expires: 2024-06-01\n"
    )
    done = run_command("policy", "check")
    assert done.returncode == 0, done.stderr
    assert "decisions.yaml:2: expired on 2024-06-01; renew it or remove it" in done.stderr


def test_path_around_the_searched_folder_is_not_said_to_be_absent(project: Path) -> None:
    (project / ".git").mkdir()
    (project / "nets").mkdir()
    (project / "src").mkdir()
    (project / "src/app.py").write_text("import torch\ntorch.load('nets')\ntorch.load('absent.pt')\n")
    assert run_command("policy", "init", "--discover", "src").returncode == 0
    text = (project / "modelaudit.yaml").read_text()
    assert "src/app.py:2 loads nets: it lies in a folder around the one that is searched; search the root" in text
    assert "src/app.py:3 loads absent.pt: the code base has no such file or folder" in text


def test_check_names_a_required_signer_whom_the_policy_leaves_open(project: Path) -> None:
    policy = project / "modelaudit.yaml"
    policy.write_text("extends: default\nrequire: [signer]\n")
    done = run_command("policy", "check")
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert "modelaudit.yaml:2: signer is required, and trusted-signers is empty: every signer counts" in done.stderr
    write_public_key(project / "acme.pub")
    policy.write_text(policy.read_text() + "trusted-signers:\n  - public-key: acme.pub\n")
    assert run_command("policy", "check").stderr == ""
    policy.write_text("extends: default\ntrusted-signers:\n  - public-key: acme.pub\n")
    done = run_command("policy", "check")
    assert (done.returncode, "trusted-signers is named, and no signer is required" in done.stderr) == (0, True)
