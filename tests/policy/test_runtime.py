from __future__ import annotations

from pathlib import Path

import pytest
from support.cases import check_each
from support.catalogue import load_shipped
from support.fixtures import FIXTURES

import modelaudit
from modelaudit.catalogue.load import load_policy
from modelaudit.model.acceptance import AcceptanceSource
from modelaudit.model.copies import replace
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.finding import Affected, CheckFamily, Finding, Severity
from modelaudit.model.policy import Policy
from modelaudit.model.verdict import Verdict
from modelaudit.policy.runtime import settle_unreachable
from modelaudit.reports import render
from modelaudit.reports.json_report import parse_report

FINDING = Finding("torch/x", Severity.HIGH, CheckFamily.SECURITY, "a.pt", "It does harm.")
TORCH = Affected("torch", "<2.10.0", "CVE-2026-24747")
KERAS = Affected("Keras", ">=3.0,<3.12.0", "CVE-2025-12058")


def write_policy(folder: Path, runtime: str) -> Path:
    """Write a policy with these lines below ``runtime``."""
    path = folder / "policy.yaml"
    path.write_text(f"runtime:\n{runtime}")
    return path


@check_each(
    "affects, runtime, is_open",
    [
        ([TORCH], {"torch": "2.13"}, False),
        ([TORCH], {"torch": "2.10"}, False),
        ([TORCH], {"torch": "2.9.1+cpu"}, True),
        ([TORCH], {"torch": "2.10.0rc1"}, True),
        ([TORCH], {}, True),
        ([TORCH], {"transformers": "5.3"}, True),
        ([TORCH, KERAS], {"torch": "2.13"}, True),
        ([TORCH, KERAS], {"torch": "2.13", "keras": "3.12"}, False),
        ([TORCH, KERAS], {"torch": "2.13", "keras": "3.11.3"}, True),
        ([], {"torch": "2.13"}, True),
    ],
)
def test_finding_is_unreachable_only_if_every_affected_package_is_stated_outside_of_its_range(
    affects: list[Affected], runtime: dict[str, str], is_open: bool
) -> None:
    policy = replace(load_shipped().policies["default"], runtime=runtime)
    (finding,) = settle_unreachable([FINDING], policy, {"torch/x": affects})
    assert (finding.acceptance is None) is is_open
    if finding.acceptance is not None:
        assert finding.acceptance.source is AcceptanceSource.RUNTIME
        assert "2.13 is not in <2.10.0 (CVE-2026-24747)" in finding.acceptance.reason or runtime == {"torch": "2.10"}


def find_fixture(rule: str) -> Path:
    """Return a fixture in which the rule fires."""
    (entry,) = (each for each in load_shipped().findings.values() if each.rule.id == rule)
    return FIXTURES / entry.fires[0]


def test_unreachable_finding_does_not_gate_and_is_shown_in_every_output(tmp_path: Path) -> None:
    target = str(find_fixture("torch/storage-mismatch"))
    policy = write_policy(tmp_path, "  Torch: '2.13'\n")
    before = modelaudit.scan(target, second_opinion=False)
    report = modelaudit.scan(target, policy=policy, second_opinion=False)
    (finding,) = (each for each in report.findings if each.rule == "torch/storage-mismatch")
    assert finding.acceptance is not None
    assert finding.acceptance.origin == "policy.yaml:2"
    assert before.decision.load.verdict is Verdict.FAIL
    assert report.decision.load.verdict is not Verdict.FAIL
    texts = ("not reachable in the stated stack (policy.yaml:2): torch 2.13 is not in ", "2.10.0 (cve-2026-24747)")
    for name in ("html", "json", "sarif-all", "markdown", "junit"):
        output = render(report, name).decode().casefold()
        if name == "json":
            assert parse_report(render(report, name)) == report
            assert '"runtime"' in output
        else:
            assert all(text in output.replace("\\", "").replace("`", "") for text in texts), name


@check_each(
    "runtime, message",
    [
        ("  torch: 2.10\n", "in quotes"),
        ("  torch: 'newest'\n", "a version in quotes"),
        ("  torch: '2.13'\n  Torch: '2.12'\n", "stated twice"),
        ("  'a b': '1'\n", "the name of a package"),
    ],
)
def test_wrong_runtime_is_one_clear_error(runtime: str, message: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    policy = write_policy(tmp_path_factory.mktemp("policy"), runtime)
    with pytest.raises(ConfigurationError, match=message):
        load_policy(policy, load_shipped())


def test_file_replaces_a_version_of_the_policy_that_it_extends(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("runtime: {torch: '2.4', keras: '3.0'}\n")
    path = tmp_path / "policy.yaml"
    path.write_text("extends: base.yaml\nruntime: {torch: '2.13'}\n")
    policy: Policy = load_policy(path, load_shipped())
    assert policy.runtime == {"torch": "2.13", "keras": "3.0"}
    assert policy.origins["runtime.torch"] == "policy.yaml:2"


def test_advisories_of_rules_are_among_their_references() -> None:
    for entry in load_shipped().findings.values():
        for affected in entry.rule.affects:
            assert any(affected.advisory in link for link in entry.rule.references), entry.rule.id
