from __future__ import annotations

import ast
import re
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import pytest
from support.cases import check_each
from support.catalogue import load_shipped

import modelaudit.reports
from modelaudit.model.artifact import RefKind
from modelaudit.model.copies import replace
from modelaudit.model.digest import DigestAlgorithm
from modelaudit.model.finding import CheckFamily, Confidence, Severity
from modelaudit.model.license import ConclusionState, OriginState
from modelaudit.model.opinion import OpinionState
from modelaudit.model.report import AuditReport, DigestState, Extent, PolicyRecord
from modelaudit.model.structure import Location, UnreadReason
from modelaudit.model.terms import Answer, Group, LicenseCategory, Relation, Use
from modelaudit.model.verdict import CauseKind, Question
from modelaudit.model.wording import ALGORITHMS
from modelaudit.options import list_families
from modelaudit.reports import REPORTS, answers, cause_words, license_words, render, wording
from modelaudit.reports.view import FAMILIES_WITHOUT_RULES


def test_reports_have_a_phrase_for_every_kind_of_license_conflict() -> None:
    rules = load_shipped().findings.values()
    matchers = [each for rule in rules for each in rule.match if each.subject == "license-conflict"]
    kinds = {kind for matcher in matchers for kind in dict(matcher.where)["kind"]}
    # A limit of acts that are not planned is listed with the licence: it changes no answer, and no rule reports it.
    assert kinds | {"unplanned-prose"} == license_words.CONFLICTS.keys()


@check_each("text", ["x" * 300, "模" * 300, "word " * 80])
def test_cut_text_is_a_beginning_of_the_text_followed_by_an_ellipsis(text: str) -> None:
    cut = wording.cut_text(text, 240)
    # A cut after a whole word may be up to one long word shorter; a space and an ellipsis follow it.
    assert 200 < len(cut) <= 242 and cut.endswith(" …") and text.startswith(cut.removesuffix(" …"))


BANNED = re.compile(r"\b(safe|clean)\b", re.IGNORECASE)
REPORTS_FOLDER = Path(modelaudit.reports.__file__).parent


@check_each(
    "phrases, words",
    [
        (answers.QUESTIONS, Question),
        (cause_words.CAUSES, CauseKind),
        (wording.EXTENTS, Extent),
        (wording.UNREAD, UnreadReason),
        (wording.DIGEST_STATES, DigestState),
        (ALGORITHMS, DigestAlgorithm),
        (wording.TARGETS, RefKind),
        (wording.CHECKS, CheckFamily),
        (wording.CONFIDENCES, Confidence),
        (wording.CONCLUSIONS, ConclusionState),
        (wording.STATES, ConclusionState),
        (wording.CATEGORIES, LicenseCategory),
        (license_words.ANSWERS, Answer),
        (license_words.GROUPS, Group),
        (license_words.SHORT_GROUPS, Group),
        (license_words.RELATIONS, Relation),
        (license_words.LOOKS, OriginState),
        (license_words.USES, Use),
        (wording.OPINIONS, OpinionState),
    ],
)
def test_every_enum_member_of_a_report_has_a_phrase(phrases: dict[StrEnum, str], words: type[StrEnum]) -> None:
    assert set(phrases) == set(words)
    assert all(phrases.values())


@check_each("format", list(REPORTS))
@check_each("name", ["fail", "pass", "incomplete", "allowed", "conflicting"])
def test_outputs_of_the_example_reports_do_not_contain_the_words_safe_or_clean(
    format: str, name: str, examples: dict[str, Callable[[], AuditReport]]
) -> None:
    assert not BANNED.findall(render(examples[name](), format).decode())


def test_templates_and_strings_of_reports_do_not_contain_the_words_safe_or_clean() -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in (REPORTS_FOLDER / "templates").iterdir()}
    for path in REPORTS_FOLDER.glob("*.py"):
        strings = [node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)]
        texts[path.name] = "\n".join(each for each in strings if isinstance(each, str))
    assert len(texts) > 10
    assert {name: found for name, text in texts.items() if (found := BANNED.findall(text))} == {}


@check_each(
    "size, words",
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (4_130_000_000, "4.13 GB"),
        (2**70, "1.18e+06 PB"),
    ],
)
def test_size_in_bytes_is_formatted_with_decimal_units(size: int, words: str) -> None:
    assert wording.format_size(size) == words


def test_location_and_failing_severity_are_described_in_words() -> None:
    assert wording.describe_place(Location(1234, 5, "license")) == "byte 1,234, line 5, entry license"
    assert wording.describe_place(Location(0)) == "byte 0"
    assert wording.describe_place(Location()) == ""
    high = PolicyRecord("ours", dict.fromkeys(CheckFamily, Severity.HIGH), tuple(CheckFamily), "")
    for gate, text in (
        (Severity.HIGH, "findings of severity high and above fail"),
        (Severity.CRITICAL, "critical findings fail"),
        (None, "findings never fail"),
    ):
        assert wording.describe_gates(replace(high, gates=dict.fromkeys(CheckFamily, gate))) == text
    checks = (CheckFamily.SECURITY, CheckFamily.LICENSE)
    mixed = replace(high, checks=checks, gates={CheckFamily.SECURITY: Severity.MEDIUM, CheckFamily.LICENSE: None})
    assert wording.describe_gates(mixed) == (
        "security: findings of severity medium and above fail; license: findings never fail"
    )


def test_list_of_check_families_without_rules_agrees_with_the_rule_set() -> None:
    assert set(CheckFamily) - list_families(load_shipped()) == FAMILIES_WITHOUT_RULES


def test_limit_and_note_kinds_of_reports_equal_those_of_the_clause_vocabulary() -> None:
    kinds = load_shipped().clauses.kinds
    assert {id_ for id_, kind in kinds.items() if kind.group is Group.LIMIT} == wording.LIMIT_KINDS
    assert {id_ for id_, kind in kinds.items() if kind.group in (Group.WATCH, Group.FACT)} == wording.NOTE_KINDS


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0"),
        (999_999, "999,999"),
        (5e6, "5 million"),
        (1_250_000, "1.25 million"),
        (7e8, "700 million"),
        (2e9, "2 billion"),
    ],
)
def test_large_numbers_are_written_in_millions_or_billions(number: float, words: str) -> None:
    assert wording.format_number(number) == words


def test_time_is_formatted_in_utc() -> None:
    assert wording.format_moment("2026-11-24T23:30:00-02:00") == "25 November 2026, 01:30 UTC"
    assert wording.format_moment("2026-01-02T03:04:05Z") == "2 January 2026, 03:04 UTC"
    moments = [wording.format_moment(datetime(2026, month, 1).isoformat() + "+00:00") for month in range(1, 13)]
    names_of_months = {moment.split()[1] for moment in moments}
    assert len(names_of_months) == 12
