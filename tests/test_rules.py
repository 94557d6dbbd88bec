"""Every rule against the fixtures that it names: where it must fire, and where it must not."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import pytest
from support.cases import check_each
from support.fixtures import FIXTURES, fixture_path
from support.scans import find_folder, group_by_folder, list_folders, scan_fixture

import modelaudit
from modelaudit.catalogue import load_catalogue
from modelaudit.model.catalogue import FindingRule
from modelaudit.model.finding import CheckFamily, Finding

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


@functools.cache
def read_rules() -> Mapping[str, FindingRule]:
    return load_catalogue().findings


def security_rules() -> list[str]:
    return [id_ for id_, rule in read_rules().items() if rule.rule.check is CheckFamily.SECURITY]


def rules_on_defects() -> list[str]:
    return [
        id_
        for id_, rule in read_rules().items()
        if not rule.is_fallback and all(matcher.subject == "defect" for matcher in rule.match)
    ]


ABSENT = {
    "torch-zip": {"Python source"},
    "tensorrt": {"the layers of a TensorRT engine are not read"},
    "rknn": {"the layers of an RKNN engine are not read"},
    "cntk": {"the functions of a CNTK model are not read"},
    "rar": {"the members of a RAR archive are not read"},
}
"""What is not examined of benign fixtures, by their format."""


def findings(fixture: str) -> tuple[Finding, ...]:
    return scan_fixture(fixture).findings


def fired(fixture: str) -> frozenset[str]:
    return frozenset(finding.rule for finding in findings(fixture))


def examples(kind: str) -> list[tuple[str, str]]:
    """Return (rule, fixture) of every fixture in which a rule must fire, or with ``quiet`` must not."""
    return [(id_, fixture) for id_, rule in sorted(read_rules().items()) for fixture in getattr(rule, kind)]


@pytest.mark.parametrize("folder", group_by_folder(list_folders()))
def test_rule_fires_in_the_fixtures_that_it_names_and_stays_quiet_in_the_others(folder: str) -> None:
    fires = [(rule, fixture) for rule, fixture in examples("fires") if find_folder(fixture) == folder]
    quiet = [(rule, fixture) for rule, fixture in examples("quiet") if find_folder(fixture) == folder]
    assert [(rule, fixture) for rule, fixture in fires if rule not in fired(fixture)] == []
    assert [(rule, fixture) for rule, fixture in quiet if rule in fired(fixture)] == []


def test_every_fixture_that_a_rule_names_exists() -> None:
    named = {fixture for kind in ("fires", "quiet") for _, fixture in examples(kind)}
    assert {fixture for fixture in named if not fixture_path(fixture).exists()} == set()
    assert {find_folder(fixture) for fixture in named} <= set(list_folders())


@check_each("rule", security_rules)
def test_security_rule_names_fixtures_both_ways(rule: str) -> None:
    entry = read_rules()[rule]
    assert bool(entry.fires) == bool(entry.quiet) == (rule not in WITHOUT_FIXTURE)


def test_rules_without_fixture_exist() -> None:
    assert set(security_rules()) >= WITHOUT_FIXTURE


@pytest.mark.parametrize("folder", group_by_folder(list_folders()))
def test_each_defect_kind_that_a_rule_lists_is_shown_by_a_fixture(folder: str) -> None:
    """A rule is checked with the folder of its first fixture, where most of its fixtures are scanned anyway."""
    for id_ in rules_on_defects():
        rule = read_rules()[id_]
        if not rule.fires or find_folder(rule.fires[0]) != folder:
            continue
        listed = {kind for matcher in rule.match for kind in dict(matcher.where)["kind"]}
        shown = {found.key.split()[0] for path in rule.fires for found in findings(path) if found.rule == id_}
        assert (id_, shown) == (id_, listed)


def test_each_contradiction_of_a_pickle_is_found_for_itself() -> None:
    kinds = sorted(map(str, dict(read_rules()["pickle/contradiction"].match[0].where)["kind"]))
    found = {
        kind: [
            each.key.split()[0] for each in findings(f"pickle/malicious/{kind}.pkl") if each.rule.endswith("diction")
        ]
        for kind in kinds
    }
    assert found == {kind: [kind] for kind in kinds}


@pytest.mark.parametrize("name", sorted(path.parent.name for path in FIXTURES.glob("*/benign")))
def test_benign_fixtures_pass(name: str) -> None:
    report = modelaudit.scan(FIXTURES / name / "benign", second_opinion=False)
    missing = {absence.unread.detail.partition(":")[0] for _, absence in report.coverage.open_absences}
    # A TorchScript archive holds a program, which no reader judges yet; other formats are not read at all.
    assert missing <= ABSENT.get(name, set())
    assert report.exit_code in ((3,) if missing else (0,)), report.findings
    assert not [f for f in report.findings if not f.rule.startswith(("license/", "coverage/"))]
