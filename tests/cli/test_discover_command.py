"""``modelaudit discover`` and ``modelaudit scan --discover``: output, exit codes, and anchors of findings."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hub.server import LoopbackHub
from support.command import run_command
from support.fixtures import FIXTURES

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ROOT = Path(__file__).resolve().parents[2]


def write_code(folder: Path, text: str) -> Path:
    """Write a code base of one source."""
    (folder / "src").mkdir()
    (folder / "src/app.py").write_text(text, encoding="utf-8")
    return folder / "src"


def test_example_of_the_documentation_prints_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs/discovery.md").read_text(encoding="utf-8")
    files = re.findall(r"^`([\w./-]+)`:\n\n```\w+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (shown,) = re.findall(r"exit code (\d):\n\n```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(files) >= 3
    for name, content in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    done = run_command("discover", "src", COLUMNS="80")
    assert (str(done.returncode), done.stdout) == shown


def test_complete_list_exits_with_0_and_spells_paths_as_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_code(
        tmp_path, f'from_hub = M.from_pretrained(\n    "acme/tiny", revision="{COMMIT}", trust_remote_code=True)\n'
    )
    monkeypatch.chdir(tmp_path)
    done = run_command("discover", "src", COLUMNS="80")
    assert done.returncode == 0
    assert (
        "acme/tiny  pinned to 0123456789ab\n  src/app.py:1  from_pretrained  runs code of the repository" in done.stdout
    )
    assert max(map(len, done.stdout.splitlines())) <= 80
    monkeypatch.chdir(tmp_path / "src")
    assert "  app.py:1  from_pretrained" in run_command("discover", ".").stdout


def test_unknown_name_exits_with_3_and_gives_the_reason(tmp_path: Path) -> None:
    done = run_command("discover", write_code(tmp_path, "def f(n):\n    M.from_pretrained(n)\n"))
    assert done.returncode == 3
    assert "it is the parameter n of f" in done.stdout
    assert "Incomplete: 1 name not known." in done.stdout


def test_unread_file_exits_with_3_and_gives_the_reason(tmp_path: Path) -> None:
    code = write_code(tmp_path, "M.from_pretrained('acme/tiny'\n")
    done = run_command("discover", code)
    assert done.returncode == 3
    assert "app.py:1  line 1:" in " ".join(done.stdout.split("\n"))


def test_code_without_models_exits_with_0(tmp_path: Path) -> None:
    done = run_command("discover", write_code(tmp_path, "print(1)\n"))
    assert (done.returncode, "no line of 1 file loads a model" in " ".join(done.stdout.split())) == (0, True)


def test_missing_path_is_an_error_of_usage_on_one_line(tmp_path: Path) -> None:
    done = run_command("discover", tmp_path / "missing")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "does not exist; name a folder or file" in done.stderr


def test_json_follows_the_published_schema_and_is_the_same_twice(tmp_path: Path) -> None:
    from jsonschema import Draft202012Validator  # seconds to import

    code = write_code(tmp_path, "M.from_pretrained('acme/tiny')\nM.from_pretrained(find())\n")
    (code / "broken.yaml").write_text("model_id: [", encoding="utf-8")
    done = run_command("discover", code, "--json")
    document = json.loads(done.stdout)
    Draft202012Validator(json.loads((ROOT / "docs/discovery-v1.schema.json").read_text())).validate(document)
    assert [use["name"] for use in document["uses"]] == ["acme/tiny", None]
    assert [each["reason"] for each in document["absences"]] == ["damaged"]
    assert not document["is_complete"]
    assert run_command("discover", code, "--json").stdout == done.stdout


def test_hostile_names_are_inert_on_the_screen_and_in_json(tmp_path: Path) -> None:
    code = write_code(tmp_path, "M.from_pretrained('acme/tiny', revision='\\x1b[31m<script>\\u202e')\n")
    (code / "a\x1b[2Jb\u202e.py").write_text("M.from_pretrained('acme/other')\n", encoding="utf-8")
    for arguments in ((), ("--json",)):
        text = run_command("discover", code, *arguments).stdout
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_scan_of_a_code_base_anchors_each_report_at_the_lines_that_load_its_model(
    tmp_path: Path, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    harmful = (FIXTURES / "pickle/malicious/os-system.pkl").read_bytes()
    first = hub.add_repository("acme/bad", files={"model.pkl": harmful})
    hub.add_repository("acme/tiny", files={"config.json": "{}"})
    text = f"M.from_pretrained('acme/bad', revision='{first.sha}')\nM.from_pretrained('acme/tiny')\n"
    write_code(tmp_path, text + f"N.from_pretrained('acme/bad', revision='{first.sha}')\n")
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path)
    done = run_command("scan", "--discover", "src", "--no-second-opinion", "-o", "json=out")
    assert done.returncode == 1, done.stderr
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((tmp_path / "out").glob("*.json"))]
    places = {report["target"]["name"]: report["target"]["anchors"] for report in reports}
    file = "src/app.py"
    assert places == {
        "acme/bad": [{"line": 1, "path": file}, {"line": 3, "path": file}],
        "acme/tiny": [{"line": 2, "path": file}],
    }
    assert next(report for report in reports if report["target"]["name"] == "acme/bad")["target"]["commit"] == first.sha


def test_scan_of_a_code_base_with_an_unknown_name_never_passes(tmp_path: Path, hub: LoopbackHub) -> None:
    hub.add_repository("acme/tiny", files={"LICENSE": (ROOT / "LICENSE").read_text(), "config.json": "{}"})
    code = write_code(tmp_path, "M.from_pretrained('acme/tiny')\nM.from_pretrained(find())\n")
    arguments = ("--no-second-opinion", "--checks", "security", "-q")
    done = run_command("scan", "--discover", code, *arguments)
    assert done.returncode == 3
    assert f"{code / 'app.py'}:2: the name of the model is not known: the code computes it" in done.stderr
    gap = "of what the code loads, 1 not known"
    assert done.stderr.splitlines()[-1] == f"modelaudit: exit code 3 for 1 target: {gap}"
    # A report of a model that passes states that the command does not.
    (tmp_path / "out").mkdir()
    formats = ("json", "table", "sarif", "junit", "markdown", "annotations")
    outputs = [argument for each in formats for argument in ("-o", f"{each}={tmp_path / 'out'}")]
    run_command("scan", "--discover", code, *arguments, *outputs)
    for path in (tmp_path / "out").iterdir():
        words = " ".join(path.read_text(encoding="utf-8").split())
        assert "ends with exit code 3, or a worse one, because of what the code loads, 1 not known" in words, path
    assert len(list((tmp_path / "out").iterdir())) == len(formats)


def test_policy_leaves_out_code_that_the_project_does_not_write(
    tmp_path: Path, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_repository("acme/tiny", files={"config.json": "{}"})
    write_code(tmp_path, "M.from_pretrained('acme/tiny')\n")
    (tmp_path / "third_party/deep").mkdir(parents=True)
    (tmp_path / "third_party/deep/net.py").write_text("import torch\ntorch.load(find())\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    arguments = ("--discover", ".", *SECURITY, "-q")
    assert run_command("scan", *arguments).returncode == 3
    (tmp_path / "modelaudit.yaml").write_text('discover-exclude:\n  - {paths: "third_party/*", why: a copy}\n')
    done = run_command("scan", *arguments)
    note = "modelaudit: note: discover-exclude of modelaudit.yaml leaves out 1 line or file: a copy\n"
    assert (done.returncode, done.stderr) == (0, note)
    shown = run_command("policy", "show").stdout
    assert re.search(r'- paths: "third_party/\*" +# modelaudit.yaml:2\n    why: "a copy"\n', shown)
    # Paths are relative to the policy, wherever the scan begins, and what is not named stays.
    monkeypatch.chdir(tmp_path / "third_party")
    assert run_command("scan", "--discover", "..", *SECURITY, "-q").returncode == 0
    (tmp_path / "modelaudit.yaml").write_text('discover-exclude:\n  - {paths: "third_party", why: a copy}\n')
    assert run_command("scan", "--discover", "..", *SECURITY, "-q").returncode == 3


def test_model_of_another_source_is_noted_and_not_scanned(tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text("ollama pull llama3\n", encoding="utf-8")
    done = run_command("scan", "--discover", tmp_path)
    assert done.returncode == 3
    assert "llama3 comes from ollama, which cannot be scanned by name" in done.stderr
    assert "no line of" in done.stderr


def test_scan_of_code_that_loads_no_model_that_can_be_scanned_never_passes(tmp_path: Path) -> None:
    code = write_code(tmp_path, "M.from_pretrained('./models/tiny')\n")
    done = run_command("scan", "--discover", code)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 2)
    assert done.stderr.splitlines()[-1].startswith("modelaudit: exit code 3 for 0 targets: no line of the code loads")
    assert "app.py:1: ./models/tiny is not scanned: the code base has no such file or folder" in done.stderr
    assert "loads a model that can be scanned; name one as a target" in done.stderr
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny/notes.txt").write_text("Tiny.\n")
    assert run_command("scan", tmp_path / "tiny", "--discover", code, "--checks", "security", "-q").returncode == 0


SECURITY = ("--no-second-opinion", "--checks", "security,integrity")


def write_bad_model(path: Path) -> None:
    """Write a pickle that runs a command when it is loaded."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((FIXTURES / "pickle/malicious/os-system.pkl").read_bytes())


def test_scan_of_a_code_base_scans_its_models_by_path_and_those_of_the_hub(
    tmp_path: Path, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_repository("acme/tiny", files={"config.json": "{}"})
    text = "import torch, pickle\ntorch.load('bad.pkl')\nM.from_pretrained('acme/tiny')\n"
    write_code(tmp_path, text + "pickle.load(open('bad.pkl', 'rb'))\ntorch.load('absent.pt')\n")
    write_bad_model(tmp_path / "bad.pkl")
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path)
    done = run_command("scan", "--discover", ".", *SECURITY, "-o", "json=out")
    assert done.returncode == 1, done.stderr
    assert "src/app.py:5: absent.pt is not scanned: the code base has no such file or folder" in done.stderr
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((tmp_path / "out").glob("*.json"))]
    places = {report["target"]["requested"]: report["target"]["anchors"] for report in reports}
    assert places == {
        "bad.pkl": [{"line": 2, "path": "src/app.py"}, {"line": 4, "path": "src/app.py"}],
        "hf://acme/tiny": [{"line": 3, "path": "src/app.py"}],
    }
    # A target that the user names too is scanned once, under the name that the user gave it.
    (tmp_path / "out2").mkdir()
    assert run_command("scan", "bad.pkl", "--discover", ".", *SECURITY, "-o", "json=out2").returncode == 1
    requested = [json.loads(path.read_text())["target"]["requested"] for path in (tmp_path / "out2").glob("*.json")]
    assert sorted(requested) == ["bad.pkl", "hf://acme/tiny"]
    # Pipelines know files by their path in the repository, wherever the scan begins.
    (tmp_path / ".git").mkdir()
    (tmp_path / "ops/out").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "ops")
    assert run_command("scan", "--discover", "..", *SECURITY, "-o", "json=out").returncode == 1
    anchors = [json.loads(path.read_text())["target"]["anchors"] for path in (tmp_path / "ops/out").glob("*.json")]
    assert {anchor["path"] for each in anchors for anchor in each} == {"src/app.py"}


def test_absent_path_is_noted_and_leaves_the_exit_code(tmp_path: Path) -> None:
    code = write_code(tmp_path, "import torch\ntorch.load('notes')\ntorch.load('made-later.pt')\n")
    (code / "notes").mkdir()
    (code / "notes/a.txt").write_text("Tiny.\n", encoding="utf-8")
    done = run_command("scan", "--discover", code, "--checks", "security", "-q")
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert "app.py:3: made-later.pt is not scanned: the code base has no such file or folder" in done.stderr
    assert run_command("discover", code).returncode == 0


def test_model_behind_a_link_out_of_the_code_base_is_not_scanned_and_never_passes(tmp_path: Path) -> None:
    write_bad_model(tmp_path / "outside/bad.pkl")
    code = write_code(tmp_path, "import torch\ntorch.load('notes.txt')\ntorch.load('link.pkl')\n")
    (code / "notes.txt").write_text("Tiny.\n", encoding="utf-8")
    (code / "link.pkl").symlink_to(tmp_path / "outside/bad.pkl")
    done = run_command("scan", "--discover", code, "--checks", "security", "-q")
    assert done.returncode == 3
    assert "app.py: not searched: the link link.pkl leads out of the code base" in done.stderr
    assert "os.system" not in done.stdout + done.stderr


@pytest.mark.counterpart
def test_sarif_of_a_code_base_places_each_finding_at_the_line_that_loads_its_model(
    tmp_path: Path, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sarif import loader  # the package sarif-tools

    harmful = (FIXTURES / "pickle/malicious/os-system.pkl").read_bytes()
    hub.add_repository("acme/bad", files={"model.pkl": harmful})
    write_code(tmp_path, "M.from_pretrained(\n    'acme/bad')\nimport joblib\njoblib.load('nets/own.joblib')\n")
    write_bad_model(tmp_path / "src/nets/own.joblib")
    for typed, start in (("src", tmp_path), (str(tmp_path / "src"), tmp_path), (".", tmp_path / "src")):
        out = tmp_path / f"out-{len(typed)}"
        out.mkdir()
        monkeypatch.chdir(start)
        done = run_command("scan", "--discover", typed, *SECURITY, "-o", f"sarif={out}")
        assert done.returncode == 1, done.stderr
        found = set()
        for path in out.glob("*.sarif"):
            records = loader.load_sarif_file(str(path)).get_records()
            found |= {(each["Code"], each["Location"], int(each["Line"])) for each in records}
        prefix = "" if typed == "." else "src/"
        called = {each for each in found if each[0] == "pickle/dangerous-call"}
        assert called == {
            ("pickle/dangerous-call", f"{prefix}app.py", 1),
            ("pickle/dangerous-call", f"{prefix}app.py", 4),
        }
