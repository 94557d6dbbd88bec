"""The line about shipping: doubt is never a permission, and a prohibition is never left out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from reports.license_examples import conflicting_conclusion, denied_conclusion, plain_conclusion
from support.cases import check_each

from modelaudit.model.license import ClaimKind, ConclusionState, LicenseClaim, LicenseConclusion
from modelaudit.model.terms import Answer, Clause, LicenseCategory, LicenseEntry
from modelaudit.reports.license_words import OVERTHROWING
from modelaudit.reports.shipping import Permission, assess_shipping, describe_conclusion

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


@check_each("category", LicenseCategory)
@check_each("state", ConclusionState)
@check_each("read", ["2026-11-20", ""])
def test_only_a_free_licence_whose_terms_were_read_allows_it(
    category: LicenseCategory, state: ConclusionState, read: str
) -> None:
    answer = assess_shipping(LicenseConclusion(state, category, (), (entry(category, "keep-notices", read=read),)))
    allowed = state is ConclusionState.CONCLUDED and category in FREE and bool(read)
    assert (answer.permission is Permission.ALLOWED) is allowed


def test_no_licence_is_no_permission() -> None:
    nothing = LicenseConclusion(ConclusionState.UNDECLARED, LicenseCategory.UNKNOWN)
    assert assess_shipping(nothing).line == "No licence was found: no permission to ship this can be shown."
    unasked = replace(nothing, state=ConclusionState.NOT_CHECKED)
    assert assess_shipping(unasked).line == "The licence was not checked: this report says nothing about shipping."
    assert {assess_shipping(nothing).permission, assess_shipping(unasked).permission} == {Permission.OPEN}


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
    answer = assess_shipping(LicenseConclusion(state, LicenseCategory.UNKNOWN, (), (entry(LicenseCategory.UNKNOWN),)))
    assert answer.line == f"Permission to ship cannot be shown: {why}; a person must decide."


def test_terms_that_nobody_read_go_to_a_person() -> None:
    answer = assess_shipping(concluded(entry(LicenseCategory.CONDITIONAL, "user-cap", read="")))
    assert answer.line == (
        "Permission to ship cannot be shown: the terms of The X Licence were not verified in its text; "
        "a person must decide."
    )


@pytest.mark.parametrize("category", [LicenseCategory.NON_COMMERCIAL, LicenseCategory.RESEARCH_ONLY])
def test_a_prohibition_is_said(category: LicenseCategory) -> None:
    answer = assess_shipping(concluded(entry(category, "no-commercial-use")))
    assert answer.permission is Permission.FORBIDDEN
    assert answer.line == "The author names The X Licence, which forbids commercial use."
    second_hand = assess_shipping(concluded(entry(category, read="")))
    assert second_hand.permission is Permission.FORBIDDEN
    assert second_hand.line.endswith("Its terms are not verified: read the text.")


def test_the_prohibition_in_a_contradiction_is_not_lost() -> None:
    both = (entry(LicenseCategory.PERMISSIVE), entry(LicenseCategory.NON_COMMERCIAL, name="The NC Licence"))
    answer = assess_shipping(LicenseConclusion(ConclusionState.CONTRADICTORY, LicenseCategory.UNKNOWN, (), both))
    assert "One of them, The NC Licence, forbids commercial use." in answer.line


def test_conditions_and_duties_are_counted() -> None:
    answer = assess_shipping(concluded(entry(LicenseCategory.USE_RESTRICTED, "use-policy", "keep-notices")))
    assert (answer.permission, answer.line) == (Permission.OPEN, "Only under conditions: 2, listed below.")
    free = assess_shipping(concluded(entry(LicenseCategory.PERMISSIVE, "keep-notices")), "listed elsewhere")
    assert free.line == "The author names The X Licence, which allows it; 1 duty, listed elsewhere."
    assert assess_shipping(concluded(entry(LicenseCategory.PUBLIC_DOMAIN))).line.endswith("no duty is on record.")


@check_each("category", LicenseCategory)
def test_countries_left_out_are_named_whatever_else_holds(category: LicenseCategory) -> None:
    answer = assess_shipping(concluded(entry(category, "territory-limit")))
    assert answer.line.endswith("Not everywhere: Duty about territory-limit.")
    assert answer.permission is not Permission.ALLOWED


def test_a_base_model_that_nobody_followed_leaves_it_open() -> None:
    free = concluded(entry(LicenseCategory.PERMISSIVE))
    answer = assess_shipping(replace(free, claims=(BASE,)))
    assert answer.permission is Permission.OPEN
    assert answer.line.endswith("It was made from acme/base; the licence there may bind you too, and was not checked.")
    data = replace(BASE, field="datasets")
    assert assess_shipping(replace(free, claims=(data,))).permission is Permission.ALLOWED


def test_what_we_know_of_the_terms_is_not_overclaimed() -> None:
    read = concluded(entry(LicenseCategory.PERMISSIVE))
    assert describe_conclusion(read, "") == (
        "The author names one licence: The X Licence. We have a summary of its terms (read on 2026-11-20)."
    )
    unread = concluded(entry(LicenseCategory.PERMISSIVE, read=""))
    assert "only a second-hand summary of the terms of The X Licence" in describe_conclusion(unread, "")
    assert describe_conclusion(LicenseConclusion(ConclusionState.VAGUE, LicenseCategory.UNKNOWN), "else") == "else"


def test_a_stated_use_is_answered_by_the_clauses() -> None:
    allowed = assess_shipping(plain_conclusion(), "listed elsewhere")
    assert allowed.permission is Permission.ALLOWED
    assert allowed.line == "What you mean to do is allowed under Apache-2.0; 3 things to do, listed elsewhere."
    denied = assess_shipping(denied_conclusion())
    assert denied.permission is Permission.FORBIDDEN
    assert denied.line == "1 reason stands against what you mean to do: Your use is commercial."
    review = assess_shipping(conflicting_conclusion())
    assert review.permission is Permission.OPEN
    assert review.line.startswith("2 points have to be decided by a person, first: A limit to the number of users")


@check_each("answer", Answer)
@check_each("state", [state for state in ConclusionState if state is not ConclusionState.CONCLUDED])
def test_no_answer_permits_over_a_licence_that_was_not_concluded(answer: Answer, state: ConclusionState) -> None:
    doubtful = replace(plain_conclusion(), state=state, permission=answer)
    assert assess_shipping(doubtful).permission is not Permission.ALLOWED


def test_an_answer_without_a_reason_is_still_said() -> None:
    for answer, line in (
        (Answer.REVIEW, "A person must decide."),
        (Answer.DENY, "What you mean to do is not allowed."),
    ):
        assert assess_shipping(replace(plain_conclusion(), permission=answer)).line == line
    nothing = replace(plain_conclusion(), duties=())
    assert assess_shipping(nothing).line.endswith("; nothing has to be done for it.")


def unasked(license_: LicenseConclusion) -> LicenseConclusion:
    """The same where the policy states no use."""
    return replace(license_, intent=None, permission=None, answers=())


def test_without_a_use_every_origin_has_to_be_known() -> None:
    base = conflicting_conclusion().origins[0]
    free = replace(unasked(plain_conclusion()), origins=(base,))
    assert assess_shipping(free).permission is Permission.ALLOWED
    for origin in conflicting_conclusion().origins[1:]:
        answer = assess_shipping(replace(free, origins=(base, origin)))
        assert answer.permission is Permission.OPEN
        assert f"It was made from {origin.name}, and no licence could be concluded there." in answer.line
    doubtful = replace(base, state=ConclusionState.VAGUE)
    assert assess_shipping(replace(free, origins=(doubtful,))).permission is Permission.OPEN


def test_without_a_use_an_origin_that_forbids_business_is_told() -> None:
    nc = entry(LicenseCategory.NON_COMMERCIAL, name="The NC Licence")
    origin = conflicting_conclusion().origins[0]
    license_ = unasked(plain_conclusion())
    answer = assess_shipping(replace(license_, entries=(*license_.entries, nc), origins=(origin,)))
    assert answer.permission is Permission.OPEN
    assert "The NC Licence, under which it was made, forbids commercial use." in answer.line
    strict = replace(license_, category=LicenseCategory.NON_COMMERCIAL)
    assert assess_shipping(strict).permission is Permission.FORBIDDEN


def test_without_a_use_a_conflict_about_the_licence_leaves_it_open() -> None:
    conflict = conflicting_conclusion().conflicts[0]
    free = unasked(plain_conclusion())
    for kind in OVERTHROWING:
        answer = assess_shipping(replace(free, conflicts=(replace(conflict, kind=kind),) * 2))
        assert answer.permission is Permission.OPEN
        assert f"{conflict.detail} And 1 more conflict." in answer.line
    assert (
        assess_shipping(replace(free, conflicts=(replace(conflict, kind="missing-text"),))).permission
        is Permission.ALLOWED
    )


def test_a_country_that_a_text_model_is_not_bound_by_is_not_told() -> None:
    limit = Clause("territory-limit", "Not there.", scope="multimodal")
    license_ = replace(concluded(replace(entry(LicenseCategory.PERMISSIVE), clauses=(limit,))), multimodal=False)
    assert assess_shipping(license_).permission is Permission.ALLOWED
    for multimodal in (True, None):
        answer = assess_shipping(replace(license_, multimodal=multimodal))
        assert answer.permission is Permission.OPEN
        assert answer.line.endswith("Not everywhere: Not there.")


def test_what_was_concluded_is_told_with_what_it_was_made_from() -> None:
    made = plain_conclusion()
    assert describe_conclusion(made, "").startswith("Concluded: Apache-2.0.")
    origins = replace(made, origins=conflicting_conclusion().origins)
    assert describe_conclusion(origins, "").startswith("Concluded, with what it was made from: Apache-2.0.")
    both = replace(made, entries=made.entries * 2)
    assert describe_conclusion(both, "").endswith("We have a summary of the terms of each (read on 2026-11-20).")


def test_a_permission_names_the_duties_that_reach_into_the_product_and_what_to_look_at_first() -> None:
    made = plain_conclusion()
    copyleft = replace(made.duties[1], kind="share-alike"), replace(made.duties[1], kind="source-disclosure")
    stricter = replace(conflicting_conclusion().conflicts[0], kind="dataset-stricter")
    lacking = replace(stricter, kind="missing-text")
    answer = assess_shipping(replace(made, duties=copyleft, conflicts=(stricter, lacking)))
    assert answer.permission is Permission.ALLOWED
    assert answer.line == (
        "What you mean to do is allowed under Apache-2.0; 2 things to do, listed below, among them: share under the same "
        "licence; ship the source. Look first at this: a data set is under stricter terms."
    )


def test_a_first_reason_ends_with_a_whole_clause() -> None:
    reason = replace(denied_conclusion().answers[0], because=f"It forbids this: {'very ' * 20}much; {'and on ' * 30}")
    line = assess_shipping(replace(denied_conclusion(), answers=(reason,))).line
    assert line.endswith("very much.") and "…" not in line
    endless = replace(reason, because="word " * 90)
    assert assess_shipping(replace(denied_conclusion(), answers=(endless,))).line.endswith("word …")
