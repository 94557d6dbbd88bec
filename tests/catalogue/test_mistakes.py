"""Every kind of mistake in a rule file is reported with the file, the line and the correction."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.cases import check_each

from modelaudit import __version__
from modelaudit.catalogue import load_catalogue
from modelaudit.model.errors import ConfigurationError

RULE = "findings/pickle/dangerous-call.yaml"
TRUSTED = "callables/trusted/python.yaml"
DANGEROUS = "callables/dangerous/command.yaml"
LICENSE = "licenses/MIT.yaml"
POLICY = "policies/default.yaml"

MATCH = "match:\n  - subject: pickle-act\n    where:\n      act: [call, construct]\n"

MISTAKES = [
    # the words of a rule
    (
        RULE,
        "severity: critical",
        "severity: hihg",
        4,
        "severity: 'hihg' is not one of info, low, medium, high, critical",
    ),
    (
        RULE,
        "check: security",
        "check: safety",
        3,
        "'safety' is not one of security, integrity, license, provenance, trans",
    ),
    (RULE, "since: 0.1.0", "since: 0.1", 6, "since: must be text; put it in quotes if it is"),
    (RULE, "since: 0.1.0", "since: soon", 6, "since: 'soon' is not a version such as 0.1.0"),
    (RULE, "since: 0.1.0", "since: 99.0.0", 6, f"since: 99.0.0 is later than this version, {__version__}"),
    (RULE, "why: It runs.\n", "", 1, "why: is missing"),
    (RULE, "why: It runs.", 'why: "  "', 7, "why: must not be empty"),
    (RULE, "fix: Do", "fixx: Do", 8, "fixx: is not a known key"),
    (RULE, "cwe: [CWE-502]", "cwe: [CWE-502, 502]", 10, "cwe.1: must be text"),
    (RULE, "cwe: [CWE-502]", "cwe: [cwe502]", 10, "'cwe502' is not an identifier such as CWE-502"),
    (RULE, "references: [https:", "references: [javascript:", 9, "is not an http or https address"),
    # the path of a rule
    (
        RULE,
        "id: pickle/dangerous-call",
        "id: pickle/other",
        1,
        "'pickle/other' differs from the id that the file's path implies",
    ),
    (RULE, "id: pickle/dangerous-call", "id: Pickle/x", 1, "'Pickle/x' is not family/kebab-words"),
    # what a rule speaks of
    (
        RULE,
        "- subject: pickle-act",
        "- subject: pickle-fact",
        12,
        "match.0.subject: 'pickle-fact' is not one of pickle-act",
    ),
    (RULE, "act: [call", "deed: [call", 14, "match.0.where: 'deed' is not a field of pickle-act, which has act, name"),
    (RULE, MATCH, "match: []\n", 11, "match: must not be empty"),
    (RULE, MATCH, "", 1, "match: is missing"),
    (RULE, "[call, construct]", "[[call]]", 14, "must be a single value"),
    (RULE, "[call, construct]", "[]", 14, "must not be empty"),
    (RULE, "{name}", "{nmae}", 15, "message: {nmae} is not a field of pickle-act, which has act, name"),
    (RULE, "{name}", "{name.__class__}", 15, "message: the placeholder with 'name.__class__' must hold"),
    (
        RULE,
        "{name}",
        "{name!r}",
        15,
        "the placeholder with 'name' must hold the plain name of a field and nothing else",
    ),
    (RULE, "{name}", "{", 15, "write {{ and }} for braces"),
    # callables
    (TRUSTED, "collections.OrderedDict:", "OrderedDict:", 3, "'OrderedDict' is not an exact dotted name"),
    (TRUSTED, "collections.OrderedDict:", "collections.*:", 3, "'collections.*' is not an exact dotted name"),
    (TRUSTED, "a dictionary", '""', 3, "must not be empty"),
    (TRUSTED, "use: calls", "use: calling", 6, "'calling' is not one of calls, constructs"),
    (TRUSTED, "{use: calls}", "{}", 6, "arguments.0: needs exactly one of the keys 'use' and 'one-of'"),
    (
        TRUSTED,
        "{use: calls}",
        "{use: calls, one-of: [a.b]}",
        6,
        "arguments.0: needs exactly one of the keys 'use' and 'one-of'",
    ),
    (TRUSTED, "{use: calls}", '{one-of: [""]}', 6, "'' is neither a dotted name nor the repr of plain data"),
    (TRUSTED, "{use: calls}", "{one-of: [latin1]}", 6, "'latin1' is neither a dotted name nor the repr of plain data"),
    (TRUSTED, "arguments:", "refer-only: true\n    arguments:", 4, "collections.defaultdict is refer-only"),
    (TRUSTED, "{0: ", "{first: ", 6, "must be a whole number"),
    (
        TRUSTED,
        "builtins.frozenset",
        "builtins.set",
        11,
        "builtins.set is listed already in rules/callables/trusted/python.yaml:10",
    ),
    (
        TRUSTED,
        "builtins.frozenset",
        "platform.popen",
        11,
        "platform.popen cannot be trusted: it is dangerous in rules/call",
    ),
    (
        TRUSTED,
        "builtins.frozenset",
        "os.path.join",
        11,
        "os.path.join is trusted, but its whole module os is listed as dangerous",
    ),
    (
        TRUSTED,
        "builtins.frozenset",
        "os:environ.get",
        11,
        "os:environ.get is trusted, but its whole module os is listed as dangerous",
    ),
    (DANGEROUS, "effect: command", "effect: harm", 1, "'harm' is not one of attribute, code, command, deserialise"),
    (DANGEROUS, "effect: file", "effect: files", 4, "'files' is not one of"),
    (DANGEROUS, "os: runs commands", "os.: runs commands", 9, "'os.' is not the dotted name of a module"),
    ("callables/standard-library.yaml", "- collections", "- os", 3, "'os' is listed twice"),
    ("callables/standard-library.yaml", "- collections", "- os.path", 3, "'os.path' is not a top-level module"),
    # licences
    (LICENSE, "category: permissive", "category: free", 3, "'free' is not one of public-domain, permissive"),
    (LICENSE, "read: 2026-01-31", "read: 31.1.2026", 7, "'31.1.2026' is not a date such as 2026-01-31"),
    (LICENSE, "read: 2026-01-31", "read: 2026-13-31", 7, "'2026-13-31' is not a date"),
    (LICENSE, "kind: keep-notices", "kind: be-nice", 9, "'be-nice' is not one of keep-notices"),
    (LICENSE, "id: MIT", "id: X11", 1, "'X11' differs from the file name"),
    ("licenses/_vague.yaml", "other:", "mit:", 2, "'mit' already means MIT, in rules/licenses/MIT.yaml:1"),
    # policies
    (
        POLICY,
        "security: high",
        "security: hihg",
        3,
        "'hihg' is not one of info, low, medium, high, critical, never; did you mean high",
    ),
    (POLICY, "formats: [PNG image], ", "", 5, "no-reader needs formats"),
    (POLICY, "[no-reader]", "[reader-failed]", 5, "reader-failed cannot be accepted"),
    (POLICY, "[no-reader]", "[unclaimed-bytes]", 5, "unclaimed-bytes needs formats"),
    (POLICY, "[no-reader]", "[no-reader], most-bytes: 64", 5, "most-bytes bounds unclaimed-bytes alone"),
    (POLICY, "[no-reader]", "[unclaimed-bytes], most-bytes: 0", 5, "most-bytes"),
    (POLICY, "[no-reader]", "[unknown]", 5, "'unknown' is not one of no-reader, program-not-judged, unverified-type"),
    (POLICY, "name: default", "name: strict", 1, "'strict' differs from the file's name"),
    # the language
    (POLICY, "name: default", "name: default\nname: default", 2, "the key 'name' is there twice"),
    (POLICY, "description: the default", "description: &d the default", 2, "the anchor &d is not allowed"),
    (POLICY, "description: the default", "description: *d", 2, "the alias *d is not allowed"),
    (POLICY, "gates: {security: high}", "gates: !!str high", 3, "the tag tag:yaml.org,2002:str is not allowed"),
    (POLICY, "gates: {security: high}", "gates: !!python/object/apply:os.system [id]", 3, "is not allowed"),
    (POLICY, "gates: {security: high}", "gates: [", 5, "is not YAML"),
    (POLICY, "gates: {security: high}", "gates: {}\n---\nname: second", 4, "a second document begins"),
    (POLICY, "gates: {security: high}", "gates: {}\n? [a]\n: b", 4, "a key must be plain text"),
    (POLICY, "gates: {security: high}", "gates: " + "[" * 40 + "]" * 40, 3, "is nested more than 16 deep"),
]


@pytest.mark.parametrize(("name", "old", "new", "line", "message"), MISTAKES)
def test_mistake_in_a_rule_file_is_reported_with_file_and_line(
    damage: Callable[[str, str, str], Path], name: str, old: str, new: str, line: int, message: str
) -> None:
    rules = damage(name, old, new)
    with pytest.raises(ConfigurationError) as caught:
        load_catalogue(rules)
    error = str(caught.value)
    assert error.startswith(f"rules/{name}:{line}: ")
    assert message in error
    assert "\n" not in error
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("findings/loose.yaml", "id: a/b\n", "no rules are read from this path"),
        ("callables/trusted/deep/er.yaml", "library: x\n", "no rules are read from this path"),
        ("policies/strict.yml", "name: strict\n", "its name does not end in .yaml; rename it"),
        ("policies/empty.yaml", "", "policies/empty.yaml:1: must be a mapping"),
        ("policies/list.yaml", "- a\n", "policies/list.yaml:1: must be a mapping"),
    ],
)
def test_rules_file_with_a_wrong_path_or_extension_or_without_a_mapping_is_refused(
    damage: Callable[[str, str, str], Path], name: str, text: str, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load_catalogue(damage(name, "", text))


def test_rule_file_with_bytes_that_are_not_utf8_is_refused(rules: Path) -> None:
    (rules / POLICY).write_bytes(b"name: default\ndescription: caf\xe9\n")
    with pytest.raises(ConfigurationError, match=r"default.yaml:2: is not UTF-8 at byte 30"):
        load_catalogue(rules)


OTHER_LICENSE = """\
id: Zlib
name: Other Licence
category: permissive
url: https://example.org/other
hub-ids: [other-licence]
aliases: [Other 1.0]
"""


@check_each(
    "old, new, line",
    [
        ("id: Zlib", "id: m.i.t", 1),
        ("name: Other Licence", "name: the-mit-license", 2),
        ("https://example.org/other", "http://www.spdx.org/licenses/mit.html", 4),
        ("[other-licence]", "[other-licence, mit]", 5),
        ("[Other 1.0]", "[MIT]", 6),
        ("[Other 1.0]", '["MIT License"]', 6),
        ("[Other 1.0]", '["https://spdx.org/licenses/MIT.html"]', 6),
    ],
)
def test_licence_with_the_name_or_address_of_another_licence_is_refused(
    rules: Path, old: str, new: str, line: int
) -> None:
    # A licence file must be named after its id. Both ids come after MIT in the order of loading, so that the error is
    # about this file and not about MIT.yaml.
    license_id = "m.i.t" if line == 1 else "Zlib"
    (rules / f"licenses/{license_id}.yaml").write_text(OTHER_LICENSE.replace(old, new))
    with pytest.raises(
        ConfigurationError, match=rf"{license_id}.yaml:{line}: '.*' already means MIT, in rules/.*/MIT.yaml:"
    ):
        load_catalogue(rules)


@pytest.mark.parametrize(
    ("word", "message"), [("The-MIT-License", "already means MIT"), ("OTHER", "already is the vague")]
)
def test_entry_in_the_list_of_vague_words_is_refused_if_it_names_a_licence_or_is_listed_already(
    damage: Callable[[str, str, str], Path], word: str, message: str
) -> None:
    rules = damage("licenses/_vague.yaml", "hub-ids:\n", f"hub-ids:\n  {word}: no licence\n")
    with pytest.raises(ConfigurationError, match=rf"_vague.yaml:\d: .*{message}"):
        load_catalogue(rules)


def test_licence_name_that_consists_only_of_separators_is_refused(damage: Callable[[str, str, str], Path]) -> None:
    with pytest.raises(
        ConfigurationError, match=r"MIT.yaml:5: '--' is too long for the name of a licence, or holds only separators"
    ):
        load_catalogue(damage(LICENSE, "[The MIT License]", '["--"]'))


def test_dangerous_module_listed_in_two_rule_files_is_refused(rules: Path) -> None:
    (rules / "callables/dangerous/again.yaml").write_text("effect: file\nmodules: {os: opens files}\n")
    with pytest.raises(ConfigurationError, match=r"command.yaml:9: modules: 'os' is listed already"):
        load_catalogue(rules)


def test_error_lists_two_mistakes_with_their_lines_and_counts_the_others(
    damage: Callable[[str, str, str], Path],
) -> None:
    damage(RULE, "severity: critical", "severity: bad")
    rules = damage(RULE, "confidence: high", "confidence: bad")
    with pytest.raises(ConfigurationError, match=r":\d+: severity: 'bad'.*; line \d+: confidence: 'bad'[^(]*$"):
        load_catalogue(rules)
    damage(RULE, "check: security", "check: bad")
    with pytest.raises(ConfigurationError, match=r"; line \d+: .*\(and 1 more in this file\)$"):
        load_catalogue(rules)
