"""Every rule fires in the fixtures that it lists under ``fires``, and not in those under ``quiet``."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import pytest
from support.cases import check_each
from support.catalogue import load_shipped
from support.fixtures import FIXTURES, fixture_path
from support.scans import find_folder, group_by_folder, list_folders, scan_fixture

import modelaudit
from modelaudit.model.catalogue import FindingRule
from modelaudit.model.finding import CheckFamily, Finding

# Security rules about states that no file in git can have; tests of the sources and of the pipeline cover them.
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
} | {
    "onnx/external-data-hard-link",
    "tflite/external-data-hard-link",
    "coverage/unjudged-defect",
    "provenance/hub-scanner-alarm",
    "document/deceptive-name",
    "coverage/unjudged-name",
}


@functools.cache
def read_rules() -> Mapping[str, FindingRule]:
    """Return the shipped rules by their ids."""
    return load_shipped().findings


def test_message_for_standard_library_names_does_not_use_the_reason_as_a_relative_clause() -> None:
    """The reason of a name of the standard library is a sentence of its own: "it is not on the list ..."."""
    for id_, rule in read_rules().items():
        standings = {word for matcher in rule.match for word in dict(matcher.where).get("standing", ())}
        assert "standard-library" not in standings or "which {why}" not in rule.message, id_


def list_security_rules() -> list[str]:
    """List the ids of the rules of the security check."""
    return [id_ for id_, rule in read_rules().items() if rule.rule.check is CheckFamily.SECURITY]


def list_defect_rules() -> list[str]:
    """List the ids of the rules that match only defects, and only of the kinds that they name."""
    return [
        id_
        for id_, rule in read_rules().items()
        if not rule.is_fallback and all(matcher.subject == "defect" for matcher in rule.match)
    ]


UNREAD_IN_BENIGN = {
    "torch-zip": {"Python source"},
    "tensorrt": {"the layers of a TensorRT engine are not read"},
    "rknn": {"the layers of an RKNN engine are not read"},
    "cntk": {"the functions of a CNTK model are not read"},
    "rar": {"the members of a RAR archive are not read"},
}
"""By format: the beginnings of the absences that a scan of its benign fixtures may report."""


def get_findings(fixture: str) -> tuple[Finding, ...]:
    """Return the findings of a scan of a fixture."""
    return scan_fixture(fixture).findings


def get_rule_ids(fixture: str) -> frozenset[str]:
    """Return the ids of the rules that fire in a fixture."""
    return frozenset(finding.rule for finding in get_findings(fixture))


def list_examples(kind: str) -> list[tuple[str, str]]:
    """Return (rule, fixture) of every fixture in which a rule must fire, or with ``quiet`` must not."""
    return [(id_, fixture) for id_, rule in sorted(read_rules().items()) for fixture in getattr(rule, kind)]


@pytest.mark.parametrize("folder", group_by_folder(list_folders()))
def test_rule_fires_on_its_listed_fires_fixtures_and_not_on_its_quiet_fixtures(folder: str) -> None:
    fires = [(rule, fixture) for rule, fixture in list_examples("fires") if find_folder(fixture) == folder]
    quiet = [(rule, fixture) for rule, fixture in list_examples("quiet") if find_folder(fixture) == folder]
    faults = [f"{rule} does not fire in {fixture}" for rule, fixture in fires if rule not in get_rule_ids(fixture)]
    faults += [f"{rule} fires in {fixture}" for rule, fixture in quiet if rule in get_rule_ids(fixture)]
    assert not faults, "\n".join(faults) + "\ncorrect the rule, or its examples"


def test_every_fixture_that_a_rule_names_exists() -> None:
    named = {fixture for kind in ("fires", "quiet") for _, fixture in list_examples(kind)}
    missing = sorted(fixture for fixture in named if not fixture_path(fixture).exists())
    assert not missing, f"rules name {', '.join(missing)} under examples, which no builder yields"
    assert {find_folder(fixture) for fixture in named} <= set(list_folders())


@check_each("rule", list_security_rules)
def test_security_rule_lists_fires_and_quiet_fixtures_unless_it_is_exempt(rule: str) -> None:
    entry = read_rules()[rule]
    needs_fixtures = rule not in WITHOUT_FIXTURE
    assert (bool(entry.fires), bool(entry.quiet)) == (needs_fixtures, needs_fixtures), (
        f"rules/findings/{rule}.yaml: name fixtures under both fires and quiet of examples, unless WITHOUT_FIXTURE of "
        "tests/test_rules.py lists the rule"
    )


def test_every_rule_that_is_exempt_from_fixtures_exists() -> None:
    assert set(list_security_rules()) >= WITHOUT_FIXTURE


@pytest.mark.parametrize("folder", group_by_folder(list_folders()))
def test_each_defect_kind_that_a_rule_with_fixtures_and_only_defect_matchers_lists_occurs_in_them(folder: str) -> None:
    """A rule is checked with the folder of its first fixture, because the same worker scans that folder."""
    for id_ in list_defect_rules():
        rule = read_rules()[id_]
        if not rule.fires or find_folder(rule.fires[0]) != folder:
            continue
        listed_kinds = {kind for matcher in rule.match for kind in dict(matcher.where)["kind"]}
        findings = [finding for fixture in rule.fires for finding in get_findings(fixture) if finding.rule == id_]
        # The key of a finding on a defect begins with the kind of the defect.
        found_kinds = {finding.key.split()[0] for finding in findings}
        missing = sorted(map(str, listed_kinds - found_kinds))
        assert not missing, f"{id_}: no fixture under fires shows {', '.join(missing)}; add one that has this defect"
        assert found_kinds == listed_kinds, id_


def test_fixture_of_a_pickle_contradiction_causes_no_other_contradiction_finding() -> None:
    kinds = sorted(map(str, dict(read_rules()["pickle/contradiction"].match[0].where)["kind"]))
    found_kinds: dict[str, list[str]] = {}
    for kind in kinds:
        findings = get_findings(f"pickle/malicious/{kind}.pkl")
        found_kinds[kind] = [each.key.split()[0] for each in findings if each.rule == "pickle/contradiction"]
    assert found_kinds == {kind: [kind] for kind in kinds}


@pytest.mark.parametrize("name", sorted(path.parent.name for path in FIXTURES.glob("*/benign")))
def test_benign_fixtures_of_a_format_have_no_finding_except_on_licenses_and_listed_absences(name: str) -> None:
    report = modelaudit.scan(FIXTURES / name / "benign", second_opinion=False)
    unread = {absence.unread.detail.partition(":")[0] for _, absence in report.coverage.open_absences}
    # A TorchScript archive contains Python source, which no rule judges; of the other formats the layers are not read.
    unexpected = sorted(unread - UNREAD_IN_BENIGN.get(name, set()))
    assert not unexpected, f"{name}/benign: {', '.join(unexpected)}; trust the name, or add it to UNREAD_IN_BENIGN"
    security = [each for each in report.findings if not each.rule.startswith(("license/", "coverage/"))]
    assert not security, f"{name}/benign: " + ", ".join(f"{each.rule} in {each.artifact}" for each in security)
    assert report.exit_code == (3 if unread else 0), report.findings
