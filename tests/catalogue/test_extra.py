"""Rule folders of an organisation, beside the shipped rules."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.fixtures import FIXTURES

import modelaudit
from modelaudit.catalogue import load_catalogue
from modelaudit.model.errors import ConfigurationError

RULE = """id: acme/no-system
title: t
check: security
severity: critical
confidence: high
since: 0.1.0
why: w
fix: f
references: []
cwe: []
match:
  - subject: pickle-act
    where: {act: [call], name: posix.system}
message: "It calls {name}."
"""


def write_rule_folder(tmp_path: Path, text: str) -> Path:
    """Write a rule folder with one rule."""
    path = tmp_path / "findings" / "acme" / "no-system.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return tmp_path


def test_rule_of_an_extra_folder_fires(tmp_path: Path) -> None:
    pickle_that_calls_system = FIXTURES / "pickle/malicious/os-system.pkl"
    report = modelaudit.scan(
        pickle_that_calls_system, second_opinion=False, rules=[str(write_rule_folder(tmp_path, RULE))]
    )
    assert "acme/no-system" in {finding.rule for finding in report.findings}


def test_rule_with_an_impossible_field_value_is_refused(tmp_path: Path) -> None:
    rules = write_rule_folder(tmp_path, RULE.replace("[call]", "[impotr]"))
    with pytest.raises(
        ConfigurationError, match=r"no-system.yaml:13: match.0.where.act: 'impotr' is not one of .*import"
    ):
        load_catalogue(extra=[rules])


def test_extra_folder_that_is_missing_or_contains_no_rule_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="contains no rule"):
        load_catalogue(extra=[tmp_path])
    with pytest.raises(ConfigurationError, match="not a folder"):
        modelaudit.scan(FIXTURES, rules=[tmp_path / "absent"])


def test_shipped_rules_are_refused_as_an_extra_folder() -> None:
    from modelaudit.catalogue.directory import find_rules_directory

    with pytest.raises(ConfigurationError, match="built in"):
        load_catalogue(extra=[find_rules_directory()])
