from __future__ import annotations

import pytest

from modelaudit.licenses import subjects_of
from modelaudit.model.finding import CheckFamily
from modelaudit.model.license import ConclusionState, LicenseConclusion
from modelaudit.model.terms import LicenseCategory

FULL = ["LICENSE", "NOTICE"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"license": "mit"}, set()),
        ({"license": "apache-2.0"}, set()),
        ({"license": "mit", "base_model": "a/b"}, {"license/permissive-over-base-model"}),
        ({"license": "gemma", "base_model": "a/b"}, {"license/use-restricted", "license/base-model-not-followed"}),
        ({"license": "mit", "datasets": "a/b"}, {"license/base-model-not-followed"}),
        ({"base_model": "a/b"}, {"license/undeclared", "license/base-model-not-followed"}),
        ({}, {"license/undeclared"}),
        ({"license": "my-own-1.0"}, {"license/unrecognised"}),
        ({"license": "other"}, {"license/vague"}),
        ({"license": ["mit", "apache-2.0"]}, {"license/contradictory"}),
        ({"license": "cc-by-nc-4.0"}, {"license/non-commercial"}),
        ({"license": "apple-amlr"}, {"license/non-commercial"}),
        (
            {"license": "other", "license_name": "nvidia-oneway-noncommercial-license"},
            {"license/non-commercial", "license/terms-not-verified"},
        ),
        ({"license": "gemma"}, {"license/use-restricted"}),
        ({"license": "llama3.1"}, {"license/commercial-conditions"}),
        ({"license": "llama3.2"}, {"license/commercial-conditions", "license/territory-limit"}),
        ({"license": "gpl-3.0"}, {"license/copyleft"}),
        ({"license": "lgpl-3.0"}, {"license/copyleft"}),
        ({"license": "openrail++"}, {"license/use-restricted"}),
        ({"license": "mit", "license_link": "https://example.org"}, {"license/link-outside"}),
        # What one of the contradicting statements forbids must not get lost.
        ({"license": ["mit", "cc-by-nc-4.0"]}, {"license/contradictory", "license/non-commercial"}),
    ],
)
def test_which_rules_fire(weigh, fired, fields, expected):
    assert set(fired(weigh(paths=FULL, **fields))) == {*expected, "license/text-not-compared"}


def test_a_missing_text_is_a_finding_only_where_the_licence_asks_for_it(weigh, fired):
    assert set(fired(weigh(license="mit"))) == {"license/text-missing"}
    assert set(fired(weigh(license="mit", paths=["NOTICE"]))) == {"license/text-missing"}
    assert set(fired(weigh(license="cc0-1.0"))) == set()
    assert "license/text-missing" not in fired(weigh(license=["mit", "apache-2.0"]))


def test_a_licence_file_is_to_be_read_by_a_person(weigh, fired):
    assert "license/text-not-compared" not in fired(weigh(license="mit", paths=["NOTICE", "model.safetensors"]))
    for paths, link in (["sub/COPYING"], {}), (["terms.md"], {"license_link": "terms.md"}):
        fire = fired(weigh(license="mit", paths=paths, **link))
        assert fire["license/text-not-compared"] == (
            f"{paths[0]} was not compared with the licence that the card names: a person must read it."
        )


def test_only_the_root_card_names_the_origins_of_the_model(weigh, fired):
    cards = {"README.md": {"license": "mit"}, "a/README.md": {"base_model": "x/y"}}
    assert set(fired(weigh(cards=cards))) == {"license/text-missing"}
    fire = fired(weigh(license="mit", base_model="x/y", paths=["LICENSE"]))
    assert "made from “x/y”" in fire["license/permissive-over-base-model"]


def test_evidence_is_what_stands_in_the_card_and_nothing_else(weigh):
    fields = {"license": "llama3.2", "license_link": "LICENSE", "base_model": "x/y"}
    allowed = {"README.md:2: license: llama3.2", "README.md:3: license_link: LICENSE", "README.md:4: base_model: x/y"}
    subjects = subjects_of(weigh(paths=["LICENSE"], **fields))
    assert {line for subject in subjects for line in subject.evidence} == allowed


def test_messages_quote_the_card_on_one_line(weigh, fired):
    assert fired(weigh(license="my\nown\x1b[31m"))["license/unrecognised"].startswith(
        "The card declares “my own\x1b[31m”"
    )


def test_findings_point_at_the_root_card(weigh):
    cards = {"a/README.md": {"license": "gemma"}, "README.md": {"x": "y", "license": "mit"}}
    subject = subjects_of(weigh(cards=cards))[0]
    assert (subject.artifact, subject.location.line) == ("README.md", 3)
    assert "README.md:3: license: mit" in subject.evidence


def test_a_licence_that_nobody_declares_is_about_the_model_as_a_whole(weigh):
    subjects = subjects_of(weigh(paths=FULL))
    assert {subject.artifact for subject in subjects if subject.fields.get("place") != "in-snapshot"} == {""}


def test_a_waiver_for_one_statement_does_not_cover_another(weigh):
    first, second = (subjects_of(weigh(license=stated))[0] for stated in ("my-own-1.0", "my-own-2.0"))
    assert first.key != second.key


def test_keys_are_unique(weigh):
    subjects = subjects_of(weigh(license=["llama3.2", "gpl-3.0", "mit"], license_link=["a", "b"]))
    keys = [(subject.kind, subject.artifact, subject.key) for subject in subjects]
    assert len(keys) == len(set(keys))


def test_nothing_is_said_where_nothing_was_checked():
    assert subjects_of(LicenseConclusion(ConclusionState.NOT_CHECKED, LicenseCategory.UNKNOWN)) == ()


def test_every_subject_has_the_fields_that_rules_may_speak_of(weigh):
    fields = {
        "license-conclusion": {"state", "category", "declared", "licenses", "reason"},
        "license-entry": {"license", "id", "category", "terms", "text", "standing", "url"},
        "license-obligation": {"license", "id", "kind", "text", "clause"},
        "license-link": {"link", "place"},
    }
    subjects = subjects_of(weigh(license="llama3.2", license_link="x"))
    assert {subject.kind for subject in subjects} == set(fields)
    assert all(set(subject.fields) == fields[subject.kind] for subject in subjects)


def test_the_rules_of_the_family_are_written_for_people(rules):
    family = {name: rule for name, rule in rules.findings.items() if name.startswith("license/")}
    assert len(family) >= 12
    for rule in family.values():
        assert rule.rule.check is CheckFamily.LICENSE
        assert rule.match
        assert all(sentence.strip().endswith(".") for sentence in (rule.rule.why, rule.rule.fix))
