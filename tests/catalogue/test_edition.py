"""The edition of a rule set: its number and its date, in the shipped file and in wrong ones."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from support.cases import check_each
from support.catalogue import load_shipped

from modelaudit.catalogue import load_catalogue
from modelaudit.model.catalogue import Edition
from modelaudit.model.errors import ConfigurationError
from modelaudit.options import format_current_time


def test_shipped_rules_have_an_edition_that_is_not_of_the_future(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    edition = load_shipped().edition
    assert edition is not None
    assert edition.number >= 1
    assert date.fromisoformat(edition.date) <= date.fromisoformat(format_current_time()[:10])


@check_each(
    "text, expected",
    [
        ("number: 0\ndate: '2026-01-31'\n", r"edition.yaml:1: number: "),
        ("number: '1'\ndate: '2026-01-31'\n", r"edition.yaml:1: number: must be a whole number"),
        ("number: 1.5\ndate: '2026-01-31'\n", r"edition.yaml:1: number: "),
        ("number: 1\ndate: '2026-1-31'\n", r"edition.yaml:2: date: '2026-1-31' is not a date such as 2026-01-31"),
        ("number: 1\ndate: '2026-02-30'\n", r"edition.yaml:2: date: '2026-02-30' is not a day of the calendar"),
        ("number: 1\n", r"edition.yaml:1: date: is missing"),
        ("number: 1\ndate: '2026-01-31'\nname: x\n", r"edition.yaml:3: name: is not a known key"),
    ],
)
def test_wrong_edition_is_refused_with_its_line(rules: Path, text: str, expected: str) -> None:
    (rules / "edition.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=expected):
        load_catalogue(rules)


def test_edition_is_that_of_the_rule_set_and_no_further_folder_has_one(rules: Path, tmp_path: Path) -> None:
    assert load_catalogue(rules).edition is None
    (rules / "edition.yaml").write_text("number: 12\ndate: '2026-01-31'\n")
    assert load_catalogue(rules).edition == Edition(12, "2026-01-31")
    extra = tmp_path / "further"
    (extra / "findings").mkdir(parents=True)
    (extra / "edition.yaml").write_text("number: 13\ndate: '2026-02-28'\n")
    with pytest.raises(ConfigurationError, match=r"only the rule set itself has an edition; remove this file"):
        load_catalogue(rules, extra=[extra])
