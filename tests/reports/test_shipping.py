"""The answer on shipping: an unclear licence never permits, and every prohibition is mentioned."""

from __future__ import annotations

from dataclasses import replace

import pytest
from reports.license_examples import build_conflicting_conclusion, build_denied_conclusion, build_plain_conclusion
from support.cases import check_each

from modelaudit.model.license import ClaimKind, ConclusionState, LicenseClaim, LicenseConclusion
from modelaudit.model.terms import Answer, Clause, LicenseCategory, LicenseEntry
from modelaudit.reports.license_words import CONFLICTS_LEAVING_LICENSE_OPEN
from modelaudit.reports.shipping import Permission, assess_shipping, describe_conclusion

FREE = (
    LicenseCategory.PERMISSIVE,
    LicenseCategory.PUBLIC_DOMAIN,
    LicenseCategory.COPYLEFT,
    LicenseCategory.WEAK_COPYLEFT,
)
BASE = LicenseClaim(ClaimKind.INHERITED, "README.md", "base_model", "acme/base", None)


def build_entry(
    category: LicenseCategory, *kinds: str, read: str = "2026-11-20", name: str = "The X Licence"
) -> LicenseEntry:
    """Build a licence with clauses of these kinds, whose terms were verified on the date ``read``; empty: they were not."""
    clauses = tuple(Clause(kind, f"Duty about {kind}.") for kind in kinds)
    return LicenseEntry("X", name, category, (), (), clauses, "https://example.org/x", read)


def build_conclusion(*entries: LicenseEntry) -> LicenseConclusion:
    """Build the conclusion on licences without a stated use; the last one sets the category."""
    return LicenseConclusion(ConclusionState.CONCLUDED, entries[-1].category, (), entries)


@check_each("category", LicenseCategory)
@check_each("state", ConclusionState)
@check_each("read", ["2026-11-20", ""])
def test_without_a_stated_use_only_a_concluded_license_with_verified_free_terms_allows_shipping(
    category: LicenseCategory, state: ConclusionState, read: str
) -> None:
    answer = assess_shipping(
        LicenseConclusion(state, category, (), (build_entry(category, "keep-notices", read=read),))
    )
    allowed = state is ConclusionState.CONCLUDED and category in FREE and bool(read)
    assert (answer.permission is Permission.ALLOWED) is allowed


def test_missing_license_does_not_allow_shipping() -> None:
    nothing = LicenseConclusion(ConclusionState.UNDECLARED, LicenseCategory.UNKNOWN)
    assert assess_shipping(nothing).line == "No licence was found, so no permission to ship can be shown."
    unasked = replace(nothing, state=ConclusionState.NOT_CHECKED)
    assert assess_shipping(unasked).line == "The licence was not checked: this report says nothing about shipping."
    assert {assess_shipping(nothing).permission, assess_shipping(unasked).permission} == {Permission.OPEN}


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (ConclusionState.CONTRADICTORY, "the claims about the licence contradict each other"),
        (ConclusionState.UNRECOGNISED, "this tool does not know the declared licence"),
        (ConclusionState.VAGUE, "the claims name a family of licences, not one licence"),
        (ConclusionState.CONCLUDED, "the permissions of the licence are not known"),
    ],
)
def test_shipping_answer_to_an_uncertain_license_states_that_a_person_must_decide(
    state: ConclusionState, why: str
) -> None:
    answer = assess_shipping(
        LicenseConclusion(state, LicenseCategory.UNKNOWN, (), (build_entry(LicenseCategory.UNKNOWN),))
    )
    assert answer.line == f"Permission to ship cannot be shown: {why}; a person must decide."


def test_shipping_answer_to_unverified_terms_states_that_a_person_must_decide() -> None:
    answer = assess_shipping(build_conclusion(build_entry(LicenseCategory.CONDITIONAL, "user-cap", read="")))
    assert answer.line == (
        "Permission to ship cannot be shown: the terms of The X Licence are not verified; a person must decide."
    )


@pytest.mark.parametrize("category", [LicenseCategory.NON_COMMERCIAL, LicenseCategory.RESEARCH_ONLY])
def test_non_commercial_or_research_only_license_forbids_shipping_if_no_use_is_stated(
    category: LicenseCategory,
) -> None:
    answer = assess_shipping(build_conclusion(build_entry(category, "no-commercial-use")))
    assert answer.permission is Permission.FORBIDDEN
    assert answer.line == "The author names The X Licence, which forbids commercial use."
    unverified = assess_shipping(build_conclusion(build_entry(category, read="")))
    assert unverified.permission is Permission.FORBIDDEN
    assert unverified.line.endswith("Its terms are not verified: read the text.")


def test_shipping_answer_to_contradictory_claims_names_the_license_that_forbids_commercial_use() -> None:
    both = (build_entry(LicenseCategory.PERMISSIVE), build_entry(LicenseCategory.NON_COMMERCIAL, name="The NC Licence"))
    answer = assess_shipping(LicenseConclusion(ConclusionState.CONTRADICTORY, LicenseCategory.UNKNOWN, (), both))
    assert "One of them, The NC Licence, forbids commercial use." in answer.line


def test_shipping_answer_states_the_number_of_conditions_or_duties() -> None:
    answer = assess_shipping(
        build_conclusion(build_entry(LicenseCategory.USE_RESTRICTED, "use-policy", "keep-notices"))
    )
    assert (answer.permission, answer.line) == (
        Permission.OPEN,
        "Allowed only under conditions: 2 clauses, listed below.",
    )
    free = assess_shipping(
        build_conclusion(build_entry(LicenseCategory.PERMISSIVE, "keep-notices")), "listed elsewhere"
    )
    assert free.line == "The author names The X Licence, which allows shipping; 1 duty, listed elsewhere."


def test_shipping_answer_to_a_license_without_duties_states_that_no_duty_is_on_record() -> None:
    # A permission to use the model commercially is a clause and no duty.
    for kinds in ((), ("commercial-use",)):
        free = assess_shipping(build_conclusion(build_entry(LicenseCategory.PUBLIC_DOMAIN, *kinds)))
        assert free.line == "The author names The X Licence, which allows shipping; no duty is on record."


@check_each("category", LicenseCategory)
def test_shipping_answer_without_a_stated_use_mentions_a_territory_limit_in_every_category(
    category: LicenseCategory,
) -> None:
    answer = assess_shipping(build_conclusion(build_entry(category, "territory-limit")))
    assert answer.line.endswith("Not in every country: Duty about territory-limit.")
    assert answer.permission is not Permission.ALLOWED


def test_shipping_under_a_free_license_stays_undecided_if_a_base_model_was_not_looked_up() -> None:
    free = build_conclusion(build_entry(LicenseCategory.PERMISSIVE))
    answer = assess_shipping(replace(free, claims=(BASE,)))
    assert answer.permission is Permission.OPEN
    assert answer.line.endswith("Base models that were not looked up: acme/base. Their licences may bind you too.")
    data_set = replace(BASE, field="datasets")
    assert assess_shipping(replace(free, claims=(data_set,))).permission is Permission.ALLOWED


def test_description_of_a_conclusion_states_whether_the_license_terms_are_verified() -> None:
    read = build_conclusion(build_entry(LicenseCategory.PERMISSIVE))
    assert describe_conclusion(read, "") == (
        "The author names one licence: The X Licence. Terms verified on 2026-11-20."
    )
    unread = build_conclusion(build_entry(LicenseCategory.PERMISSIVE, read=""))
    assert "The terms of The X Licence are not verified for this rule set." in describe_conclusion(unread, "")
    assert describe_conclusion(LicenseConclusion(ConclusionState.VAGUE, LicenseCategory.UNKNOWN), "else") == "else"


def test_shipping_answer_follows_the_answer_on_the_stated_use() -> None:
    allowed = assess_shipping(build_plain_conclusion(), "listed elsewhere")
    assert allowed.permission is Permission.ALLOWED
    assert allowed.line == "Your planned use is allowed under Apache-2.0; 3 duties, listed elsewhere."
    denied = assess_shipping(build_denied_conclusion())
    assert denied.permission is Permission.FORBIDDEN
    assert denied.line == "Not allowed. Your planned use is commercial, and the licence forbids commercial use."
    review = assess_shipping(build_conflicting_conclusion())
    assert review.permission is Permission.OPEN
    assert review.line.startswith("A person must decide 2 points. The first: A limit to the number of users")


@check_each("answer", Answer)
@check_each("state", [state for state in ConclusionState if state is not ConclusionState.CONCLUDED])
def test_shipping_is_never_allowed_without_a_concluded_license_whatever_the_answer(
    answer: Answer, state: ConclusionState
) -> None:
    doubtful = replace(build_plain_conclusion(), state=state, permission=answer)
    assert assess_shipping(doubtful).permission is not Permission.ALLOWED


def test_shipping_line_states_the_answer_even_if_no_reason_is_on_record() -> None:
    for answer, line in (
        (Answer.REVIEW, "A person must decide."),
        (Answer.DENY, "Your planned use is not allowed."),
    ):
        assert assess_shipping(replace(build_plain_conclusion(), permission=answer)).line == line
    without_duties = replace(build_plain_conclusion(), duties=())
    assert assess_shipping(without_duties).line.endswith("; no duties apply.")


def remove_planned_use(license_: LicenseConclusion) -> LicenseConclusion:
    """Return the conclusion as it is for a policy that states no intended use."""
    return replace(license_, intent=None, permission=None, answers=())


def test_shipping_without_a_stated_use_stays_undecided_if_a_base_model_lacks_a_concluded_license() -> None:
    base = build_conflicting_conclusion().origins[0]
    free = replace(remove_planned_use(build_plain_conclusion()), origins=(base,))
    assert assess_shipping(free).permission is Permission.ALLOWED
    for origin in build_conflicting_conclusion().origins[1:]:
        answer = assess_shipping(replace(free, origins=(base, origin)))
        assert answer.permission is Permission.OPEN
        assert f"Base models without a concluded licence: {origin.name}." in answer.line
    doubtful = replace(base, state=ConclusionState.VAGUE)
    assert assess_shipping(replace(free, origins=(doubtful,))).permission is Permission.OPEN


def test_restrictive_license_of_a_base_model_is_named_if_no_use_is_stated() -> None:
    non_commercial = build_entry(LicenseCategory.NON_COMMERCIAL, name="The NC Licence")
    origin = build_conflicting_conclusion().origins[0]
    license_ = remove_planned_use(build_plain_conclusion())
    answer = assess_shipping(replace(license_, entries=(*license_.entries, non_commercial), origins=(origin,)))
    assert answer.permission is Permission.OPEN
    assert "A base model is under The NC Licence: no commercial use." in answer.line
    strict = replace(license_, category=LicenseCategory.NON_COMMERCIAL)
    assert assess_shipping(strict).permission is Permission.FORBIDDEN


def test_shipping_without_a_stated_use_stays_undecided_if_a_conflict_leaves_the_license_open() -> None:
    conflict = build_conflicting_conclusion().conflicts[0]
    free = remove_planned_use(build_plain_conclusion())
    for kind in CONFLICTS_LEAVING_LICENSE_OPEN:
        answer = assess_shipping(replace(free, conflicts=(replace(conflict, kind=kind),) * 2))
        assert answer.permission is Permission.OPEN
        assert f"{conflict.detail} And 1 more conflict." in answer.line
    missing_text = replace(conflict, kind="missing-text")
    assert assess_shipping(replace(free, conflicts=(missing_text,))).permission is Permission.ALLOWED


def test_territory_limit_on_multimodal_models_does_not_apply_to_a_text_model() -> None:
    limit = Clause("territory-limit", "Not there.", scope="multimodal")
    license_ = replace(
        build_conclusion(replace(build_entry(LicenseCategory.PERMISSIVE), clauses=(limit,))), multimodal=False
    )
    assert assess_shipping(license_).permission is Permission.ALLOWED
    for multimodal in (True, None):
        answer = assess_shipping(replace(license_, multimodal=multimodal))
        assert answer.permission is Permission.OPEN
        assert answer.line.endswith("Not in every country: Not there.")


def test_description_of_a_conclusion_mentions_base_models_only_if_the_model_has_any() -> None:
    conclusion = build_plain_conclusion()
    assert describe_conclusion(conclusion, "").startswith("Concluded: Apache-2.0.")
    derived = replace(conclusion, origins=build_conflicting_conclusion().origins)
    assert describe_conclusion(derived, "").startswith("Concluded for the model and its base models: Apache-2.0.")
    two_entries = replace(conclusion, entries=conclusion.entries * 2)
    assert describe_conclusion(two_entries, "").endswith("Terms verified on 2026-11-20.")


def test_shipping_answer_of_an_allowed_use_names_weighty_duties_and_conflicts_but_no_missing_text() -> None:
    conclusion = build_plain_conclusion()
    copyleft = (
        replace(conclusion.duties[1], kind="share-alike"),
        replace(conclusion.duties[1], kind="source-disclosure"),
    )
    stricter_data_set = replace(build_conflicting_conclusion().conflicts[0], kind="dataset-stricter")
    missing_text = replace(stricter_data_set, kind="missing-text")
    answer = assess_shipping(replace(conclusion, duties=copyleft, conflicts=(stricter_data_set, missing_text)))
    assert answer.permission is Permission.ALLOWED
    assert answer.line == (
        "Your planned use is allowed under Apache-2.0; 2 duties, listed below, among them: share under the same "
        "licence; ship the source. Check first: a data set is under stricter terms."
    )


def test_long_first_reason_is_cut_at_a_semicolon_and_otherwise_after_a_word() -> None:
    reason = replace(
        build_denied_conclusion().answers[0], because=f"It forbids this: {'very ' * 20}much; {'and on ' * 30}"
    )
    line = assess_shipping(replace(build_denied_conclusion(), answers=(reason,))).line
    assert line.endswith("very much.") and "…" not in line
    without_semicolon = replace(reason, because="word " * 90)
    assert assess_shipping(replace(build_denied_conclusion(), answers=(without_semicolon,))).line.endswith("word …")
