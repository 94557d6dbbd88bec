"""The image of modelaudit: the steps of the Containerfile, in a root of Debian, and scans as the user that it names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub.server import LoopbackHub
from pipelines.container import ROOT, Stage, build_container, parse_containerfile, remove_roots, run_as_root
from support.fixtures import FIXTURES

pytestmark = [pytest.mark.counterpart, pytest.mark.xdist_group("container"), pytest.mark.timeout(600)]
"""One worker builds the image for all of these tests; the first run also makes the root of Debian."""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The last stage of the Containerfile, with two models as mounted folders."""
    folder = tmp_path_factory.mktemp("container")
    stage = build_container(ROOT / "Containerfile", folder)
    for name, source in {"good": "repositories/acme-tiny", "bad": "pickle/malicious"}.items():
        run_as_root("mkdir", "-p", stage.root / "models")
        run_as_root("cp", "-r", FIXTURES / source, stage.root / "models" / name)
    yield stage
    remove_roots(folder)


def test_containerfile_names_its_base_once_and_copies_no_more_than_a_build_needs() -> None:
    instructions = list(parse_containerfile((ROOT / "Containerfile").read_text("utf-8")))
    assert [each.value for each in instructions if each.name == "ARG"] == ["BASE=docker.io/library/debian:trixie-slim"]
    # Docker sends the files to which .dockerignore makes an exception, and the build copies no other.
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")}
    copied = {source for each in instructions if each.name == "COPY" for source in each.value.split()[:-1]}
    assert {source for source in copied if source.startswith("requirements/")} >= {"requirements/run.lock"}
    assert {source for source in copied if "/" not in source and "=" not in source} == allowed - {"requirements/*.lock"}


def test_container_runs_as_a_user_that_can_write_neither_the_program_nor_its_own_folder(image: Stage) -> None:
    assert image.run("/usr/bin/id", "-u").stdout == "10001\n"
    for place in ("/opt/modelaudit/bin", "/opt/modelaudit/lib", "/work", "/root", "/etc"):
        assert image.run("/usr/bin/touch", f"{place}/new").returncode != 0, place


def test_container_scans_a_mounted_model_and_exits_as_the_command_does(image: Stage) -> None:
    assert image.run(*image.entry, "--version").stdout.startswith("modelaudit ")

    passed = image.run(*image.entry, "scan", "/models/good", "--offline", "-o", "json")
    failed = image.run(*image.entry, "scan", "/models/bad", "--offline", "-q")

    report = json.loads(passed.stdout)
    assert (passed.returncode, report["decision"]["load"]["verdict"]) == (0, "pass")
    assert failed.returncode == 1
    assert failed.stderr.startswith("modelaudit: /models/bad: Exit code 1, fail: findings ")
    assert failed.stderr.count("\n") == 1


def test_container_fetches_a_model_of_the_hub_into_the_one_folder_that_its_user_may_write(
    image: Stage, hub: LoopbackHub
) -> None:
    hub.add_repository("acme/tiny", FIXTURES / "repositories/acme-tiny")

    scanned = image.run(
        *image.entry, "scan", "acme/tiny", "-q", "-o", "html=/tmp/report.html", HF_ENDPOINT=hub.endpoint
    )

    assert (scanned.returncode, scanned.stderr) == (0, "")
    assert (image.root / "tmp/huggingface/hub/models--acme--tiny").is_dir()
    assert (image.root / "tmp/report.html").read_text("utf-8").startswith("<!DOCTYPE html>")


def test_image_holds_neither_the_tools_of_its_build_nor_settings_of_the_builder(image: Stage) -> None:
    packages = {path.name for path in (image.root / "opt/modelaudit/lib").glob("python3*/site-packages/*")}
    assert "modelaudit" in packages and not {"pip", "hatchling", "modelscan"} & packages
    assert not (image.root / "src").exists() and not list((image.root / "var/lib/apt/lists").iterdir())
    assert image.environment.keys() == {"PATH", "HF_HOME"}
    sizes = sum(path.lstat().st_size for path in (image.root / "opt/modelaudit").rglob("*"))
    assert sizes < 150_000_000


def test_containerfile_uses_only_files_that_exist() -> None:
    for instruction in parse_containerfile((ROOT / "Containerfile").read_text("utf-8")):
        if instruction.name == "COPY" and not instruction.value.startswith("--from="):
            *sources, _ = instruction.value.split()
            assert all((ROOT / source).exists() for source in sources), instruction.value
            assert not [source for source in sources if Path(source).is_absolute()]
