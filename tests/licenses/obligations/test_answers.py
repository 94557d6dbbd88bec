"""Answers of clauses to an intended use, with stated and with unstated facts."""

from __future__ import annotations

import pytest
from support.cases import check_each
from support.catalogue import load_shipped

from modelaudit.licenses.obligations.answers import TERMS_NOT_VERIFIED, BindingLicense, answer_intended_use, list_duties
from modelaudit.model.terms import Answer, Clause, Intent, LicenseCategory, LicenseEntry, Purpose, Relation, Use

VOCABULARY = load_shipped().clauses
BUSINESS = {Use.COMMERCIAL: True}


def build_license(*clauses: Clause, read: str = "2026-01-31") -> LicenseEntry:
    """Build a licence with these clauses, whose terms were verified on the date ``read``; empty: they were not."""
    return LicenseEntry(
        "LicenseRef-X", "X", LicenseCategory.CONDITIONAL, (), (), clauses, "https://example.org/x", read
    )


def list_answers(intent: Intent, *clauses: Clause, **bound: object) -> list[tuple[str, str]]:
    """List (answer, kind of clause) for a licence with these clauses; ``bound`` are fields of its binding."""
    answers = answer_intended_use(intent, [BindingLicense(build_license(*clauses), **bound)], VOCABULARY)  # type: ignore[arg-type]
    return [(answer.answer.value, answer.kind) for answer in answers]


NON_COMMERCIAL = Clause("no-commercial-use", "Not for a business.", "2")
USER_CAP = Clause("user-cap", "A cap.", "3", number=700e6)
REVENUE_CAP = Clause("revenue-cap", "A cap.", "3", number=1e6)
EUROPE = Clause("territory-limit", "Not there.", "4", territories=("EU", "GB"))
RESEARCH = Clause("research-only", "For research.", "6")
IDLE = dict.fromkeys(Use, False)
BUSINESS_CAP = Clause("user-cap", "A cap on products of a business.", "3", number=100e6, limit_with=(Use.COMMERCIAL,))
UNCHANGED = Clause("no-derivatives", "Unchanged copies alone.", "3")
HOSTING = Clause("no-hosting", "Not as a service.", "3")
POLICY = Clause("use-policy", "Forbidden uses.", "5", fields=("military",))


@check_each(
    "clause, intent, answer",
    [
        (NON_COMMERCIAL, Intent({Use.COMMERCIAL: True}), "deny"),
        (NON_COMMERCIAL, Intent({Use.COMMERCIAL: False}), None),
        (NON_COMMERCIAL, Intent({Use.REDISTRIBUTE: True}), "review"),
        (USER_CAP, Intent(BUSINESS, monthly_active_users=700e6), None),
        (USER_CAP, Intent(BUSINESS, monthly_active_users=700e6 + 1), "deny"),
        (USER_CAP, Intent(BUSINESS), "review"),
        (REVENUE_CAP, Intent(BUSINESS, annual_revenue_usd=2e6), "deny"),
        (REVENUE_CAP, Intent({Use.COMMERCIAL: False}, annual_revenue_usd=2e6), None),
        (REVENUE_CAP, Intent({Use.COMMERCIAL: False}), None),
        (REVENUE_CAP, Intent({}, annual_revenue_usd=2e6), "review"),
        (EUROPE, Intent(BUSINESS, territories=("DE",)), "deny"),
        (EUROPE, Intent(BUSINESS, territories=("EU",)), "deny"),
        (EUROPE, Intent(BUSINESS, territories=("EEA",)), "deny"),
        (EUROPE, Intent(BUSINESS, territories=("WORLD",)), "deny"),
        # The European Commission writes UK and EL for GB and GR.
        (EUROPE, Intent(BUSINESS, territories=("UK",)), "deny"),
        (EUROPE, Intent(BUSINESS, territories=("EL",)), "deny"),
        (EUROPE, Intent(BUSINESS, territories=("US", "CH")), None),
        (EUROPE, Intent(BUSINESS), "review"),
        (POLICY, Intent(BUSINESS, field="military"), "deny"),
        (POLICY, Intent(BUSINESS, field="gambling"), None),
        (POLICY, Intent(BUSINESS, field="general"), None),
        (POLICY, Intent(BUSINESS), "review"),
        (Clause("use-policy", "Not on record."), Intent(BUSINESS, field="gambling"), "review"),
        (RESEARCH, Intent({**IDLE, Use.FINE_TUNE: True}, purpose=Purpose.RESEARCH), "allow"),
        (RESEARCH, Intent({**IDLE, Use.REDISTRIBUTE: True}, purpose=Purpose.RESEARCH), "allow"),
        (RESEARCH, Intent(IDLE), "review"),
        (RESEARCH, Intent({**IDLE, Use.FINE_TUNE: True}), "review"),
        (RESEARCH, Intent(IDLE, purpose=Purpose.OTHER), "deny"),
        (RESEARCH, Intent({**IDLE, Use.COMMERCIAL: True}), "deny"),
        # Whether research may be commercial is for a clause on commercial use to say.
        (RESEARCH, Intent({**IDLE, Use.COMMERCIAL: True}, purpose=Purpose.RESEARCH), "review"),
        (RESEARCH, Intent({**IDLE, Use.HOSTED_SERVICE: True}, purpose=Purpose.RESEARCH), "review"),
        (RESEARCH, Intent(purpose=Purpose.RESEARCH), "review"),
        (NON_COMMERCIAL, Intent({**IDLE, Use.COMMERCIAL: True}, purpose=Purpose.RESEARCH), "deny"),
        # A limit for commercial uses alone.
        (BUSINESS_CAP, Intent(IDLE), None),
        (BUSINESS_CAP, Intent({}), "review"),
        (BUSINESS_CAP, Intent(BUSINESS), "review"),
        (BUSINESS_CAP, Intent({}, monthly_active_users=200e6), "review"),
        (BUSINESS_CAP, Intent(BUSINESS, monthly_active_users=200e6), "deny"),
        (BUSINESS_CAP, Intent(IDLE, monthly_active_users=200e6), None),
        # Changes and copies for others are each allowed, and changed copies are not.
        (UNCHANGED, Intent({**IDLE, Use.FINE_TUNE: True, Use.REDISTRIBUTE: True}), "deny"),
        (UNCHANGED, Intent({**IDLE, Use.FINE_TUNE: True}), "review"),
        (UNCHANGED, Intent({Use.FINE_TUNE: True}), "review"),
        (UNCHANGED, Intent({**IDLE, Use.REDISTRIBUTE: True}), None),
        (HOSTING, Intent({**IDLE, Use.HOSTED_SERVICE: True}), "deny"),
        (HOSTING, Intent(IDLE), None),
    ],
)
def test_clause_gives_the_expected_answer_to_an_intended_use(
    clause: Clause, intent: Intent, answer: str | None
) -> None:
    assert list_answers(intent, clause) == ([] if answer is None else [(answer, clause.kind)])


def test_unstated_use_beside_a_limit_is_asked_for() -> None:
    answers = answer_intended_use(
        Intent({}, monthly_active_users=200e6), [BindingLicense(build_license(BUSINESS_CAP))], VOCABULARY
    )
    assert [(answer.unstated, "together" in answer.because) for answer in answers] == [((Use.COMMERCIAL,), True)]


@pytest.mark.parametrize(("multimodal", "answer"), [(True, "deny"), (None, "review"), (False, None)])
def test_multimodal_clause_answers_by_modality_of_the_model(multimodal: bool | None, answer: str | None) -> None:
    clause = Clause("territory-limit", "Not there.", "4", territories=("EU",), scope="multimodal")
    answers = list_answers(Intent(BUSINESS, territories=("FR",)), clause, multimodal=multimodal)
    assert answers == ([] if answer is None else [(answer, "territory-limit")])


def test_answers_list_the_worst_first_and_add_a_review_for_unverified_terms() -> None:
    intent = Intent(BUSINESS, field="general")
    found = answer_intended_use(intent, [BindingLicense(build_license(USER_CAP, NON_COMMERCIAL, read=""))], VOCABULARY)
    assert [(each.answer, each.kind) for each in found] == [
        (Answer.DENY, "no-commercial-use"),
        (Answer.REVIEW, TERMS_NOT_VERIFIED),
        (Answer.REVIEW, "user-cap"),
    ]


def test_inherited_clause_applies_only_if_every_lineage_step_passes_it_on() -> None:
    marks = Clause("state-changes", "Mark it.", "1")
    outputs = Clause("no-output-training", "Not for training.", "2")
    training = Intent({Use.TRAIN_ON_OUTPUTS: True, Use.FINE_TUNE: True})
    for steps, kinds_of_duties in [
        ((), ["state-changes"]),
        ((Relation.FINETUNE,), ["state-changes"]),
        ((Relation.FINETUNE, Relation.QUANTIZED), []),
    ]:
        bound = [BindingLicense(build_license(marks), "a/base", steps)]
        assert [duty.kind for duty in list_duties(training, bound, VOCABULARY)] == kinds_of_duties
    distilled = BindingLicense(build_license(outputs, NON_COMMERCIAL), "a/base", (Relation.DISTILLED,))
    (answer,) = answer_intended_use(training, [distilled], VOCABULARY)
    assert (answer.kind, answer.via) == ("no-output-training", "a/base")


def test_duty_applies_unless_the_intent_excludes_every_use_that_triggers_it() -> None:
    text = Clause("include-license-text", "Ship it.", "1")
    show = Clause("attribution-naming", "Show it.", "2", words=("Built with X",))
    bound = [BindingLicense(build_license(show, text))]
    no_use = Intent({Use.REDISTRIBUTE: False, Use.EMBED_ON_DEVICE: False, Use.HOSTED_SERVICE: False})
    assert list_duties(no_use, bound, VOCABULARY) == ()
    service = Intent({Use.REDISTRIBUTE: False, Use.EMBED_ON_DEVICE: False, Use.HOSTED_SERVICE: True})
    assert [(duty.kind, duty.words) for duty in list_duties(service, bound, VOCABULARY)] == [
        ("attribution-naming", ("Built with X",))
    ]
    assert [duty.kind for duty in list_duties(Intent(), bound, VOCABULARY)] == [
        "include-license-text",
        "attribution-naming",
    ]


def test_hosting_triggers_distribution_duties_if_a_clause_counts_hosting_as_distribution() -> None:
    text = Clause("include-license-text", "Ship it.", "1")
    service = Clause("hosting-is-distribution", "It counts.", "2")
    intent = Intent({Use.REDISTRIBUTE: False, Use.EMBED_ON_DEVICE: False, Use.HOSTED_SERVICE: True})
    assert [duty.kind for duty in list_duties(intent, [BindingLicense(build_license(text, service))], VOCABULARY)] == [
        "include-license-text",
        "hosting-is-distribution",
    ]


def test_reason_of_denied_use_quotes_values_of_the_clause() -> None:
    (answer,) = answer_intended_use(
        Intent(BUSINESS, monthly_active_users=8e8), [BindingLicense(build_license(USER_CAP))], VOCABULARY
    )
    assert "more than 700,000,000 users" in answer.because
    assert (answer.section, answer.read, answer.url) == ("3", "2026-01-31", "https://example.org/x")
