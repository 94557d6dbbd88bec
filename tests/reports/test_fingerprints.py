"""Each fingerprint that an output prints is known to ``explain`` and to ``decide``, and names one thing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from reports.test_agreement import REPOSITORIES, scan_repository
from support.cases import check_each
from support.command import run_command

from modelaudit.catalogue import load_catalogue
from modelaudit.cli.explain import explain_result
from modelaudit.formats.registry import FACTS
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.structure import UnreadReason
from modelaudit.model.verdict import CauseKind
from modelaudit.register import resolve_subject
from modelaudit.reports import render
from modelaudit.reports.results import ResultKind, list_results
from modelaudit.reports.screen import render_screen

_PRINTED = re.compile(r"(?<=[\[(`\s:\"])[0-9a-f]{16}(?=[\])`\s\"])")


@check_each("name", REPOSITORIES)
def test_each_printed_fingerprint_is_known_to_explain_and_to_decide(name: str) -> None:
    catalogue = load_catalogue(formats=FACTS)
    report = scan_repository(name)
    results = list_results(report)
    known = {each.fingerprint for each in results}
    quoted = {
        word for each in results for line in (*each.evidence, each.message) for word in re.findall("[0-9a-f]{16}", line)
    }
    documents = [
        render(report, format).decode() for format in ("table", "sarif-all", "junit", "markdown", "annotations")
    ]
    documents.append(render_screen(report).decode())
    printed = {word for document in documents for word in _PRINTED.findall(document)}
    assert printed - quoted <= known
    contents: dict[str, tuple[str, str]] = {}
    for each in results:
        if each.kind is not ResultKind.FINDING:
            assert contents.setdefault(each.fingerprint, (each.rule, each.message)) == (each.rule, each.message)
        assert explain_result(report, each.fingerprint, catalogue).startswith(f"{each.fingerprint}: ")
        if each.kind is ResultKind.CAUSE:
            with pytest.raises(ConfigurationError, match="follows from others"):
                resolve_subject(each.fingerprint, report)
        else:
            assert resolve_subject(each.fingerprint, report)


@check_each("rule", [f"decision/{kind}" for kind in CauseKind] + [f"coverage/{reason}" for reason in UnreadReason])
def test_each_rule_of_a_result_without_a_finding_has_a_page(rule: str) -> None:
    done = run_command("explain", rule)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(rule)


def test_explain_prints_the_page_of_an_absence_by_its_fingerprint(tmp_path: Path) -> None:
    report = scan_repository("acme-tiny")
    (tmp_path / "report.json").write_bytes(render(report, "json"))
    results = list_results(report)
    done = run_command("explain", results[-1].fingerprint, "--report", tmp_path / "report.json")
    assert done.returncode == 0 and done.stdout.startswith(results[-1].fingerprint), done.stderr
