"""Mistakes in a declaration of a vocabulary, and words of earlier versions, are reported with file, line and remedy."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from textwrap import indent

import pytest
from support.catalogue import load_shipped
from support.command import run_command

from modelaudit.catalogue import load_catalogue
from modelaudit.model.catalogue import CODE_KINDS, Unlisted
from modelaudit.model.errors import ConfigurationError

DECLARATIONS_FILE = "vocabularies.yaml"
NAMES_FILE = "vocabularies/toy/names.yaml"
DECLARATION_OF_OPERATORS = "kind: operators\nunlisted: absent\n"
NAMES_OF_TOY = "library: toy\ntrusted: {names: {add: adds}}\n"
RULE_FILE = "findings/pickle/dangerous-call.yaml"


def declare_toy(text: str) -> str:
    """Return a file of declarations in which ``text`` declares the vocabulary ``toy`` from line 3 on."""
    return "vocabularies:\n  toy:\n" + indent(text, "    ")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("kind: operators\n", 2, "unlisted: is missing"),
        ("kind: operators\nunlisted: maybe\n", 4, "'maybe' is not one of absent, quiet"),
        ("kind: drivers\nunlisted: quiet\n", 4, "'quiet' needs a 'reason'"),
        ("kind: drivers\nunlisted: quiet\nreason: ''\n", 5, "must not be empty"),
        ("kind: operators\nunlisted: quiet\nreason: none\n", 4, "names of the kind operators select code"),
        ("kind: spells\nunlisted: absent\n", 3, "'spells' is not one of"),
        (
            "kind: operators\nunlisted: absent\nuses:\n  - {names: [a], unlisted: quiet}\n",
            6,
            "'quiet' needs a 'reason'",
        ),
        (
            "kind: operators\nunlisted: absent\nuses:\n  - {names: [a], unlisted: absent}\n"
            "  - {names: [a], unlisted: quiet, reason: x}\n",
            7,
            "'a' is listed already",
        ),
        ("kind: operators\nunlisted: absent\nharmless:\n  - {uses: [a]}\n", 6, "reason: is missing"),
    ],
)
def test_mistake_in_a_declaration_names_file_and_line(
    damage: Callable[[str, str, str], Path], text: str, line: int, message: str
) -> None:
    damage(NAMES_FILE, "", NAMES_OF_TOY)
    with pytest.raises(ConfigurationError) as caught:
        load_catalogue(damage(DECLARATIONS_FILE, "", declare_toy(text)))
    assert str(caught.value).startswith(f"rules/{DECLARATIONS_FILE}:{line}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_vocabulary_without_declaration_is_refused(damage: Callable[[str, str, str], Path]) -> None:
    with pytest.raises(
        ConfigurationError, match=r"names\.yaml:1: the vocabulary 'toy' is not declared; add it to vocabularies\.yaml"
    ):
        load_catalogue(damage(NAMES_FILE, "", NAMES_OF_TOY))


def test_second_declaration_of_a_vocabulary_is_refused(damage: Callable[[str, str, str], Path], tmp_path: Path) -> None:
    own = tmp_path / "own" / DECLARATIONS_FILE
    own.parent.mkdir(parents=True)
    own.write_text(declare_toy(DECLARATION_OF_OPERATORS), "utf-8")
    rules = damage(DECLARATIONS_FILE, "", declare_toy(DECLARATION_OF_OPERATORS))
    with pytest.raises(ConfigurationError, match=r"own/vocabularies\.yaml:2: the vocabulary 'toy' is declared already"):
        load_catalogue(rules, extra=[tmp_path / "own"])


def test_error_about_a_declaration_in_a_vocabulary_folder_names_the_file_that_must_hold_it(
    damage: Callable[[str, str, str], Path],
) -> None:
    with pytest.raises(
        ConfigurationError, match=r"toy/_vocabulary\.yaml:1: .* move its content to the key 'toy' of vocabularies\.yaml"
    ):
        load_catalogue(damage("vocabularies/toy/_vocabulary.yaml", "", DECLARATION_OF_OPERATORS))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("subject: pickle-act", "on: pickle-act", "match.0.on: the key is called 'subject' now"),
        (
            "subject: pickle-act",
            "subject: torch-mention",
            "'torch-mention' no longer exists; use 'mention' with the vocabulary",
        ),
        (
            "subject: pickle-act",
            "subject: skops-node",
            "'skops-node' no longer exists; use 'mention' with the format skops",
        ),
    ],
)
def test_error_about_a_renamed_word_in_a_rule_states_the_new_word(
    damage: Callable[[str, str, str], Path], old: str, new: str, message: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_catalogue(damage(RULE_FILE, old, new))
    assert str(caught.value).startswith(f"rules/{RULE_FILE}:12: ")
    assert message in str(caught.value)


def test_scan_with_a_renamed_word_in_extra_rules_exits_with_2(tmp_path: Path) -> None:
    rule = tmp_path / "findings/own/rule.yaml"
    rule.parent.mkdir(parents=True)
    rule.write_text("id: own/rule\nmatch:\n  - on: mention\n", "utf-8")
    ran = run_command("scan", tmp_path, "--rules", tmp_path)
    assert ran.returncode == 2
    assert "findings/own/rule.yaml:3: match.0.on: the key is called 'subject' now" in ran.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "rules: {pickle/dangerous-call: {became: pickle/dangerous-call, since: 0.1.0}}\n",
            "a rule with this id exists",
        ),
        ("rules: {pickle/old: {became: pickle/none, since: 0.1.0}}\n", "'pickle/none' is not a rule"),
    ],
)
def test_error_about_a_mistake_in_the_list_of_retired_rules_names_the_rule(
    damage: Callable[[str, str, str], Path], text: str, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load_catalogue(damage("retired.yaml", "", text))


def test_vocabulary_of_names_that_select_code_declares_unlisted_names_an_absence_by_default() -> None:
    policies = [declaration.policy for declaration in load_shipped().declarations.values()]
    assert {policy.unlisted for policy in policies if policy.kind in CODE_KINDS} == {Unlisted.ABSENT}


def test_shipped_declaration_that_leaves_unlisted_names_unreported_states_its_reason() -> None:
    for declaration in load_shipped().declarations.values():
        for policy in (declaration.policy, *declaration.uses.values()):
            assert policy.reason or policy.unlisted is not Unlisted.QUIET


def test_documentation_lists_exactly_the_vocabularies_that_do_not_report_unlisted_names_in_some_use() -> None:
    page = (Path(__file__).parents[2] / "docs/vocabularies.md").read_text("utf-8").partition("## Quiet")[2]
    quiet = [
        name
        for name, declaration in load_shipped().declarations.items()
        if any(each.unlisted is Unlisted.QUIET for each in (declaration.policy, *declaration.uses.values()))
    ]
    listed = re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)
    assert sorted(set(listed)) == sorted(quiet)


def test_explain_of_a_retired_rule_names_the_rule_that_replaces_it() -> None:
    retired = load_shipped().retired
    assert retired
    old_id, replacement = min(retired.items())
    ran = run_command("explain", old_id)
    assert ran.returncode == 0
    assert ran.stdout.startswith(f"The rule {old_id} is gone since {replacement.since}; {replacement.became} reports")


def test_harmless_entry_of_a_vocabulary_does_not_cover_the_names_listed_under_but_names(
    damage: Callable[[str, str, str], Path],
) -> None:
    harmless = "harmless:\n  - {uses: [call], effects: [file], but-names: [wipe], reason: it writes its own files}\n"
    damage(NAMES_FILE, "", NAMES_OF_TOY)
    rules = damage(DECLARATIONS_FILE, "", declare_toy(f"kind: names\nunlisted: absent\n{harmless}"))
    declared = load_catalogue(rules).declarations["toy"]
    assert declared.is_harmless("call", "save", "file")
    assert not declared.is_harmless("call", "wipe", "file")
