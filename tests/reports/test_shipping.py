"""The line about shipping: doubt is never a permission, and a prohibition is never left out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelaudit.model.license import ClaimKind, ConclusionState, LicenseClaim, LicenseConclusion
from modelaudit.model.terms import Clause, LicenseCategory, LicenseEntry
from modelaudit.reports.shipping import Permission, license_sentence, shipping

FREE = (
    LicenseCategory.PERMISSIVE,
    LicenseCategory.PUBLIC_DOMAIN,
    LicenseCategory.COPYLEFT,
    LicenseCategory.WEAK_COPYLEFT,
)
BASE = LicenseClaim(ClaimKind.INHERITED, "README.md", "base_model", "acme/base", None)


def entry(
    category: LicenseCategory, *kinds: str, read: str = "2026-11-20", name: str = "The X Licence"
) -> LicenseEntry:
    duties = tuple(Clause(kind, f"Duty about {kind}.") for kind in kinds)
    return LicenseEntry("X", name, category, (), (), duties, "https://example.org/x", read)


def concluded(*entries: LicenseEntry) -> LicenseConclusion:
    return LicenseConclusion(ConclusionState.CONCLUDED, entries[-1].category, (), entries)


@pytest.mark.parametrize("category", LicenseCategory)
@pytest.mark.parametrize("state", ConclusionState)
@pytest.mark.parametrize("read", ["2026-11-20", ""])
def test_only_a_free_licence_whose_terms_were_read_allows_it(
    category: LicenseCategory, state: ConclusionState, read: str
) -> None:
    answer = shipping(LicenseConclusion(state, category, (), (entry(category, "keep-notices", read=read),)))
    allowed = state is ConclusionState.CONCLUDED and category in FREE and bool(read)
    assert (answer.permission is Permission.ALLOWED) is allowed


def test_no_licence_is_no_permission() -> None:
    nothing = LicenseConclusion(ConclusionState.UNDECLARED, LicenseCategory.UNKNOWN)
    assert shipping(nothing).line == "No licence was found: no permission to ship this can be shown."
    unasked = replace(nothing, state=ConclusionState.NOT_CHECKED)
    assert shipping(unasked).line == "The licence was not checked: this report says nothing about shipping."
    assert {shipping(nothing).permission, shipping(unasked).permission} == {Permission.OPEN}


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (ConclusionState.CONTRADICTORY, "what is said about the licence contradicts itself"),
        (ConclusionState.UNRECOGNISED, "the licence that is named is not one that this tool knows"),
        (ConclusionState.VAGUE, "what is named is a family of licences and not one of them"),
        (ConclusionState.CONCLUDED, "what the licence permits is not known here"),
    ],
)
def test_a_doubt_goes_to_a_person(state: ConclusionState, why: str) -> None:
    answer = shipping(LicenseConclusion(state, LicenseCategory.UNKNOWN, (), (entry(LicenseCategory.UNKNOWN),)))
    assert answer.line == f"Permission to ship cannot be shown: {why}; a person must decide."


def test_terms_that_nobody_read_go_to_a_person() -> None:
    answer = shipping(concluded(entry(LicenseCategory.CONDITIONAL, "user-cap", read="")))
    assert answer.line == (
        "Permission to ship cannot be shown: the terms of The X Licence were not verified in its text; "
        "a person must decide."
    )


@pytest.mark.parametrize("category", [LicenseCategory.NON_COMMERCIAL, LicenseCategory.RESEARCH_ONLY])
def test_a_prohibition_is_said(category: LicenseCategory) -> None:
    answer = shipping(concluded(entry(category, "no-commercial-use")))
    assert answer.permission is Permission.FORBIDDEN
    assert answer.line == "The licence that the author names, The X Licence, forbids commercial use."
    second_hand = shipping(concluded(entry(category, read="")))
    assert second_hand.permission is Permission.FORBIDDEN
    assert second_hand.line.endswith("That is second-hand: read its text.")


def test_the_prohibition_in_a_contradiction_is_not_lost() -> None:
    both = (entry(LicenseCategory.PERMISSIVE), entry(LicenseCategory.NON_COMMERCIAL, name="The NC Licence"))
    answer = shipping(LicenseConclusion(ConclusionState.CONTRADICTORY, LicenseCategory.UNKNOWN, (), both))
    assert "The NC Licence, which is among them, forbids commercial use." in answer.line


def test_conditions_and_duties_are_counted() -> None:
    answer = shipping(concluded(entry(LicenseCategory.USE_RESTRICTED, "use-policy", "keep-notices")))
    assert (answer.permission, answer.line) == (Permission.OPEN, "Only under conditions: 2, listed below.")
    free = shipping(concluded(entry(LicenseCategory.PERMISSIVE, "keep-notices")), "listed elsewhere")
    assert free.line == "The author names The X Licence, which allows it; 1 duty, listed elsewhere."
    assert shipping(concluded(entry(LicenseCategory.PUBLIC_DOMAIN))).line.endswith("no duty is on record.")


@pytest.mark.parametrize("category", LicenseCategory)
def test_countries_left_out_are_named_whatever_else_holds(category: LicenseCategory) -> None:
    answer = shipping(concluded(entry(category, "territory-limit")))
    assert answer.line.endswith("Not everywhere: Duty about territory-limit.")
    assert answer.permission is not Permission.ALLOWED


def test_a_base_model_that_nobody_followed_leaves_it_open() -> None:
    free = concluded(entry(LicenseCategory.PERMISSIVE))
    answer = shipping(replace(free, claims=(BASE,)))
    assert answer.permission is Permission.OPEN
    assert answer.line.endswith("It was made from acme/base; the licence there may bind you too, and was not checked.")
    data = replace(BASE, field="datasets")
    assert shipping(replace(free, claims=(data,))).permission is Permission.ALLOWED


def test_what_we_know_of_the_terms_is_not_overclaimed() -> None:
    read = concluded(entry(LicenseCategory.PERMISSIVE))
    assert license_sentence(read, "") == (
        "The author names one licence: The X Licence. We have a summary of its terms (read on 2026-11-20)."
    )
    unread = concluded(entry(LicenseCategory.PERMISSIVE, read=""))
    assert "only a second-hand summary of the terms of The X Licence" in license_sentence(unread, "")
    assert license_sentence(LicenseConclusion(ConclusionState.VAGUE, LicenseCategory.UNKNOWN), "else") == "else"
