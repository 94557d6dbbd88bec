"""Policy files: layers, origins, contradictions, and the JSON Schema that is published for them."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support.cases import check_each
from support.catalogue import load_shipped

from modelaudit.catalogue import load_catalogue, load_policy
from modelaudit.catalogue.document import Data
from modelaudit.catalogue.policy_schema import build_policy_schema
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.finding import CheckFamily, Severity
from modelaudit.model.policy import PinnedModel, Policy, Requirement
from modelaudit.model.terms import Purpose, Use

CATALOGUE = load_shipped()
COMMIT, OTHER_COMMIT = "0123456789abcdef" * 2 + "01234567", "f" * 40
FULL = f"""\
extends: strict
name: acme
description: What Acme may load.
organization: Acme GmbH
reference: AI-2026-17
reviewer: Jane Roe
gates: {{security: low, integrity: never, license: critical, use: gate}}
checks: [security, integrity, license]
require: [stated-use, rules-not-older-than: 90d]
use: {{commercial: true, redistribute: false}}
purpose: research
territories: [EU, CH]
field: general
monthly-active-users: 50000
annual-revenue-usd: 2.5e6
licenses: {{allow: [permissive, cc-by-4.0], deny: [non-commercial, SSPL-1.0, GPL-2.0]}}
models:
  - {{name: acme/tiny, revision: {COMMIT}, note: tested}}
runtime: {{torch: '2.13', transformers: '5.3'}}
allow-unread:
  - {{reasons: [unclaimed-bytes], paths: "*.tflite", formats: [tflite], most-bytes: 64, why: metadata}}
accept-critical: true
offline: false
decisions: accepted.yaml
baseline: old.json
discover-exclude:
  - {{paths: vendor, why: not ours}}
trusted-signers:
  - {{public-key: own.pub, trusted-root: trusted_root.json}}
  - {{certificate-root: root.pem, subject: CN=models, issuer: CN=Acme}}
  - {{identity: me@example.org, issuer: "https://example.org", trusted-root: trusted_root.json}}
allowed-signature-gaps: [cache]
"""


def write_policy(folder: Path, text: str, name: str = "modelaudit.yaml") -> Path:
    """Write a policy beside an empty baseline and register, and return its path."""
    (folder / "old.json").touch()
    for each in ("accepted.yaml", "own.pub", "root.pem", "trusted_root.json"):
        (folder / each).touch()
    (folder / name).write_text(text)
    return folder / name


def load(folder: Path, text: str) -> Policy:
    return load_policy(write_policy(folder, text), CATALOGUE)


def test_every_key_of_a_policy_has_its_effect(tmp_path: Path) -> None:
    policy = load(tmp_path, FULL)
    assert (policy.organization, policy.reference, policy.reviewer) == ("Acme GmbH", "AI-2026-17", "Jane Roe")
    assert policy.origins["reviewer"].startswith("modelaudit.yaml:")
    assert (policy.name, policy.description) == ("acme", "What Acme may load.")
    assert policy.gates[CheckFamily.SECURITY] is Severity.LOW
    assert policy.gates[CheckFamily.INTEGRITY] is None
    assert policy.gates[CheckFamily.LICENSE] is Severity.CRITICAL
    assert policy.gate_use
    assert policy.require == {Requirement.STATED_USE, Requirement.PINNED_REVISIONS, Requirement.RULES_AGE}
    assert policy.rules_days == 90
    assert policy.intent.uses == {Use.COMMERCIAL: True, Use.REDISTRIBUTE: False}
    assert (policy.intent.purpose, policy.intent.territories, policy.intent.field) == (
        Purpose.RESEARCH,
        ("EU", "CH"),
        "general",
    )
    assert (policy.intent.monthly_active_users, policy.intent.annual_revenue_usd) == (50000, 2.5e6)
    assert policy.allowed_licenses == {"permissive", "CC-BY-4.0"}
    assert policy.denied_licenses == {"non-commercial", "SSPL-1.0", "GPL-2.0-only"}
    assert [model.target for model in policy.models] == [f"hf://acme/tiny@{COMMIT}"]
    assert policy.models[0] == PinnedModel("acme/tiny", COMMIT, "tested", tmp_path / "modelaudit.yaml", 18)
    assert policy.allow_unread[-1].most_bytes == 64
    assert (policy.accept_critical, policy.offline) == (True, False)
    assert policy.decisions_path == tmp_path / "accepted.yaml"
    assert policy.baseline_path == tmp_path / "old.json"
    assert policy.files == (tmp_path / "modelaudit.yaml",)


def test_policy_without_entries_is_the_default_with_its_origins(tmp_path: Path) -> None:
    policy, default = load(tmp_path, "description: nothing else\n"), CATALOGUE.policies["default"]
    assert policy.name == "modelaudit.yaml"
    assert (policy.gates, policy.allow_unread, policy.intent) == (default.gates, default.allow_unread, default.intent)
    assert policy.origins == default.origins
    assert not policy.accept_critical
    assert policy.gate_use
    assert set(default.gates.values()) == {Severity.HIGH}


def test_file_replaces_single_values_and_adds_to_lists_of_what_it_extends(tmp_path: Path) -> None:
    base = "extends: commercial-saas\ngates: {security: medium}\nrequire: [pinned-revisions]\nlicenses: {deny: [MIT]}\n"
    (tmp_path / "org").mkdir()
    write_policy(tmp_path, f"{base}models: [{{name: acme/a, revision: {COMMIT}}}]\nterritories: [DE]\n", "base.yaml")
    text = (
        "extends: ../base.yaml\ngates: {security: critical}\nuse: {redistribute: true}\nlicenses: {deny: [ISC]}\n"
        f"models:\n  - {{name: ACME/a, revision: {COMMIT}}}\n  - {{name: acme/b, revision: {COMMIT}}}\n"
        "territories: [FR]\n"
    )
    policy = load(tmp_path / "org", text)
    assert policy.gates[CheckFamily.SECURITY] is Severity.CRITICAL
    assert policy.require == {Requirement.PINNED_REVISIONS}
    assert policy.denied_licenses == {"MIT", "ISC"}
    assert (policy.intent.uses[Use.REDISTRIBUTE], policy.intent.uses[Use.COMMERCIAL]) == (True, True)
    assert policy.intent.territories == ("FR",)
    assert [model.name for model in policy.models] == ["acme/a", "acme/b"]
    wanted = {
        "gates.security": "modelaudit.yaml:2",
        "gates.integrity": "default:8",
        "require.pinned-revisions": "../base.yaml:3",
        "use.redistribute": "modelaudit.yaml:3",
        "use.commercial": "commercial-saas:6",
        "licenses.deny.MIT": "../base.yaml:4",
        "licenses.deny.ISC": "modelaudit.yaml:4",
        "models.acme/a": "../base.yaml:5",
        "models.acme/b": "modelaudit.yaml:7",
        "territories": "modelaudit.yaml:8",
        "allow-unread.0": "default:14",
    }
    assert policy.origins.items() >= wanted.items()
    assert [path.name for path in policy.files] == ["modelaudit.yaml", "base.yaml"]


def test_digest_covers_the_file_and_everything_that_it_extends(tmp_path: Path) -> None:
    default = CATALOGUE.policies["default"].digest
    text = "name: ours\n"
    assert load(tmp_path, text).digest == hashlib.sha256(f"{default}\n{text}".encode()).hexdigest()
    write_policy(tmp_path, "name: base\n", "base.yaml")
    before = load(tmp_path, "extends: base.yaml\n").digest
    write_policy(tmp_path, "name: base\n# a remark\n", "base.yaml")
    assert load(tmp_path, "extends: base.yaml\n").digest != before


MISTAKES = [
    # unknown keys and words, with the nearest known one
    ("gate: {security: high}", 1, "gate: is not a known key; did you mean gates?"),
    ("gates:\n  secruity: high", 2, "gates.secruity: is not a known key; did you mean security?"),
    ("fail-on: high", 1, "write a gate for each family of checks, such as gates: {security: high"),
    ("gates: {security: hihg}", 1, "did you mean high?"),
    ("checks: [transparency]", 1, "transparency: no rule of this version checks it"),
    ("require: [[]]", 1, "require"),
    ("require: [rules-not-older-than]", 1, "require.0: needs a number of days; write it as rules-not-older-than: 90d"),
    ("require: [rules-not-older-than: 0d]", 1, "require.0.rules-not-older-than: '0d' is not a number of days such as 90d"),
    ("require: [rules-not-older-than: 90]", 1, "require.0.rules-not-older-than: '90' is not a number of days such as 90d"),
    ("require: [rules-not-older-than: 90 d]", 1, "'90 d' is not a number of days"),
    ("require: [rules-not-older-than: 10000d]", 1, "'10000d' is not a number of days"),
    ("require: [rules-not-older-than: [90d]]", 1, "require.0.rules-not-older-than: must be text"),
    ("require: {rules-not-older-than: 90d}", 1, "require: must be a list"),
    ("require: [signoff: true]", 1, "require.0.signoff: must be a mapping"),
    ("require: [signoff: {approved: yes please}]", 1, "require.0.signoff.approved: must be true or false"),
    ("require: [signoff: {roles: []}]", 1, "require.0.signoff.roles"),
    ("require: [signoff: {role: CISO}]", 1, "did you mean roles?"),
    ("require: [{signoff: {approved: true}, lock: true}]", 1, "require.0.lock: is not a known key"),
    ("require:\n  - signoff\n  - signoff: {approved: true}", 3, "require.1: is stated twice; keep the entry that counts"),
    ("require: [{rules-not-older-than: 90d, lock: 1d}]", 1, "require.0.lock: is not a known key"),
    ("require: [rules-not-older-then: 90d]", 1, "did you mean rules-not-older-than?"),
    ("require:\n  - rules-not-older-than: 30d\n  - rules-not-older-than: 90d", 3, "require.1: is stated twice"),
    ("require: [signed]", 1, "'signed' is not one of stated-use, pinned-revisions, verified-bytes, lock"),
    ("use: {hosted_service: true}", 1, "did you mean hosted-service?"),
    ("use: {commercial: yes}", 1, "must be true or false"),
    ("monthly-active-users: many", 1, "must be a number"),
    ("monthly-active-users: 1e999", 1, "must be a finite number"),
    ("licenses:\n  deny:\n    - Apche-2.0", 3, "neither an id nor a category of licences; did you mean Apache-2.0?"),
    ("licenses: {deny: [llama3.1]}", 1, "did you mean LicenseRef-Llama-3.1?"),
    ("licenses: {deny: [non-comercial]}", 1, "did you mean non-commercial?"),
    ("models:\n  - name: acme/tiny", 2, "models.0.revision: is missing"),
    ("models:\n  - name: ../tiny", 2, "'../tiny' is not a model of the Hub, such as org/model, or a path below"),
    ("models:\n  - name: ./a/../../tiny", 2, "or a path below the folder of this file that begins with ./"),
    ("models:\n  - name: ./", 2, "or a path below the folder of this file that begins with ./"),
    ("models:\n  - name: /srv/tiny", 2, "or a path below the folder of this file that begins with ./"),
    ("models:\n  - {name: acme/tiny, revision: main}", 2, "'main' is not the id of a commit"),
    (f"models:\n  - {{name: ./tiny, revision: {COMMIT}}}", 2, "models.0.revision: a path has no revision; remove it"),
    ("description:", 1, "description: is empty; write a value, or remove the key"),
    ("gates: {security: never}\nname: default", 2, "name: 'default' is a policy of the rule set; choose another name"),
    ("extends: strct", 1, "did you mean strict?"),
    ("extends: ../missing.yaml", 1, "neither a file nor one of"),
    ("extends: /etc/policy.yaml", 1, "name the file relative to this one"),
    ("extends: modelaudit.yaml", 1, "extends this file in turn"),
    ("extends: base.yaml", 1, "base.yaml:1: extends: modelaudit.yaml extends this file in turn"),
    ("baseline: missing.json", 1, "the file missing.json does not exist beside this policy; save the report of a scan"),
    ("decisions: missing.yaml", 1, "the file missing.yaml does not exist beside this policy; `modelaudit decide` writes one"),
    # contradictions, with both lines
    ("licenses:\n  allow: [MIT]\n  deny: [MIT]", 2, "MIT is allowed (modelaudit.yaml:2), but MIT is denied (modelaudit.yaml:3)"),
    ("licenses:\n  allow: [CC-BY-NC-4.0]\n  deny: [non-commercial]", 2, "non-commercial is denied (modelaudit.yaml:3), and contains it"),
    ("extends: third.yaml\nlicenses:\n  deny: [permissive]", 3, "MIT is allowed (third.yaml:1), but permissive is denied (modelaudit.yaml:3)"),
    (f"models:\n  - {{name: a/b, revision: {COMMIT}}}\n  - {{name: A/b, revision: {OTHER_COMMIT}}}", 3, "another revision in modelaudit.yaml:2"),
    ("extends: strict\ngates: {use: report}", 2, "require: stated-use (strict:11) contradicts gates.use: report (modelaudit.yaml:2)"),
    ("gates: {use: report}\nrequire: [stated-use]", 2, "stated-use (modelaudit.yaml:2) contradicts gates.use: report (modelaudit.yaml:1)"),
    (f"baseline: old.json\nmodels:\n  - {{name: a/b, revision: {COMMIT}}}\n  - {{name: a/c, revision: {COMMIT}}}", 1, "baseline (modelaudit.yaml:1) is the report of one model, and a second model is listed (modelaudit.yaml:4)"),
    ("checks: [security]\ngates:\n  license: high", 3, "has an effect only with the check license; add it to 'checks' (modelaudit.yaml:1)"),
    ("checks: [security]\nlicenses: {deny: [MIT]}", 2, "licenses: has an effect only with the check license"),
    ("checks: [security]\nrequire: [stated-use]", 2, "has an effect only with the check license"),
    ("checks: [security]\nterritories: [EU]", 2, "territories: has an effect only with the check license"),
]  # fmt: skip


@check_each("text, line, message", MISTAKES)
def test_mistake_in_a_policy_is_one_line_with_its_place_and_the_next_step(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    write_policy(tmp_path, "extends: modelaudit.yaml\n", "base.yaml")
    write_policy(tmp_path, "licenses: {allow: [MIT]}\n", "third.yaml")
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, f"{text}\n")
    error = str(caught.value)
    assert message in error
    assert error.startswith(f"{tmp_path}/modelaudit.yaml:{line}: ") or "base.yaml:1" in error
    assert caught.value.exit_code == 2


def test_allowed_category_may_have_a_denied_license(tmp_path: Path) -> None:
    policy = load(tmp_path, "licenses: {allow: [permissive], deny: [MIT]}\n")
    assert (policy.allowed_licenses, policy.denied_licenses) == ({"permissive"}, {"MIT"})


def test_policies_of_a_rule_set_that_extend_each_other_in_a_circle_are_refused(rules: Path) -> None:
    (rules / "policies/a.yaml").write_text("extends: b\n")
    (rules / "policies/b.yaml").write_text("extends: a\n")
    with pytest.raises(
        ConfigurationError, match=r"policies/b.yaml:1: extends: a extends b extends a; break the circle"
    ):
        load_catalogue(rules)
    (rules / "policies/b.yaml").write_text("decisions: decisions.yaml\n")
    with pytest.raises(
        ConfigurationError, match=r"policies/b.yaml:1: decisions: a policy of the rule set names no file"
    ):
        load_catalogue(rules)


def validate(schema: dict[str, object], text: str) -> bool:
    """Whether the schema accepts the text, read as the loader reads it."""
    from jsonschema import Draft202012Validator  # seconds to import

    from modelaudit.catalogue.document import parse_text

    return Draft202012Validator(schema).is_valid(parse_text(text, "policy"))


def test_schema_accepts_every_policy_of_the_rule_set_and_a_full_example() -> None:
    from jsonschema import Draft202012Validator

    schema = json.loads(build_policy_schema(CATALOGUE))
    Draft202012Validator.check_schema(schema)
    files = sorted((Path(__file__).parents[2] / "rules/policies").glob("*.yaml"))
    assert len(files) == 8
    for file in files:
        assert validate(schema, file.read_text()), file.name
    assert validate(schema, FULL)
    assert set(yaml.safe_load(FULL)) == set(schema["properties"]), "the example has every key"


_BEYOND_A_SCHEMA = re.compile(
    r"is not a territory|is not a name as RFC 4514 writes it|name one of public-key|also needs|has no effect beside|neither an id nor a category|neither a file nor one of|does not exist beside|extends this file in"
    r"|another revision|is denied|contradicts|has an effect only with|needs formats|needs most-bytes|unclaimed-bytes"
    r"|reader-failed cannot be accepted|a model of the Hub needs|a path has no revision|leads out of the folder"
)
"""The faults that only the loader finds: words of other lists, files, and contradictions."""


def list_mutations(value: Data) -> Iterator[Data]:
    """Yield copies of a document with one part removed, replaced by another value, or with an unknown key."""
    yield from (None, 5, -1, 1.5, "x", "", " ", True, [], ["x"], {}, {"x": 1})
    if isinstance(value, dict):
        yield {**value, "unknown": 1}
        for key in value:
            yield {each: inner for each, inner in value.items() if each != key}
            yield from ({**value, key: each} for each in list_mutations(value[key]))
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from ([*value[:index], each, *value[index + 1 :]] for each in list_mutations(item))


def test_schema_and_loader_agree_on_every_mutation_of_the_full_example(tmp_path: Path) -> None:
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(json.loads(build_policy_schema(CATALOGUE)))
    document: Data = yaml.safe_load(FULL.replace("2.5e6", "2.5e+6"))
    accepted = refused = 0
    for mutation in list_mutations(copy.deepcopy(document)):
        path = write_policy(tmp_path, json.dumps(mutation))  # JSON is YAML
        is_valid = validator.is_valid(mutation)
        try:
            load_policy(path, CATALOGUE)
        except ConfigurationError as error:
            assert not is_valid or _BEYOND_A_SCHEMA.search(str(error)), f"only the loader refuses {mutation}: {error}"
            refused += 1
        else:
            assert is_valid, f"only the schema refuses {mutation}"
            accepted += 1
    assert accepted > 40
    assert refused > 300
