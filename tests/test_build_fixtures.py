from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.catalogue import explain_invalid_rules
from support.fixtures import ROOT, WRITTEN, load_build_script

from modelaudit.formats.registry import DECLARATIONS, READERS

WRITTEN_IN = {
    "catboost": "catboost",
    "coreml": "coremltools",
    "executorch": "executorch",
    "gguf": "gguf",
    "hdf5": "h5py",
    "java-object": "java",
    "keras": "keras",
    "lightgbm": "lightgbm",
    "media": "pillow",
    "msgpack": "flax",
    "ocdbt": "orbax",
    "onnx": "onnx",
    "paddle": "paddlepaddle",
    "rds": "r",
    "safetensors": "safetensors",
    "sentencepiece": "sentencepiece",
    "spacy": "spacy",
    "tensorflow": "tensorflow",
    "tflite": "tflite",
    "xgboost": "xgboost",
    "xml": "openvino",
    "zarr": "zarr",
}
"""Formats whose committed benign fixtures are files that a library wrote, and the folder of that library."""


BUILDER_SOURCE = """
from builders.compressors import compress_bzip2


def build_fixtures():
    yield "text/benign/a.txt", b"a"
    yield "text/malicious/b.bz2", compress_bzip2(b"b")
"""
UPDATE_ADVICE = "run `make fixtures UPDATE=--update` and commit what it writes.\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with two small fixtures, listed and built."""
    builders = tmp_path / "fixtures/builders"
    builders.mkdir(parents=True)
    shutil.copy(ROOT / "fixtures/build.py", tmp_path / "fixtures")
    shutil.copy(ROOT / "fixtures/builders/compressors.py", builders)
    (builders / "__init__.py").touch()
    (builders / "texts.py").write_text(BUILDER_SOURCE)
    assert run_build(tmp_path, "--update").returncode == 0
    return tmp_path


def run_build(checkout: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run ``fixtures/build.py`` of a checkout."""
    command = [sys.executable, str(checkout / "fixtures/build.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def find_fault(checkout: Path) -> str:
    """Return the reason why the built fixtures of a checkout cannot be used; empty if they can."""
    fault: str = load_build_script().find_fault(checkout / "fixtures", checkout / "build/fixtures")
    return fault


def test_build_writes_every_fixture_of_every_builder(checkout: Path) -> None:
    assert (checkout / "build/fixtures/text/benign/a.txt").read_bytes() == b"a"
    assert sorted(path.name for path in (checkout / "build").iterdir()) == ["fixtures", "fixtures.stamp"]
    assert find_fault(checkout) == ""


def test_fixture_build_does_nothing_if_the_fixtures_are_up_to_date(checkout: Path) -> None:
    before = (checkout / "build/fixtures").stat().st_ino
    assert run_build(checkout).stderr == ""
    assert (checkout / "build/fixtures").stat().st_ino == before


def _edit_builder(checkout: Path) -> None:
    """Append a comment to a builder, so that its bytes differ and its fixtures do not."""
    path = checkout / "fixtures/builders/texts.py"
    path.write_text(path.read_text() + "# edited\n")


def _edit_list(checkout: Path) -> None:
    """Remove the first fixture from the list of digests."""
    path = checkout / "fixtures/digests.txt"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))


@pytest.mark.parametrize(
    ("alter", "fault"),
    [
        (lambda checkout: shutil.rmtree(checkout / "build"), "the fixtures are not built"),
        (_edit_builder, "the fixtures were built from other builders or another list of digests"),
        (_edit_list, "the fixtures were built from other builders or another list of digests"),
        (
            lambda checkout: (checkout / "build/fixtures/text/benign/a.txt").unlink(),
            "the built fixtures differ from fixtures/digests.txt: 1 missing, 0 changed, 0 added",
        ),
        (
            lambda checkout: (checkout / "build/fixtures/text/benign/a.txt").write_bytes(b"b"),
            "the built fixtures differ from fixtures/digests.txt: 0 missing, 1 changed, 0 added",
        ),
        (
            lambda checkout: (checkout / "build/fixtures/stray.txt").touch(),
            "the built fixtures differ from fixtures/digests.txt: 0 missing, 0 changed, 1 added",
        ),
    ],
)
def test_missing_or_altered_fixtures_are_detected_and_rebuilt_unless_the_digest_list_lacks_one(
    checkout: Path, alter: Callable[[Path], None], fault: str
) -> None:
    alter(checkout)
    assert find_fault(checkout) == fault
    if alter is _edit_list:
        assert run_build(checkout).stderr == f"not listed: text/benign/a.txt\nIf that is intended, {UPDATE_ADVICE}"
    else:
        assert run_build(checkout).returncode == 0
        assert find_fault(checkout) == ""


def test_builder_whose_bytes_differ_from_the_listed_digest_is_refused(checkout: Path) -> None:
    path = checkout / "fixtures/builders/texts.py"
    path.write_text(path.read_text().replace('b"a"', 'b"c"'))
    refused = run_build(checkout)
    assert refused.returncode == 1
    assert refused.stderr == f"other bytes: text/benign/a.txt\nIf that is intended, {UPDATE_ADVICE}"
    assert run_build(checkout, "--update").returncode == 0
    assert (checkout / "build/fixtures/text/benign/a.txt").read_bytes() == b"c"


def test_listed_fixture_that_no_builder_returns_is_reported(checkout: Path) -> None:
    path = checkout / "fixtures/builders/texts.py"
    path.write_text(path.read_text().replace('    yield "text/benign/a.txt", b"a"\n', ""))
    assert run_build(checkout).stderr.startswith("no builder returns it: text/benign/a.txt\n")


def test_committed_fixture_that_differs_from_its_builder_is_reported(checkout: Path) -> None:
    committed = checkout / "fixtures/text/benign"
    committed.mkdir(parents=True)
    (committed / "a.txt").write_bytes(b"old")
    (committed / "stray.txt").write_bytes(b"")
    (checkout / "build/fixtures.stamp").unlink()
    assert run_build(checkout).stderr.splitlines()[:2] == [
        "other bytes in the committed file: text/benign/a.txt",
        "no builder returns the committed file: text/benign/stray.txt",
    ]


def test_update_deletes_a_committed_file_without_a_builder_only_with_the_delete_option(checkout: Path) -> None:
    stray = checkout / "fixtures/text/benign/stray.txt"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"")
    message = "no builder returns the committed file: text/benign/stray.txt"
    before = (checkout / "fixtures/digests.txt").read_bytes()
    refused = run_build(checkout, "--update")
    assert (refused.returncode, stray.exists()) == (1, True)
    assert refused.stderr.startswith(f"{message}\nNothing is changed. ")
    assert (checkout / "fixtures/digests.txt").read_bytes() == before
    deleted = run_build(checkout, "--update", "--delete")
    assert (deleted.returncode, stray.exists()) == (0, False)
    assert deleted.stderr.startswith(message)


def test_build_refuses_an_unknown_option_and_the_option_delete_without_update(checkout: Path) -> None:
    for options in (("--delete",), ("--force",)):
        assert run_build(checkout, *options).returncode == 2


def test_invalid_rules_are_explained_in_the_one_line_error_of_the_rule_loader(tmp_path: Path) -> None:
    assert explain_invalid_rules() == ""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/vocabularies.yaml").write_text("vocabularies: {toy: {kind: operators}}\n")
    fault = explain_invalid_rules(tmp_path / "rules")
    assert "rules/vocabularies.yaml:1: vocabularies.toy.unlisted" in fault
    assert "\n" not in fault


def test_fixture_build_is_refused_if_the_list_of_recorded_compressions_lacks_one(checkout: Path) -> None:
    (checkout / "fixtures/compressed.txt").write_text("")
    refused = run_build(checkout)
    assert refused.returncode == 1
    assert refused.stderr == "compressions that are not recorded: 1; run `make fixtures UPDATE=--update`\n"


def test_suite_without_built_fixtures_stops_with_one_line_before_collecting_tests(tmp_path: Path) -> None:
    for name in ("tests/conftest.py", "tests/support", "tests/hub", "fixtures/build.py", "pyproject.toml"):
        source, target = ROOT / name, tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    (tmp_path / "tests/test_nothing.py").write_text("raise AssertionError\n")
    command = [sys.executable, "-m", "pytest", "-q", "tests"]
    stopped = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert stopped.returncode == pytest.ExitCode.USAGE_ERROR
    fault = "ERROR: the fixtures are not built; run `make fixtures` (python fixtures/build.py)"
    assert (stopped.stdout + stopped.stderr).strip() == fault


def test_committed_fixtures_have_the_listed_digests() -> None:
    script = load_build_script()
    assert script.digest_committed().items() <= script.read_digests().items()


def test_committed_fixtures_hold_a_benign_and_a_malicious_file_of_each_format() -> None:
    committed = {"/".join(path.split("/")[:2]) for path in load_build_script().digest_committed()}
    committed |= {f"{folder}/benign" for folder, library in WRITTEN_IN.items() if any((WRITTEN / library).iterdir())}
    folders = {declaration.name: declaration.fixtures for declaration in DECLARATIONS if declaration.fixtures}
    formats = {folders.get(reader.format, reader.format) for reader in READERS}
    missing = sorted({f"{name}/{kind}" for name in formats for kind in ("benign", "malicious")} - committed)
    assert not missing, [f"copy one file of build/fixtures/{each} to fixtures/{each} and commit it" for each in missing]
