"""Variables of the environment and switches that take a guard of a loader away, with code at hand and without."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from support.cases import check_each

import modelaudit

_FORCED = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
_ALLOWED = "configuration/allows-present-code"
_UNGUARDED = "configuration/unguarded-loading"


def scan_files(folder: Path, files: dict[str, str], has_code: bool) -> tuple[int, set[str]]:
    """Scan files, beside code that a configuration names if asked; return the exit code and the rules of settings."""
    if has_code:
        auto_map = {"model_type": "tiny", "auto_map": {"AutoModel": "modeling_tiny.Tiny"}}
        files = {"config.json": json.dumps(auto_map), "modeling_tiny.py": "class Tiny:\n    pass\n", **files}
    shutil.rmtree(folder, ignore_errors=True)  # the cases of a test share it
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    report = modelaudit.scan(folder, second_opinion=False)
    return report.exit_code, {each.rule for each in report.findings if each.rule.startswith("configuration/")}


def _build_notebook(line: str, kind: str = "code") -> str:
    cell = {"cell_type": kind, "metadata": {}, "source": [f"{line}\n"]}
    cell |= {"outputs": [], "execution_count": None} if kind == "code" else {}
    kernel = {"kernelspec": {"language": "python", "name": "python3"}}
    return json.dumps({"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 4})


@check_each(
    "name, text",
    [
        ("Dockerfile", f"FROM python:3.11\nENV A=1 \\\n    {_FORCED}=1\n"),
        ("Dockerfile", f"FROM python:3.11\nENV {_FORCED} 1\n"),
        (".env", f"A=1\n{_FORCED}=true\n"),
        ("run.sh", f"#!/bin/sh\nexport {_FORCED}=${{{_FORCED}:-1}}\npython serve.py\n"),
        ("run.sh", f"#!/bin/sh\ndocker run -e {_FORCED}=yes acme\n"),
        ("start.bat", f'@echo off\nsetx {_FORCED} "1"\n'),
        ("start.ps1", f"$env:{_FORCED} = '1'\n"),
        ("compose.yml", f"services:\n  a:\n    image: acme\n    environment:\n    - {_FORCED}=1\n"),
        ("deploy.yaml", f"env:\n- name: {_FORCED}\n  value: '1'\n"),
        ("deploy.json", json.dumps({"env": [{"name": _FORCED, "value": "1"}]})),
        ("environment.yml", f"name: a\ndependencies: [python]\nvariables:\n  {_FORCED}: 1\n"),
        ("MLproject", f"name: a\ndocker_env:\n  image: acme\n  environment: [[{_FORCED}, '1']]\n"),
        ("acme.service", f'[Service]\nEnvironment="{_FORCED}=1" A=2\nExecStart=/usr/bin/acme\n'),
        ("tox.ini", f"[testenv]\nsetenv =\n    {_FORCED} = 1\n"),
        (".vscode/launch.json", json.dumps({"configurations": [{"program": "a.py", "env": {_FORCED: "1"}}]})),
        ("demo.ipynb", _build_notebook(f"%env {_FORCED}=1")),
        ("demo.ipynb", _build_notebook(f"%set_env {_FORCED} 1")),
        (".env", "HF_TRUST_REMOTE_CODE=1\n"),
        (".env", "VLLM_ALLOW_INSECURE_SERIALIZATION=1\n"),
    ],
)
def test_variable_that_takes_a_guard_away_fails_the_scan_where_code_is_at_hand(
    tmp_path: Path, name: str, text: str
) -> None:
    code, rules = scan_files(tmp_path / "with", {name: text}, has_code=True)
    assert (code, _ALLOWED in rules) == (1, True)
    code, rules = scan_files(tmp_path / "without", {name: text}, has_code=False)
    assert (code, _ALLOWED in rules, _UNGUARDED in rules) == (0, False, True)


@check_each(
    "name, text",
    [
        ("Dockerfile", f"FROM python:3.11\n# ENV {_FORCED}=1\nENV {_FORCED}=0\n"),
        (".env", f"{_FORCED}=\nHF_ENDPOINT=https://huggingface.co\n"),
        (".env", "HF_ENDPOINT=http://localhost:8080\n"),
        ("README.md", f"# Notes\nSetting {_FORCED}=1 makes torch.load run pickles.\n"),
        ("demo.ipynb", _build_notebook(f"The variable {_FORCED}=1 is not needed.", "markdown")),
    ],
)
def test_variable_that_is_off_commented_out_or_described_is_no_finding(tmp_path: Path, name: str, text: str) -> None:
    assert scan_files(tmp_path, {name: text}, has_code=True) == (0, set())


@check_each(
    "name, text, code, rule",
    [
        ("Dockerfile", "FROM a\nENV HF_ENDPOINT=https://hub.e.invalid\n", 1, "configuration/other-hub"),
        ("app.yaml", "env_variables:\n  HF_ENDPOINT: http://hub.e.invalid\n", 1, "configuration/other-hub"),
        ("a.service", "[Service]\nEnvironment=HF_ENDPOINT=https://hub.e.invalid\n", 1, "configuration/other-hub"),
        (".env", "HF_ENDPOINT=https://huggingface.co.e.invalid\n", 1, "configuration/other-hub"),
        ("run.sh", "export HF_ENDPOINT=https://hf-mirror.com\n", 0, "configuration/mirror-of-hub"),
        ("README.md", "```sh\nexport HF_ENDPOINT=https://e.invalid\n```\n", 0, "configuration/mirror-of-hub"),
    ],
)
def test_server_in_place_of_the_hub_is_a_finding(tmp_path: Path, name: str, text: str, code: int, rule: str) -> None:
    assert scan_files(tmp_path, {name: text}, has_code=False) == (code, {rule})


@check_each(
    "name, text",
    [
        ("tokenizer_config.json", '{"tokenizer_class": "Tiny", "trust_remote_code": true}'),
        ("task.yaml", "task: acme\ndataset_kwargs: {trust_remote_code: true}\n"),
        ("vllm.yaml", "model: ./\ntrust-remote-code: true\n"),
    ],
)
def test_switch_for_remote_code_fails_the_scan_only_where_code_is_named(tmp_path: Path, name: str, text: str) -> None:
    code, rules = scan_files(tmp_path / "with", {name: text}, has_code=True)
    assert (code, rules) == (1, {_ALLOWED})
    assert scan_files(tmp_path / "without", {name: text}, has_code=False) == (0, {_UNGUARDED})


def test_variable_beside_a_repository_of_others_names_it(tmp_path: Path) -> None:
    files = {".env": f"{_FORCED}=1\n", "config.json": '{"use_pretrained_backbone": true, "backbone": "other/parts"}'}
    assert scan_files(tmp_path, files, has_code=False)[0] == 1
    report = modelaudit.scan(tmp_path, second_opinion=False)
    assert "other/parts" in next(each.message for each in report.findings if each.rule == _ALLOWED)


@check_each(
    "name, text, code",
    [
        ("compose.yml", "services:\n  a:\n    environment:\n      LD_PRELOAD: /models/fast.so\n", 3),
        ("compose.yml", "services:\n  a:\n    environment:\n    - PYTHONSTARTUP=/app/boot.txt\n", 3),
        ("deploy.yaml", "env:\n- name: LD_PRELOAD\n  value: /mnt/models/fast.so\n", 3),
        ("Dockerfile", "FROM python:3.11\nENV LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libtcmalloc.so.4\n", 0),
        ("compose.yml", "services:\n  a:\n    environment:\n    - LD_PRELOAD=/app/lib/libjemalloc.so.2\n", 0),
        ("Dockerfile", "FROM python:3.11\nENV LD_PRELOAD=/opt/conda/lib/libiomp5.so\n", 0),
        ("Dockerfile", "FROM python:3.11\nENV LD_PRELOAD=libfast.so BASH_ENV=\n", 0),
        ("README.md", "Set `LD_PRELOAD` to ./lib/x.so\n", 0),
    ],
)
def test_variable_that_has_each_process_load_a_file_of_the_author_is_for_review(
    tmp_path: Path, name: str, text: str, code: int
) -> None:
    expected = {"configuration/preloads-file"} if code else set()
    assert scan_files(tmp_path / "model", {name: text}, has_code=False) == (code, expected)


@check_each(
    "name, text",
    [
        (".env", "OPENAI_BASE_URL=https://llm.collect.invalid/v1\n"),
        (".env", "OTEL_EXPORTER_OTLP_ENDPOINT=http://203.0.113.4:4317\n"),
        ("run.sh", "#!/bin/sh\nexport https_proxy=http://203.0.113.4:3128\npython serve.py\n"),
        ("compose.yml", "services: {a: {image: acme, environment: {ANTHROPIC_BASE_URL: 'https://a.invalid'}}}\n"),
        ("deploy.yaml", "env:\n- name: LANGSMITH_ENDPOINT\n  value: https://trace.collect.invalid/api\n"),
        ("Dockerfile", "FROM python:3.12\nENV MLFLOW_TRACKING_URI https://user:key@mlflow.collect.invalid\n"),
        (".env", "OTEL_EXPORTER_OTLP_ENDPOINT=http://3405803780:4317\n"),
        (".args", "-m\nmodel.gguf\n--rpc\n203.0.113.4:50052\n"),
        (".env", "MLFLOW_TRACKING_URI=http://ec2-203-0-113-4.compute-1.amazonaws.com:5000\n"),
    ],
)
def test_variables_that_send_data_to_a_stranger_are_reviewed(tmp_path: Path, name: str, text: str) -> None:
    assert scan_files(tmp_path / "m", {name: text}, has_code=False) == (3, {"configuration/sends-elsewhere"})


@check_each(
    "name, text",
    [
        (".env", "OPENAI_BASE_URL=http://localhost:11434/v1\nOTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4317\n"),
        (".env", "ANTHROPIC_BASE_URL=https://api.anthropic.com\nWANDB_BASE_URL=https://api.wandb.ai\n"),
        (".env", "# OPENAI_BASE_URL=https://llm.collect.invalid/v1\n"),
        (".args", "-m\nmodel.gguf\n--host\n127.0.0.1\n--rpc\nlocalhost:50052\n"),
        ("README.md", "---\nlicense: mit\n---\n\nSet `OPENAI_BASE_URL=https://llm.example.invalid/v1`.\n"),
        ("run.sh", "#!/bin/sh\nexport MLFLOW_TRACKING_URI=$1 HTTPS_PROXY=${PROXY:-}\n"),
    ],
)
def test_variables_that_send_data_to_the_own_or_a_public_service_are_quiet(
    tmp_path: Path, name: str, text: str
) -> None:
    assert scan_files(tmp_path / "m", {name: text}, has_code=False)[1] == set()
