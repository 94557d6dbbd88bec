"""The hooks, in a real git repository under real pre-commit, installed as a user would install them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
import yaml
from hub.server import LoopbackHub
from support.fixtures import FIXTURES

from modelaudit.formats.registry import DECLARATIONS
from modelaudit.model.discovery import WEIGHT_ENDINGS

ROOT: Final = Path(__file__).resolve().parents[2]
HOOKS: Final = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
BUILT: Final = ROOT / "build/hooks"
INSTALLED_FILES: Final = ("modelaudit", "rules", "pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml")
IDENTITY: Final = {
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
    "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
    "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "PRE_COMMIT_HOME": str(BUILT / "home"),
    "PIP_COMPILE": "no",  # most of the installed modules are never imported
}  # fmt: skip

pytestmark = [pytest.mark.counterpart, pytest.mark.xdist_group("hooks"), pytest.mark.timeout(600)]
"""One worker installs the hooks for all of these tests."""


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, without the settings of this user and with a fixed author."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | IDENTITY
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    return subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def run_git(*arguments: str | Path, cwd: Path) -> str:
    """Run git and return its output."""
    done = run("git", *arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def hook_repository() -> tuple[Path, str]:
    """A repository with what is installed from this project, and its commit, which only a change of a file changes."""
    repository = BUILT / "repository"
    shutil.rmtree(repository, ignore_errors=True)
    repository.mkdir(parents=True)
    for name in INSTALLED_FILES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, repository / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, repository / name)
    run_git("init", "-q", "-b", "main", cwd=repository)
    run_git("add", "-A", cwd=repository)
    run_git("commit", "-qm", "hooks", cwd=repository)
    commit = run_git("rev-parse", "HEAD", cwd=repository).strip()
    record = BUILT / "commit"
    if not record.exists() or record.read_text() != commit:
        shutil.rmtree(BUILT / "home", ignore_errors=True)  # environments of other commits would pile up
        record.write_text(commit)
    return repository, commit


@pytest.fixture
def project(hook_repository: tuple[Path, str], tmp_path: Path) -> Path:
    """A git repository whose commits run the hooks."""
    repository, commit = hook_repository
    configuration = {
        "repos": [{"repo": str(repository), "rev": commit, "hooks": [{"id": each["id"]} for each in HOOKS]}]
    }
    project = tmp_path / "project"
    project.mkdir()
    run_git("init", "-q", "-b", "main", cwd=project)
    (project / ".pre-commit-config.yaml").write_text(yaml.safe_dump(configuration))
    run_git("add", "-A", cwd=project)
    run_git("commit", "-qm", "configuration", cwd=project)
    installed = run("pre-commit", "install", cwd=project)
    assert installed.returncode == 0, installed.stdout
    return project


def stage(project: Path, name: str, source: str | bytes) -> None:
    """Stage a file: a fixture by its path, or bytes."""
    path = project / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(source if isinstance(source, bytes) else (FIXTURES / source).read_bytes())
    run_git("add", "--", name, cwd=project)


def commit(project: Path) -> tuple[int, str]:
    """Commit what is staged; return the exit code and what the hooks printed."""
    done = run("git", "commit", "-m", "change", cwd=project)
    return done.returncode, done.stdout + done.stderr


def test_commit_with_a_malicious_model_file_is_refused_and_the_output_names_the_call(project: Path) -> None:
    stage(project, "models/a model.pkl", "pickle/malicious/os-system.pkl")
    code, output = commit(project)
    assert code == 1
    assert "staged model files" in output and "Failed" in output
    assert "posix.system" in output and "a model.pkl" in output
    assert run_git("log", "--oneline", cwd=project).count("\n") == 1


def test_commit_with_harmless_model_files_and_other_files_passes(project: Path) -> None:
    stage(project, "models/weights.pkl", "pickle/benign/data-protocol4.pkl")
    stage(project, "-o.pkl", "pickle/benign/data-protocol4.pkl")  # no option, though it begins with a dash
    stage(project, "notes.txt", b"no model")
    code, output = commit(project)
    assert (code, "Passed" in output) == (0, True), output


def test_commit_of_code_is_refused_while_a_model_that_it_loads_fails_and_names_the_line(
    project: Path, hub: LoopbackHub
) -> None:
    good = hub.add_repository("acme/good", FIXTURES / "repositories/acme-tiny").sha
    bad = hub.add_repository("acme/bad", {"os-system.pkl": FIXTURES / "pickle/malicious/os-system.pkl"}).sha
    code = "from transformers import AutoModel\n\nmodel = AutoModel.from_pretrained({!r}, revision={!r})\n"
    stage(project, "app/serve.py", code.format("acme/bad", bad).encode())
    refused, output = commit(project)
    assert refused == 1 and "models that the code loads" in output
    assert "acme/bad" in output and "posix.system" in output and "app/serve.py:3" in output

    stage(project, "app/serve.py", code.format("acme/good", good).encode())
    # A change that is not staged is no part of the commit.
    (project / "app/serve.py").write_text(code.format("acme/bad", bad))
    accepted, output = commit(project)
    assert accepted == 0, output


def test_commit_of_code_is_refused_while_a_file_that_it_loads_by_a_path_fails(project: Path) -> None:
    # The name of the file promises no model, so that only the line that loads it shows that it is one.
    stage(project, "app/state.dat", "pickle/malicious/os-system.pkl")
    assert commit(project)[0] == 0
    stage(project, "app/serve.py", b"import pickle\n\nstate = pickle.load(open('app/state.dat', 'rb'))\n")
    refused, output = commit(project)
    assert refused == 1 and "models that the code loads" in output
    assert "app/state.dat" in output and "posix.system" in output and "app/serve.py:3" in output


def test_hook_of_models_searches_the_folder_of_its_arguments(project: Path) -> None:
    stage(project, "app/notes/a.txt", b"Tiny.")
    stage(project, "app/serve.py", b"import torch\n\nstate = torch.load('notes')\n")
    stage(project, "other/serve.py", b"import torch\n\nstate = torch.load(find())\n")
    refused, output = commit(project)
    assert refused == 1 and "modelaudit: exit code 3 for 1 target: of what the code loads, 1 not known" in output
    path = project / ".pre-commit-config.yaml"
    configuration = yaml.safe_load(path.read_text())
    for hook in configuration["repos"][0]["hooks"]:
        if hook["id"] == "modelaudit-models":
            hook["args"] = ["--discover", "app", "--checks", "security"]
    path.write_text(yaml.safe_dump(configuration))
    run_git("add", "-A", cwd=project)
    accepted, output = commit(project)
    assert accepted == 0, output

    # A hook for one vendored model scans it whole, whatever its changed file is called.
    own = {"id": "modelaudit-models", "alias": "vendored", "files": "^models/", "types_or": ["file"]}
    configuration["repos"][0]["hooks"].append(own | {"args": ["./models/tiny", "--checks", "security"]})
    path.write_text(yaml.safe_dump(configuration))
    run_git("add", "-A", cwd=project)
    stage(project, "models/tiny/weights", "pickle/malicious/os-system.pkl")
    refused, output = commit(project)
    assert refused == 1 and "posix.system" in output


def test_commit_without_a_model_file_starts_no_scan(project: Path) -> None:
    stage(project, "notes.txt", b"no model")
    code, output = commit(project)
    assert (code, "staged model files" in output, "Skipped" in output) == (0, True, True)


def test_hook_of_model_files_covers_every_extension_that_promises_a_format_other_than_text() -> None:
    hook = next(each for each in HOOKS if each["id"] == "modelaudit-files")
    texts = next(each.extensions for each in DECLARATIONS if each.name == "json")
    promised = {extension for each in DECLARATIONS for extension in each.extensions} - set(texts)
    # Loaders open these whatever their names, also compressed.
    usual = {*WEIGHT_ENDINGS, ".sav", ".p", ".pk", ".th", ".hdf", ".RData", ".chkpt", ".pbtxt", ".so", ".zip", ".tar"}
    usual |= {
        f"{each}{packed}" for each in (".pkl", ".npy", ".joblib", ".tar") for packed in (".gz", ".bz2", ".xz", ".z")
    }
    assert not [each for each in promised | usual if not re.search(hook["files"], f"models/a{each}")]
    assert not [name for name in ("a.py", "README.md", "pt", "a.txt") if re.search(hook["files"], name)]


def test_hook_manifest_is_valid(tmp_path: Path) -> None:
    assert run("pre-commit", "validate-manifest", ROOT / ".pre-commit-hooks.yaml", cwd=tmp_path).returncode == 0
