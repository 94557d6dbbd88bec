"""The wheel, the source archive and the editable install are built, installed and used."""

from __future__ import annotations

import email
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
BUILD = "import sys, hatchling.build as backend; print(getattr(backend, sys.argv[1])(sys.argv[2]))"
"""A program that calls a function of the build backend with a folder, and prints the name of the built file."""


def run_python(*arguments: str | Path, cwd: Path, path: Path | None = None) -> str:
    """Run Python in the folder ``cwd`` and return its output; ``path`` is searched for packages first."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if path:
        environment["PYTHONPATH"] = str(path)
    command = [sys.executable, *map(str, arguments)]
    ran = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def build_distribution(kind: str, source: Path, out: Path) -> Path:
    """Build a distribution with the backend of pyproject.toml, offline, and return its file.

    Args:
        kind: ``wheel``, ``sdist`` or ``editable``.
        source: the folder of the project.
        out: the folder for the file.
    """
    return out / run_python("-c", BUILD, f"build_{kind}", out, cwd=source).split()[-1]


def read_members(wheel: Path) -> dict[str, bytes]:
    """Read the content of every member of a wheel, by its name."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def list_rule_files() -> set[str]:
    """List every file of the rule set, relative to the root of the project."""
    return {file.relative_to(ROOT).as_posix() for file in (ROOT / "rules").rglob("*.yaml")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel once for all tests."""
    return build_distribution("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the wheel is installed, without its dependencies."""
    folder = tmp_path_factory.mktemp("installed")
    pip = ("-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps", "--no-index")
    run_python(*pip, "--target", folder, wheel, cwd=folder)
    return folder


def test_wheel_contains_package_rules_and_templates(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())

    package = {file.relative_to(ROOT).as_posix() for file in (ROOT / "modelaudit").rglob("*.py")}
    templates = {file.relative_to(ROOT).as_posix() for file in (ROOT / "modelaudit/reports/templates").iterdir()}
    schemas = {file.relative_to(ROOT).as_posix() for file in (ROOT / "modelaudit/formats").rglob("*schema.txt")}
    rules = {f"modelaudit/{file}" for file in list_rule_files()}
    assert len(rules) > 20
    contents = {name for name in names if ".dist-info/" not in name}
    assert contents == package | templates | schemas | rules | {"modelaudit/py.typed"}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_wheel_metadata_states_name_license_python_version_modelscan_requirement_and_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(name))
        scripts = archive.read(name.replace("METADATA", "entry_points.txt")).decode()

    assert metadata["Name"] == "modelaudit-gate"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert [line for line in metadata.get_all("Requires-Dist", []) if line.startswith("modelscan")] == [
        "modelscan>=0.8.8; python_version < '3.13'"
    ]
    for script in ("modelaudit", "modelaudit-gate"):
        assert f"{script} = modelaudit.__main__:main" in scripts
    assert metadata.get_all("Classifier", []).count("Operating System :: POSIX :: Linux") == 1


def test_installed_wheel_finds_its_rules(installed: Path, tmp_path: Path) -> None:
    imported_from = run_python("-c", "import modelaudit; print(modelaudit.__file__)", cwd=tmp_path, path=installed)
    assert Path(imported_from.strip()).is_relative_to(installed)

    listed = run_python("-m", "modelaudit", "explain", cwd=tmp_path, path=installed)

    assert listed == run_python("-m", "modelaudit", "explain", cwd=ROOT, path=ROOT)
    assert "pickle/dangerous-call" in listed


def test_installed_wheel_scans_and_renders(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    scan = ("-m", "modelaudit", "scan", "config.json", "--offline", "--no-second-opinion", "-q")

    run_python(
        *scan, "-o", "html=r.html", "-o", "cyclonedx=r.cdx.json", "-o", "json=r.json", cwd=tmp_path, path=installed
    )

    assert all((tmp_path / name).stat().st_size for name in ("r.html", "r.cdx.json", "r.json"))


def test_both_console_scripts_name_themselves_in_usage_and_hints(installed: Path, tmp_path: Path) -> None:
    for name in ("modelaudit", "modelaudit-gate"):
        command = [sys.executable, installed / "bin" / name, "scan", "--nonsense"]
        environment = os.environ | {"PYTHONPATH": str(installed)}
        ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stderr.rpartition("; see: ")[2]) == (2, f"{name} scan --help\n")


def test_system_that_follows_links_of_a_model_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text("{}")
    code = "import os, sys; del os.O_NOFOLLOW; from modelaudit.__main__ import main; main()"
    command = [sys.executable, "-c", code, "scan", str(tmp_path / "model.json"), "-q"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr.count("\n")) == (4, 1)
    assert "use Linux" in ran.stderr


def test_editable_install_reads_the_rules_of_the_source_tree(tmp_path: Path) -> None:
    editable = build_distribution("editable", ROOT, tmp_path)
    site = tmp_path / "site"
    with zipfile.ZipFile(editable) as archive:
        assert {name.partition("/")[0].rpartition(".")[2] for name in archive.namelist()} == {"pth", "dist-info"}
        archive.extractall(site)

    code = (
        f"import site; site.addsitedir({str(site)!r})\n"
        "from modelaudit.catalogue.directory import find_rules_directory; print(find_rules_directory())"
    )
    assert Path(run_python("-c", code, cwd=tmp_path).strip()) == ROOT / "rules"


def test_source_archive_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    archive = build_distribution("sdist", ROOT, tmp_path)
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()

    again = build_distribution("wheel", source, tmp_path)

    assert read_members(again) == read_members(wheel)


WORKFLOWS = {
    path.name: yaml.load(path.read_bytes(), Loader=yaml.BaseLoader)
    for path in sorted((ROOT / ".github/workflows").glob("*.yml"))
}
# The permissions to write, by workflow and job.
WRITTEN_SCOPES = {
    ("locks.yml", "update"): {"contents", "pull-requests"},
    ("release.yml", "attest"): {"attestations", "id-token"},
    ("release.yml", "publish"): {"id-token"},
}


def test_workflow_jobs_have_only_listed_write_permissions_and_no_trigger_with_a_token_for_a_fork() -> None:
    assert WORKFLOWS
    for name, workflow in WORKFLOWS.items():
        assert workflow["permissions"] in ({}, "", {"contents": "read"}), name
        assert not {"pull_request_target", "workflow_run"} & set(workflow["on"]), name
        for job_name, job in workflow["jobs"].items():
            written = {scope for scope, access in job.get("permissions", {}).items() if access != "read"}
            assert written == WRITTEN_SCOPES.get((name, job_name), set()), (name, job_name)


def test_release_and_update_of_locks_do_not_run_on_a_fork() -> None:
    assert list(WORKFLOWS["release.yml"]["on"]) == ["release"]
    for name in ("release.yml", "locks.yml"):
        for job_name, job in WORKFLOWS[name]["jobs"].items():
            assert "!github.event.repository.fork" in job["if"], (name, job_name)
