"""Scans of repositories with Python code: the rules that fire, and the exit code."""

from __future__ import annotations

from pathlib import Path

from support.cases import check_each
from support.fixtures import FIXTURES

import modelaudit


def scan_code_rules(path: Path) -> tuple[int, set[str]]:
    """Scan a path; return the exit code, and the rules about code that fired."""
    report = modelaudit.scan(path, second_opinion=False)
    return report.exit_code, {each.rule for each in report.findings if each.rule.startswith("code/")}


@check_each(
    "folder, exit_code, rules",
    [
        ("auto-map-own", 0, {"code/needs-trust"}),
        ("auto-map-foreign", 1, {"code/foreign-code"}),
        ("auto-map-missing", 3, {"code/code-missing"}),
        ("auto-map-reverse-shell", 1, {"code/needs-trust", "code/remote-shell", "code/runs-command-at-import",
                                       "code/runs-command", "code/network-at-import", "code/reaches-into-interpreter"}),
        ("auto-map-index", 1, {"code/needs-trust", "code/imports-named"}),
        ("with-loaders", 0, {"code/loads-more", "code/network", "code/changes-files"}),
        ("notebook", 0, {"code/notebook-command"}),
    ],
)  # fmt: skip
def test_scan_of_a_repository_with_code_has_the_expected_exit_code_and_rules(
    folder: str, exit_code: int, rules: set[str]
) -> None:
    assert scan_code_rules(FIXTURES / "repositories" / folder) == (exit_code, rules)


def test_switch_that_open_clip_passes_on_by_default_is_a_finding_with_the_named_repository() -> None:
    report = modelaudit.scan(FIXTURES / "repositories/open-clip-remote-code", second_opinion=False)
    [message] = [each.message for each in report.findings if each.rule == "configuration/passed-switch"]
    assert report.exit_code == 1
    assert message.startswith("open_clip_config.json model_cfg.text_cfg.tokenizer_kwargs.trust_remote_code makes")
    assert "other/repo" in message


def test_command_in_a_module_that_model_code_imports_is_found(tmp_path: Path) -> None:
    (tmp_path / "modeling.py").write_text("from .helper import run\nrun('true')\n")
    (tmp_path / "helper.py").write_text("from os import system as run\n")
    assert scan_code_rules(tmp_path) == (1, {"code/runs-command"})


@check_each(
    "call",
    ["vars(part)['popen']('x')", "part.__dict__.get('popen')('x')", "operator.itemgetter('popen')(vars(part))('x')"],
)
def test_command_taken_from_the_namespace_of_a_module_of_another_file_is_found(tmp_path: Path, call: str) -> None:
    (tmp_path / "modeling.py").write_text(f"import operator\nfrom .helper import part\n{call}\n")
    (tmp_path / "helper.py").write_text("import os as part\n")
    assert "code/runs-command" in scan_code_rules(tmp_path)[1]


def test_scan_of_truncated_python_source_is_incomplete(tmp_path: Path) -> None:
    (tmp_path / "modeling.py").write_text("x = (1,\n")
    assert scan_code_rules(tmp_path)[0] == 3


def test_absence_in_a_file_is_reported_even_if_its_path_contains_an_exclamation_mark(tmp_path):
    folder = tmp_path / "we!rd"
    folder.mkdir()
    (folder / "config.json").write_text('{"auto_map": {"AutoModel": "missing_module.Model"}}')
    # With a licence, nothing else of the folder stays open.
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n")
    report = modelaudit.scan(tmp_path, second_opinion=False, offline=True)
    assert report.exit_code == 3
    assert [address for address, _ in report.coverage.open_absences] == ["we%21rd/config.json"]
