from __future__ import annotations

import pytest

from modelaudit.licenses import build_subjects
from modelaudit.model.finding import CheckFamily
from modelaudit.model.license import ConclusionState, LicenseConclusion, OriginState
from modelaudit.model.terms import Intent, LicenseCategory, Use


@pytest.mark.parametrize(
    ("fields", "text", "expected"),
    [
        ({"license": "mit"}, "MIT", set()),
        ({"license": "apache-2.0"}, "Apache-2.0", set()),
        ({}, "MIT", set()),
        ({}, None, {"license/undeclared"}),
        ({"license": "my-own-1.0"}, None, {"license/unrecognised"}),
        ({"license": "other"}, None, {"license/vague"}),
        ({"license": ["mit", "my-own-1.0"]}, None, {"license/contradictory"}),
        ({"license": "cc-by-nc-4.0"}, "CC-BY-NC-4.0", {"license/non-commercial"}),
        ({"license": "llama3.1"}, "LicenseRef-Llama-3.1", {"license/commercial-conditions"}),
        ({"license": "gpl-3.0"}, "GPL-3.0-only", {"license/copyleft"}),
        ({"license": "gpl-3.0-or-later"}, "GPL-3.0-only", {"license/copyleft"}),
        ({"license": "mit", "license_link": "https://example.org"}, "MIT", {"license/link-outside"}),
        # A prohibition in one of the contradicting statements must not get lost.
        ({"license": ["mit", "cc-by-nc-4.0"]}, None, {"license/contradictory", "license/non-commercial"}),
        ({"license": "apache-2.0"}, "MIT", {"license/text-differs"}),
        ({"license": "mit"}, "LicenseRef-Gemma", {"license/declared-against-text", "license/use-restricted"}),
        ({"license": "gemma"}, "LicenseRef-Gemma-2024-04-01", {"license/use-restricted"}),
    ],
)
def test_license_rules_fire_according_to_the_declared_license_and_the_license_text(
    conclude_cards, fired, fields, text, expected
):
    assert set(fired(conclude_cards(texts={"LICENSE": text} if text else {}, **fields))) == expected


def test_missing_text_is_a_finding_only_if_the_license_requires_it(conclude_cards, fired):
    assert set(fired(conclude_cards(license="mit"))) == {"license/text-missing"}
    assert set(fired(conclude_cards(license="mit", paths=["NOTICE"]))) == {"license/text-missing"}
    assert set(fired(conclude_cards(license="cc0-1.0"))) == set()
    by_link = fired(conclude_cards(license="cc-by-4.0"))["license/text-missing"]
    assert "demands its text or a link to it with every copy, and the repository holds neither" in by_link
    address = "https://creativecommons.org/licenses/by/4.0/"
    assert set(fired(conclude_cards(license="cc-by-4.0", license_link=address))) == {"license/link-outside"}
    assert "license/text-missing" in fired(
        conclude_cards(license="mit", license_link="https://opensource.org/license/mit")
    )
    assert "license/text-missing" not in fired(conclude_cards(license=["mit", "my-own-1.0"]))


def test_unrecognised_license_file_is_reported_as_not_compared(conclude_cards, fired):
    assert "license/text-not-compared" not in fired(
        conclude_cards(license="mit", paths=["NOTICE", "model.safetensors"])
    )
    for paths, link in (["COPYING"], {}), (["sub/COPYING"], {}), (["terms.md"], {"license_link": "terms.md"}):
        messages = fired(conclude_cards(license="mit", paths=paths, **link))
        assert paths[0] in messages["license/text-not-compared"]


def test_unread_base_model_is_a_finding(conclude_cards, fired, origin_of):
    unread = [origin_of("x/y", look=OriginState.MISSING)]
    assert "license/permissive-over-base-model" in fired(conclude_cards(license="mit", origins=unread))
    assert "license/base-model-not-followed" in fired(conclude_cards(license="gemma", origins=unread))
    assert "license/base-model-not-followed" in fired(
        conclude_cards(license="mit", origins=[origin_of("/data/checkpoint")])
    )


def test_evidence_of_license_findings_consists_of_file_quotations_only(conclude_cards):
    fields = {"license": "llama3.2", "license_link": "LICENSE"}
    allowed = {"README.md:2: license: llama3.2", "README.md:3: license_link: LICENSE", "LICENSE"}
    subjects = build_subjects(conclude_cards(paths=["LICENSE"], **fields))
    assert {line for subject in subjects for line in subject.evidence} == allowed


def test_messages_of_license_findings_quote_the_card_on_one_line(conclude_cards, fired):
    message = fired(conclude_cards(license="my\nown\x1b[31m"))["license/unrecognised"]
    assert "license says “my own\x1b[31m”, which" in message


def test_subject_of_the_license_conclusion_states_the_line_in_the_root_card(conclude_cards):
    cards = {"a/README.md": {"license": "gemma"}, "README.md": {"x": "y", "license": "mit"}}
    subject = build_subjects(conclude_cards(cards=cards))[0]
    assert (subject.artifact, subject.location.line) == ("README.md", 3)
    assert "README.md:3: license: mit" in subject.evidence


def test_undeclared_license_finding_has_no_path(conclude_cards):
    assert {subject.artifact for subject in build_subjects(conclude_cards())} == {""}


def test_license_subjects_of_two_unrecognised_names_have_different_keys(conclude_cards):
    # A waiver names a fingerprint, which derives from the key of the subject.
    first, second = (build_subjects(conclude_cards(license=stated))[0] for stated in ("my-own-1.0", "my-own-2.0"))
    assert first.key != second.key


def test_license_subjects_of_one_kind_and_file_have_unique_keys(conclude_cards):
    subjects = build_subjects(conclude_cards(license=["llama3.2", "gpl-3.0", "mit"], license_link=["a", "b"]))
    keys = [(subject.kind, subject.artifact, subject.key) for subject in subjects]
    assert len(keys) == len(set(keys))


def test_conclusion_of_a_license_check_that_did_not_run_yields_no_subjects():
    assert build_subjects(LicenseConclusion(ConclusionState.NOT_CHECKED, LicenseCategory.UNKNOWN)) == ()


def test_license_subjects_of_the_same_kind_have_the_same_set_of_field_names(conclude_cards):
    fields = {
        "license-conclusion": {"state", "category", "declared", "licenses", "reason", "apart", "between"},
        "license-entry": {"license", "id", "category", "terms", "standing", "url"},
        "license-obligation": {"license", "id", "kind", "text", "clause"},
        "license-link": {"link", "place"},
        "license-conflict": {"kind", "detail", "licenses", "drops", "over"},
        "license-answer": {"answer", "kind", "license", "because", "clause", "via", "part"},
    }
    subjects = build_subjects(
        conclude_cards(license="llama3.2", license_link="x", intent=Intent({Use.COMMERCIAL: True}))
    )
    assert {subject.kind for subject in subjects} == set(fields)
    assert all(set(subject.fields) == fields[subject.kind] for subject in subjects)


def test_denied_or_doubtful_intended_use_makes_a_finding(conclude_cards, fired):
    denied = fired(conclude_cards(license="cc-by-nc-4.0", intent=Intent({Use.COMMERCIAL: True})))
    assert "Your planned use is commercial, and the licence forbids commercial use." in denied["license/use-denied"]
    assert "license/use-for-review" in fired(conclude_cards(license="other", intent=Intent({Use.COMMERCIAL: True})))
    allowed = fired(conclude_cards(license="mit", intent=Intent({Use.COMMERCIAL: True})))
    assert not {"license/use-denied", "license/use-for-review"} & set(allowed)


def test_every_license_rule_has_matchers_a_reason_and_a_fix(rules):
    family = {name: rule for name, rule in rules.findings.items() if name.startswith("license/")}
    assert len(family) >= 12
    for rule in family.values():
        assert rule.rule.check is CheckFamily.LICENSE
        assert rule.match
        assert all(sentence.strip().endswith(".") for sentence in (rule.rule.why, rule.rule.fix))
