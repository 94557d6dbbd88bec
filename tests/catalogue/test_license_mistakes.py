"""Mistakes in the files about licences that would have no effect, or would silently permit more, are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelaudit.catalogue import load_catalogue
from modelaudit.licenses.obligations.answers import BindingLicense, answer_intended_use
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.terms import PERMISSIVE_CATEGORIES, Answer, Intent, LicenseCategory, Use

CLAUSES = """\
fields:
  general: anything
territories:
  EU: [DE, FR]
countries: [DE, FR, GB]
kinds:
  user-cap:
    title: A cap
    group: limit
    about: Not above a number.
    needs: [number]
    answers:
      - {over: monthly-active-users, answer: deny, because: "More than {number}."}
  watermark:
    title: A mark
    group: show
    about: Outputs bear a mark.
  keep-notices: {title: Notices, group: ship, about: Notices stay.}
"""
LICENSE = """\
id: LicenseRef-Acme
name: Acme Model License
category: use-restricted
url: https://acme.example/license
read: 2026-01-31
clauses:
  - kind: user-cap
    text: No more than a thousand.
    number: 1000
    territories: [GB]
    section: section 1
"""
ORIGINS = """\
origins:
  - {pattern: "acme/model-*", license: LicenseRef-Acme, why: Acme says so.}
"""
FINDING = """\
id: acme/mark
title: Outputs need a mark
check: license
severity: low
confidence: high
since: 0.1.0
why: It is a duty.
fix: Mark them.
message: "{license}"
match: [{subject: license-obligation, where: {kind: [watermark]}}]
"""
SUBJECTS = """\
  license-obligation: {license: whose, id: which, kind: what}
  license-answer: {license: whose, kind: [conclusion]}
  license-entry: {license: whose, id: which, category: how strict}
"""
POLICY = """\
name: acme
description: What Acme does.
require: [stated-use]
checks: [license]
use: {commercial: true}
territories: [EU, GB]
field: general
"""
FILES = {
    "clauses.yaml": CLAUSES,
    "licenses/LicenseRef-Acme.yaml": LICENSE,
    "licenses/_origins.yaml": ORIGINS,
    "findings/acme/mark.yaml": FINDING,
    "policies/acme.yaml": POLICY,
}
MATCH_OF_FINDING = "subject: license-obligation, where: {kind: [watermark]}"

MISTAKES = [
    (
        "clauses.yaml",
        "{number}",
        "{fields}",
        13,
        "because: contains {fields}, which 'needs' does not list; add it to 'needs'",
    ),
    (
        "clauses.yaml",
        "group: show\n",
        "group: limit\n",
        14,
        "kinds.watermark: a kind of the group 'limit' needs the key 'answers'",
    ),
    ("clauses.yaml", "[DE, FR]\n", "[DE, SWISS]\n", 4, "territories.EU: 'SWISS' is unknown"),
    ("clauses.yaml", "[DE, FR]\n", "[DE, EU]\n", 4, "territories.EU: 'EU' is the group itself"),
    ("licenses/LicenseRef-Acme.yaml", "[GB]", "[XX]", 10, "clauses.0.territories: 'XX' is not a territory"),
    ("licenses/LicenseRef-Acme.yaml", "    number: 1000\n", "", 7, "a clause of kind user-cap needs number"),
    ("licenses/LicenseRef-Acme.yaml", "use-restricted", "permissive", 3, "Acme.yaml:7 is a limit"),
    *(
        (
            "licenses/LicenseRef-Acme.yaml",
            "use-restricted",
            category,
            3,
            f"category: {category}, but no clause restricts",
        )
        for category in ("non-commercial", "research-only")
    ),
    ("licenses/_origins.yaml", "acme/model-*", "model-*", 2, "'model-*' is not a publisher, a slash and a name"),
    (
        "licenses/_origins.yaml",
        "so.}\n",
        'so.}\n  - {pattern: "Acme/model-7b*", license: LicenseRef-Acme, why: So.}\n',
        3,
        "'Acme/model-7b*' can never match: 'acme/model-*' precedes it",
    ),
    (
        "findings/acme/mark.yaml",
        "watermark",
        "watermrak",
        10,
        "'watermrak' is not one of keep-notices, user-cap, watermark",
    ),
    ("findings/acme/mark.yaml", "{kind: [watermark]}", "{id: [Acme]}", 10, "'Acme' is not one of LicenseRef-Acme, MIT"),
    (
        "findings/acme/mark.yaml",
        MATCH_OF_FINDING,
        "subject: license-answer, where: {kind: [cap]}",
        10,
        "'cap' is not one of conclusion, keep-notices, user-cap, watermark",
    ),
    (
        "findings/acme/mark.yaml",
        MATCH_OF_FINDING,
        "subject: license-entry, where: {category: [strict]}",
        10,
        "'strict' is not one of conditional-commercial",
    ),
    ("policies/acme.yaml", "[EU, GB]", "[EU, XX]", 6, "territories.1: 'XX' is not a territory"),
    ("policies/acme.yaml", "field: general", "field: generla", 7, "field: 'generla' is not a field of use"),
    (
        "policies/acme.yaml",
        "[license]",
        "[security]",
        5,
        "use: has an effect only with the check license; add it to 'checks' (acme:4)",
    ),
]


@pytest.fixture
def license_rules(rules: Path) -> Path:
    """Return the small rule set with rules about licences."""
    for name, text in FILES.items():
        (rules / name).parent.mkdir(parents=True, exist_ok=True)
        (rules / name).write_text(text)
    with (rules / "subjects.yaml").open("a") as subjects:
        subjects.write(SUBJECTS)
    return rules


def test_undamaged_license_rules_load_without_an_error(license_rules: Path) -> None:
    catalogue = load_catalogue(license_rules)
    assert "acme/mark" in catalogue.findings
    assert catalogue.policies["acme"].intent.territories == ("EU", "GB")


@pytest.mark.parametrize(("name", "old", "new", "line", "message"), MISTAKES)
def test_mistake_in_a_license_file_is_reported_with_file_and_line(
    license_rules: Path, name: str, old: str, new: str, line: int, message: str
) -> None:
    text = (license_rules / name).read_text()
    assert text.count(old) == 1
    (license_rules / name).write_text(text.replace(old, new))
    with pytest.raises(ConfigurationError) as caught:
        load_catalogue(license_rules)
    assert f"rules/{name}:{line}: " in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("territories:\n  EU: [DE]\n", "territories.EU: is listed already"),
        ("fields:\n  general: only tanks\n", "fields.general: is listed already"),
        ("kinds:\n  watermark: {title: A, group: show, about: A.}\n", "kinds.watermark: is listed already"),
    ],
)
def test_clause_entry_in_an_extra_folder_that_repeats_an_existing_one_is_refused(
    license_rules: Path, tmp_path: Path, text: str, message: str
) -> None:
    further = tmp_path / "further"
    further.mkdir()
    (further / "clauses.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=f"further/clauses.yaml:2: {message}"):
        load_catalogue(license_rules, extra=[further])


UNRESTRICTED = """\
id: LicenseRef-Toy
name: Toy Model License
category: {category}
url: https://toy.example/license
{read}clauses:
  - {{kind: keep-notices, text: Notices stay.{section}}}
"""
READ = {"read": "read: 2026-01-31\n", "section": ", section: section 1"}


@pytest.mark.parametrize("in_extra_folder", [False, True], ids=["shipped", "further folder"])
@pytest.mark.parametrize("category", ["use-restricted", "conditional-commercial", "non-commercial", "research-only"])
def test_restrictive_license_without_a_restricting_clause_is_refused(
    license_rules: Path, tmp_path: Path, category: str, in_extra_folder: bool
) -> None:
    folder = tmp_path / "further" if in_extra_folder else license_rules
    (folder / "licenses").mkdir(parents=True, exist_ok=True)
    (folder / "licenses/LicenseRef-Toy.yaml").write_text(UNRESTRICTED.format(category=category, **READ))
    extra = [folder] if in_extra_folder else []
    with pytest.raises(ConfigurationError, match=rf"LicenseRef-Toy\.yaml:3: category: {category}, but no clause"):
        load_catalogue(license_rules, extra=extra)


@pytest.mark.parametrize(
    ("category", "read"),
    [
        *((each, False) for each in LicenseCategory if each not in PERMISSIVE_CATEGORIES),
        (LicenseCategory.UNKNOWN, True),
    ],
)
def test_answer_is_review_for_a_nonpermissive_license_without_a_read_date_or_of_category_unknown(
    license_rules: Path, category: str, read: bool
) -> None:
    lines = READ if read else {"read": "", "section": ""}
    (license_rules / "licenses/LicenseRef-Toy.yaml").write_text(UNRESTRICTED.format(category=category, **lines))
    catalogue = load_catalogue(license_rules)
    bound = BindingLicense(catalogue.licenses["LicenseRef-Toy"])
    (answer,) = answer_intended_use(Intent({Use.COMMERCIAL: True}), [bound], catalogue.clauses)
    assert answer.answer is Answer.REVIEW
