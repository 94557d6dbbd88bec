"""Answer an intended use clause by clause, and list the duties that the use triggers.

An unstated fact is unknown, and an unknown fact never permits: where a condition can neither be confirmed nor refuted,
the answer is ``review``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from modelaudit.model.copies import replace
from modelaudit.model.license import Duty, UseAnswer
from modelaudit.model.terms import (
    GENERAL_FIELD,
    WORLD,
    Answer,
    AnswerRule,
    Clause,
    ClauseKind,
    Group,
    Intent,
    LicenseCategory,
    LicenseEntry,
    Relation,
    Use,
    Vocabulary,
)

TERMS_NOT_VERIFIED = "terms-not-verified"
"""The answer kind for a licence whose terms were not read for this rule set."""
_DUTY_GROUPS = (Group.SHIP, Group.SHOW, Group.NAME, Group.PASS_ON, Group.WATCH)
_SERVICE_IS_DISTRIBUTION = "hosting-is-distribution"
_UNDECIDED_REASONS = {
    "uses": "it is not stated whether you plan such a use",
    "beside": "it is not stated whether you plan all that it limits together",
    "over": "your own figure is not stated",
    "inside": "it is not stated where you plan to use it",
    "field": "your field of use is not stated",
    "list": "its list is not on record, so read it at the address of the licence",
    "scope": "it is not known whether the clause applies to this model",
    "purpose": "it is not stated whether your planned use is research",
}


class BindingLicense(Struct, frozen=True):
    """A licence that binds the user, and the way it reaches the model.

    Attributes:
        entry: the licence.
        via: the base model that brings it in; empty for the model's own licence.
        relations: the steps from that base model to this model; empty for the model's own licence.
        multimodal: whether the licensed model handles more than text; ``None`` if unknown.
    """

    entry: LicenseEntry
    via: str = ""
    relations: tuple[Relation, ...] = ()
    multimodal: bool | None = None


def answer_intended_use(
    intent: Intent, bound: Iterable[BindingLicense], vocabulary: Vocabulary
) -> tuple[UseAnswer, ...]:
    """Answer the intended use with every limiting clause, worst answer first; clauses without an answer are left out.

    A licence whose terms are not verified, or whose category is unknown, adds the answer ``review``.
    """
    found: list[UseAnswer] = []
    for each in bound:
        are_terms_verified = each.entry.read
        if not are_terms_verified or each.entry.category is LicenseCategory.UNKNOWN:
            found.append(_answer_unverified_terms(each))
        for clause, kind in iter_applying_clauses(each, vocabulary):
            answer = _answer_clause(clause, kind, intent, each, vocabulary)
            if answer is not None:
                found.append(answer)
    return tuple(sorted(dict.fromkeys(found), key=lambda answer: -answer.answer.rank))


def list_duties(intent: Intent, bound: Iterable[BindingLicense], vocabulary: Vocabulary) -> tuple[Duty, ...]:
    """List the duties of the intended use, in the order of the groups; an unstated use triggers its duties."""
    duties: list[Duty] = []
    for each in bound:
        clauses = list(iter_applying_clauses(each, vocabulary))
        is_service_counted = any(clause.kind == _SERVICE_IS_DISTRIBUTION for clause, _ in clauses)
        uses = _list_intended_uses(intent, is_service_counted)
        for clause, kind in clauses:
            # A kind without ``duty_of`` is a duty of every use.
            is_triggered = not kind.duty_of or not uses.isdisjoint(kind.duty_of)
            if clause.duty_of:
                is_triggered = any(intent.uses.get(use, True) for use in clause.duty_of)
            is_triggered = is_triggered and (not clause.duty_with or not uses.isdisjoint(clause.duty_with))
            if kind.group in _DUTY_GROUPS and is_triggered:
                by_kind = _name_service(kind.duty_of) if is_service_counted else kind.duty_of
                triggers = clause.duty_of or by_kind
                place = clause.section, clause.words, each.via
                duties.append(
                    Duty(each.entry.id, clause.kind, kind.group, clause.text, *place, "", triggers, clause.duty_with)
                )
    order = {group: place for place, group in enumerate(Group)}
    return tuple(sorted(dict.fromkeys(duties), key=lambda duty: order[duty.group]))


def iter_applying_clauses(bound: BindingLicense, vocabulary: Vocabulary) -> Iterator[tuple[Clause, ClauseKind]]:
    """Yield the clauses that reach the model through every step of the lineage, each with its kind."""
    for clause in bound.entry.clauses:
        kind = vocabulary.kinds.get(clause.kind)
        if kind is not None and all(step in kind.flows for step in bound.relations):
            yield clause, kind


def expand_territories(codes: Iterable[str], groups: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """Replace groups of territories by their member countries; other codes stay."""
    return frozenset(member for code in codes for member in (groups.get(code) or (code,)))


def _name_service(uses: tuple[Use, ...]) -> tuple[Use, ...]:
    """Return the uses that trigger a duty, with a hosted service where copies for others trigger it."""
    if Use.REDISTRIBUTE not in uses or Use.HOSTED_SERVICE in uses:
        return uses
    place = uses.index(Use.REDISTRIBUTE) + 1
    return (*uses[:place], Use.HOSTED_SERVICE, *uses[place:])


def _list_intended_uses(intent: Intent, is_service_counted: bool) -> set[Use]:
    """List the uses that are intended or not ruled out.

    Some licences count a hosted service as distribution; then hosting implies redistribution.
    """
    uses = {use for use in Use if intent.uses.get(use, True)}
    if Use.HOSTED_SERVICE in uses and is_service_counted:
        uses.add(Use.REDISTRIBUTE)
    return uses


def _answer_unverified_terms(bound: BindingLicense) -> UseAnswer:
    """Build the answer ``review`` for a licence whose terms are not verified for this rule set, or in no category."""
    entry = bound.entry
    are_terms_verified = entry.read
    fault = "in no category" if are_terms_verified else "not verified"
    because = f"The terms of {entry.name} are {fault} for this rule set; read them at {entry.url}."
    return UseAnswer(Answer.REVIEW, entry.id, TERMS_NOT_VERIFIED, because, url=entry.url, via=bound.via)


def _answer_clause(
    clause: Clause, kind: ClauseKind, intent: Intent, bound: BindingLicense, vocabulary: Vocabulary
) -> UseAnswer | None:
    """Return the answer of the first rule that holds, else ``review`` for the first that may hold, else ``None``."""
    if clause.scope == "multimodal" and bound.multimodal is False:  # the clause is about multimodal models alone
        return None
    doubtful_conditions: list[str] | None = None
    unstated: tuple[str, ...] = ()
    for rule in kind.answers:
        undecided = _find_undecided_conditions(rule, clause, intent, vocabulary)
        if undecided is None:
            continue
        if clause.scope and bound.multimodal is None:
            undecided.append("scope")
        # The rules of a kind are ordered: a rule that surely holds answers, but an earlier one that only may hold keeps
        # its doubt in case none of the later ones holds.
        is_permission = rule.answer is Answer.ALLOW
        # A permission answers only where no earlier rule may hold.
        if not undecided and (not is_permission or doubtful_conditions is None):
            return _build_answer(rule.answer, _format_reason(rule, clause), clause, bound)
        # A permission that may hold limits nothing, so it leaves no doubt.
        if undecided and not is_permission and doubtful_conditions is None:
            doubtful_conditions = undecided
            unstated = tuple(_list_unstated(rule, clause, undecided, intent))
    if doubtful_conditions is None:
        return None
    why = " and ".join(_UNDECIDED_REASONS[condition] for condition in doubtful_conditions)
    answer = _build_answer(Answer.REVIEW, f"{kind.title} of {bound.entry.id}: {why}.", clause, bound)
    return replace(answer, unstated=unstated)


def _list_unstated(rule: AnswerRule, clause: Clause, undecided: Collection[str], intent: Intent) -> Iterator[str]:
    """Yield what the planned use must state before the undecided conditions of a rule can be decided."""
    if "uses" in undecided:
        yield from (use for use in rule.uses if use not in intent.uses)
    if "beside" in undecided:
        yield from (use for use in (*rule.beside, *clause.limit_with) if use not in intent.uses)
    if "over" in undecided and getattr(intent, rule.over.replace("-", "_")) is None:
        yield rule.over
    if "inside" in undecided and not intent.territories:
        yield "territories"
    if {"field", "list"} & set(undecided) and not intent.field:
        yield "field"
    if "purpose" in undecided:
        yield "purpose"


def _find_undecided_conditions(
    rule: AnswerRule, clause: Clause, intent: Intent, vocabulary: Vocabulary
) -> list[str] | None:
    """List the conditions that can neither be confirmed nor refuted; ``None`` if one is refuted."""
    conditions: dict[str, bool | None] = {}  # True: confirmed. False: refuted. None: undecided.
    if rule.uses:
        conditions["uses"] = _is_any_use_intended(rule.uses, intent)
    beside = [_is_any_use_intended(uses, intent) for uses in (rule.beside, clause.limit_with) if uses]
    if beside:
        conditions["beside"] = False if False in beside else None if None in beside else True
    if rule.over:
        figure = intent.monthly_active_users if rule.over == "monthly-active-users" else intent.annual_revenue_usd
        conditions["over"] = None if figure is None or clause.number is None else figure > clause.number
    if rule.inside:
        conditions["inside"] = _is_inside_territory(clause, intent, vocabulary)
    if rule.listed:
        is_listed = _is_listed_field(clause, intent)
        # Without a list, the field of use decides nothing.
        conditions["field" if clause.fields else "list"] = is_listed
    if rule.purpose is not None:
        conditions["purpose"] = None if intent.purpose is None else intent.purpose is rule.purpose
    if False in conditions.values():
        return None
    return [name for name, holds in conditions.items() if holds is None]


def _is_any_use_intended(uses: Sequence[Use], intent: Intent) -> bool | None:
    """Whether one of these uses is intended; ``None`` if none is and at least one is unstated."""
    answers = [intent.uses.get(use) for use in uses]
    if True in answers:
        return True
    return None if None in answers else False


def _is_inside_territory(clause: Clause, intent: Intent, vocabulary: Vocabulary) -> bool | None:
    """Whether an intended territory is one of the clause's; ``None`` if either is unstated."""
    if not intent.territories or not clause.territories:
        return None
    if WORLD in intent.territories or WORLD in clause.territories:
        return True
    groups = vocabulary.territories
    return bool(expand_territories(intent.territories, groups) & expand_territories(clause.territories, groups))


def _is_listed_field(clause: Clause, intent: Intent) -> bool | None:
    """Whether the intended field of use is one of the clause's; ``None`` if either is unstated."""
    if intent.field in clause.fields:
        return True
    # No list of restrictions contains the general field, not even one that is not on record.
    if intent.field == GENERAL_FIELD:
        return False
    return False if intent.field and clause.fields else None


def _format_reason(rule: AnswerRule, clause: Clause) -> str:
    """Fill the values of the clause into the sentence of the rule."""
    number = f"{clause.number:,.0f}" if clause.number is not None else "a number"
    values = {
        "number": number,
        "territories": ", ".join(clause.territories),
        "fields": ", ".join(clause.fields),
        "words": ", ".join(f"“{words}”" for words in clause.words),
    }
    return rule.because.format_map(values)


def _build_answer(answer: Answer, because: str, clause: Clause, bound: BindingLicense) -> UseAnswer:
    """Build the answer of one clause; ``because`` is its reason as a sentence."""
    entry = bound.entry
    return UseAnswer(
        answer,
        entry.id,
        clause.kind,
        because,
        text=clause.text,
        section=clause.section,
        url=clause.url or entry.url,
        read=entry.read,
        via=bound.via,
    )
