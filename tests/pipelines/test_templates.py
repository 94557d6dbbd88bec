"""The files for other pipelines: workflows and action under zizmor, the template of GitLab, the commands of docs/ci.md."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from hub.server import LoopbackHub
from pipelines.runner import ROOT
from support.fixtures import FIXTURES
from support.model_signing import write_private_key
from support.warm import find_warm_program

pytestmark = pytest.mark.counterpart

BIN = Path(sys.executable).parent
TEMPLATE = ROOT / "templates/modelaudit.gitlab-ci.yml"


ENDINGS = (".html", ".json", ".cdx.json", ".sarif", ".junit.xml")


def run_shell(script: str, folder: Path, shell: str = "bash", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script as a pipeline does, ending at the first error, with modelaudit on the search path."""
    environment = (
        os.environ | {"PATH": f"{find_warm_program().parent}:{BIN}:{os.environ['PATH']}", "CI": "true"} | variables
    )
    return subprocess.run(
        [shell, "-e", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_zizmor_reports_nothing_on_the_workflows_and_the_action() -> None:
    audited = subprocess.run(
        [BIN / "zizmor", "--offline", "--strict-collection", "."], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert audited.returncode == 0, audited.stdout
    for file in ("action.yml", *(path.name for path in (ROOT / ".github/workflows").glob("*.yml"))):
        assert f"/{file}\n" in audited.stderr, file


def run_job(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script of the job of the template, with the variables of the job and of the project."""
    job = yaml.safe_load(TEMPLATE.read_text("utf-8"))["modelaudit"]
    fixed = {"CI_PROJECT_DIR": str(folder), "HF_HUB_CACHE": ""}
    own = {name: value.replace("$CI_PROJECT_DIR", str(folder)) for name, value in job["variables"].items()}
    return run_shell("\n".join(job["script"]), folder, shell="sh", **(fixed | own | variables))


@pytest.mark.parametrize(
    ("files", "code"),
    [("repositories/acme-tiny", 0), ("pickle/malicious", 1), ("pickle/truncated/benign-truncated.pkl", 3)],
)
def test_job_of_the_gitlab_template_writes_its_artifacts_and_ends_as_the_scan(
    files: str, code: int, hub: LoopbackHub, tmp_path: Path
) -> None:
    source = FIXTURES / files
    hub.add_repository("acme/model", source if source.is_dir() else {source.name: source})

    from junitparser import JUnitXml  # installed with the counterparts

    ran = run_job(tmp_path, MODELAUDIT_TARGET="acme/model")

    assert ran.returncode == code, ran.stderr
    job = yaml.safe_load(TEMPLATE.read_text("utf-8"))["modelaudit"]
    (reports,) = job["artifacts"]["paths"]
    assert job["artifacts"]["when"] == "always"
    kinds = {each for path in (tmp_path / reports).iterdir() for each in ENDINGS if path.name.endswith(each)}
    assert kinds == set(ENDINGS)
    (junit_file,) = tmp_path.glob(job["artifacts"]["reports"]["junit"])
    junit = JUnitXml.fromfile(str(junit_file))
    assert bool(junit.failures or junit.errors) == (code != 0)
    (cached,) = job["cache"]["paths"]
    assert (tmp_path / cached / "models--acme--model").is_dir()


def test_job_of_the_gitlab_template_takes_targets_by_line_or_the_models_of_the_policy(tmp_path: Path) -> None:
    for name in ("a b", "[a-z]"):
        (tmp_path / name).mkdir()
        shutil.copy(FIXTURES / "pickle/benign/data-protocol4.pkl", tmp_path / name)
    ran = run_job(tmp_path, MODELAUDIT_TARGET="a b\n[a-z]\n")
    assert ran.returncode == 0, ran.stderr
    assert {path.stem for path in (tmp_path / "modelaudit-reports").glob("*.html")} == {"a--b", "a-z"}

    ran = run_job(tmp_path)
    assert ran.returncode == 2 and "models" in ran.stderr, ran.stderr
    assert not list((tmp_path / "modelaudit-reports").iterdir())


def test_job_of_the_gitlab_template_passes_hostile_variables_as_they_are(tmp_path: Path) -> None:
    hostile = '$(touch made); `touch made` "; touch made; -q'
    for name in ("TARGET", "POLICY", "FAIL_ON", "BASELINE", "DECISIONS"):
        ran = run_job(tmp_path, **{"MODELAUDIT_TARGET": "absent/model", f"MODELAUDIT_{name}": hostile})
        assert (ran.returncode, (tmp_path / "made").exists()) in ((2, False), (4, False)), ran.stderr


PAGE = (ROOT / "docs/ci.md").read_text("utf-8")


def test_shell_commands_of_the_ci_page_run_in_a_fresh_folder(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.add_repository("org/model", FIXTURES / "repositories/acme-tiny")
    install, *scans = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(scans) >= 4
    shutil.copytree(FIXTURES / "repositories/acme-tiny", tmp_path / "model")
    write_private_key(tmp_path / "gate.pem", ec.generate_private_key(ec.SECP256R1()))
    for script in scans:
        ran = run_shell(script, tmp_path)
        assert ran.returncode == 0, f"{script}{ran.stderr}"
    written = {path.name for path in tmp_path.iterdir()} - {"model", "gate.pem"}
    assert written == {"baseline.json", "model.att", "report.html", "report.json", "report.md"}
    # What the first block installs, the action installs in the same way, and the tests of the action run that.
    assert "--require-hashes -r requirements/run.lock -r requirements/build.lock" in install


def test_command_of_the_jenkins_example_writes_the_reports_that_it_publishes(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.add_repository("org/model", FIXTURES / "repositories/acme-tiny")
    (pipeline,) = re.findall(r"^```groovy\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (command,) = re.findall(r"sh '([^']+)'", pipeline)
    (tmp_path / "junit.xml").write_text("of an earlier build")
    assert run_shell(command.replace(" -o html", " --polcy -o html"), tmp_path).returncode == 2
    assert not list(tmp_path.iterdir())

    assert run_shell(command, tmp_path).returncode == 0

    assert {path.name for path in tmp_path.iterdir()} == {"junit.xml", "report.html", "report.json"}
    assert "testResults: 'junit.xml'" in pipeline and "artifacts: 'report.*'" in pipeline


def test_ci_page_describes_every_input_and_output_of_the_action_and_every_variable_of_the_template() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
    variables = yaml.safe_load(TEMPLATE.read_text("utf-8"))["modelaudit"]["variables"]
    named = set(re.findall(r"`([\w-]+)`", PAGE)) | set(re.findall(r"^  (MODELAUDIT_\w+):", PAGE, re.MULTILINE))
    wanted = {*action["inputs"], *action["outputs"], *(name for name in variables if name.startswith("MODELAUDIT_"))}
    assert not wanted - named


def test_hooks_and_files_that_the_ci_page_names_exist() -> None:
    hooks = {hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))}
    assert set(re.findall(r"- id: (modelaudit-[\w-]+)", PAGE)) == hooks
    assert (ROOT / re.findall(r"file: /(\S+)", PAGE)[0]) == TEMPLATE
