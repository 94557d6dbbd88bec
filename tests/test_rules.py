"""Every rule against the fixtures that it names: where it must fire, and where it must not."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
from support.fixtures import FIXTURES, fixture_path

import modelaudit
from modelaudit.catalogue import load_catalogue
from modelaudit.model.finding import CheckFamily, Finding
from modelaudit.model.limits import Limits

RULES = load_catalogue().findings
# Security rules about what no file in a repository can be; tests of the source and of the pipeline show them.
WITHOUT_FIXTURE = {
    f"coverage/{state}"
    for state in (
        "content-absent",
        "dangling-link",
        "empty",
        "link-outside-root",
        "not-a-regular-file",
        "reader-failed",
        "unreadable",
    )
} | {"onnx/external-data-hard-link", "coverage/unjudged-defect", "coverage/unjudged-name"}
SECURITY = [id_ for id_, rule in RULES.items() if rule.rule.check is CheckFamily.SECURITY]
DEFECTS = [
    id_
    for id_, rule in RULES.items()
    if not rule.is_fallback and all(matcher.subject == "defect" for matcher in rule.match)
]


ABSENT = {
    "torch-zip": {"Python source"},
    "tensorrt": {"the layers of an engine of TensorRT are not read"},
    "rknn": {"the layers of an engine of RKNN are not read"},
    "cntk": {"the functions of a model of CNTK are not read"},
    "rar": {"the members of a RAR archive are not read"},
}
"""What is not examined of benign fixtures, by their format."""


@functools.cache
def findings(fixture: str) -> tuple[Finding, ...]:
    return modelaudit.scan(fixture_path(fixture), second_opinion=False, limits=Limits(artifact_seconds=60)).findings


def fired(fixture: str) -> frozenset[str]:
    return frozenset(finding.rule for finding in findings(fixture))


def examples(kind: str) -> list[tuple[str, str]]:
    return [(id_, fixture) for id_, rule in sorted(RULES.items()) for fixture in getattr(rule, kind)]


@pytest.mark.parametrize(("rule", "fixture"), examples("fires"))
def test_fires(rule: str, fixture: str) -> None:
    assert rule in fired(fixture)


@pytest.mark.parametrize(("rule", "fixture"), examples("quiet"))
def test_is_quiet(rule: str, fixture: str) -> None:
    assert fixture_path(fixture).exists()
    assert rule not in fired(fixture)


@pytest.mark.parametrize("rule", SECURITY)
def test_security_rules_name_fixtures_both_ways(rule: str) -> None:
    assert bool(RULES[rule].fires) == bool(RULES[rule].quiet) == (rule not in WITHOUT_FIXTURE)


def test_the_rules_without_fixture_exist() -> None:
    assert set(SECURITY) >= WITHOUT_FIXTURE


@pytest.mark.parametrize("rule", DEFECTS)
def test_each_kind_that_a_rule_lists_is_shown_by_a_fixture(rule: str) -> None:
    listed = {kind for matcher in RULES[rule].match for kind in dict(matcher.where)["kind"]}
    shown = {found.key.split()[0] for path in RULES[rule].fires for found in findings(path) if found.rule == rule}
    assert shown == listed


@pytest.mark.parametrize("kind", sorted(map(str, dict(RULES["pickle/contradiction"].match[0].where)["kind"])))
def test_each_contradiction_of_a_pickle_is_found_for_itself(kind: str) -> None:
    found = [each.key.split()[0] for each in findings(f"pickle/malicious/{kind}.pkl") if each.rule.endswith("diction")]
    assert found == [kind]


@pytest.mark.parametrize(
    "folder", sorted({path.parent for path in FIXTURES.glob("*/benign/*")}), ids=lambda path: path.parent.name
)
def test_benign_fixtures_are_quiet(folder: Path) -> None:
    report = modelaudit.scan(folder, second_opinion=False)
    missing = {absence.unread.detail.partition(":")[0] for _, absence in report.coverage.open_absences}
    # A TorchScript archive holds a program, which no reader judges yet; other formats are not read at all.
    assert missing <= ABSENT.get(folder.parent.name, set())
    assert report.exit_code in ((3,) if missing else (0,)), report.findings
    assert not [f for f in report.findings if not f.rule.startswith(("license/", "coverage/"))]
