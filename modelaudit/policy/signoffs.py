"""Compare the sign-offs of the register with the report at hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from msgspec import Struct

from modelaudit.model.acceptance import DecisionState, RecordedDecision
from modelaudit.model.copies import replace
from modelaudit.model.policy import SignOffTerms
from modelaudit.model.register import DecisionAnswer, RegisterEntry
from modelaudit.model.signoff import SignOff, SignOffAnswer, SignOffState


def describe_required_signoff(terms: SignOffTerms) -> str:
    """Describe the sign-off that a policy requires: ``a sign-off by a person with the role CISO``."""
    role = f" by a person with the role {' or '.join(terms.roles)}" if terms.roles else ""
    second = f"{' and' if role else ','} confirmed by a second person" if terms.approved else ""
    return f"a sign-off{role}{second}"


class JudgedSignOffs(Struct, frozen=True):
    """The sign-offs on one model with their states, and a line for each entry that counts for nothing."""

    signoffs: tuple[SignOff, ...] = ()
    notes: tuple[str, ...] = ()


def judge_signoffs(
    entries: Iterable[RegisterEntry],
    model: str,
    content: str,
    report: str,
    replaced_by: Mapping[str, str],
    today: date,
    first_ending: RecordedDecision | None = None,
) -> JudgedSignOffs:
    """Judge the sign-offs on a model, in the order of the register; an approval ends with the acceptance behind it.

    Args:
        entries: of the register.
        model: the name of the model, as the report states it.
        content: the digest of what the report judges.
        report: the digest of the report; empty while it is not built yet.
        replaced_by: maps the place of each replaced decision to that of the later one.
        today: the day of the scan, or of the rendering.
        first_ending: the acceptance behind the verdict that ends first; ``None`` without one.
    """
    judged: list[SignOff] = []
    notes: list[str] = []
    for entry in entries:
        if entry.signed is None or entry.subject.name != model:
            continue
        later_start = entry.explain_later_start(today)
        if later_start:
            notes.append(f"{entry.place}: the sign-off of {entry.by} does not count. {later_start}")
            continue
        if report and entry.signed.digest == report and entry.signed.content != content:
            notes.append(
                f"{entry.place}: 'content' is not that of the report that 'report' names, so the sign-off does not "
                f"count; sign off again, and remove the entry"
            )
        limited = _limit_end(entry, first_ending)
        judged.append(_make_signoff(limited, _find_state(limited, content, replaced_by, today)))
    return JudgedSignOffs(tuple(judged), tuple(notes))


def _limit_end(entry: RegisterEntry, first_ending: RecordedDecision | None) -> RegisterEntry:
    """Return a sign-off whose last day is at most that of the acceptance behind the verdict, if it approves."""
    if first_ending is None or entry.answer is not DecisionAnswer.APPROVE:
        return entry
    return replace(entry, expires=min(entry.expires, first_ending.expires))


def find_first_ending(decisions: Iterable[RecordedDecision]) -> RecordedDecision | None:
    """Find the acceptance in force that ends first; ``None`` without one."""
    in_force = (each for each in decisions if each.state in (DecisionState.HONOURED, DecisionState.DUE))
    accepting = (each for each in in_force if each.answer == DecisionAnswer.ACCEPT)
    return min(accepting, key=lambda each: each.expires, default=None)


def _find_state(entry: RegisterEntry, content: str, replaced_by: Mapping[str, str], today: date) -> SignOffState:
    if entry.signed is None or entry.signed.content != content:
        return SignOffState.OTHER_REPORT
    if entry.place in replaced_by:
        return SignOffState.REPLACED
    return SignOffState.EXPIRED if today > date.fromisoformat(entry.expires) else SignOffState.VALID


def _make_signoff(entry: RegisterEntry, state: SignOffState) -> SignOff:
    signed = entry.signed
    if signed is None:
        raise ValueError(f"{entry.place} is not a sign-off")
    is_approval = entry.answer is DecisionAnswer.APPROVE
    return SignOff(
        signed.digest,
        SignOffAnswer.APPROVE if is_approval else SignOffAnswer.REFUSE,
        entry.reason,
        entry.by,
        entry.role,
        entry.approved_by,
        entry.decided,
        entry.expires,
        state,
        entry.place,
        signed.reference,
        signed.content,
        entry.approver_role,
    )


def find_valid_approval(signoffs: Iterable[SignOff], terms: SignOffTerms) -> SignOff | None:
    """Return the valid approval on the terms of a policy that ends last; ``None`` without one."""
    approvals = [each for each in _list_valid(signoffs, SignOffAnswer.APPROVE) if not _explain_unmet(each, terms)]
    return max(approvals, key=lambda each: each.expires, default=None)


def _list_valid(signoffs: Iterable[SignOff], answer: SignOffAnswer) -> list[SignOff]:
    """Return the valid sign-offs with an answer."""
    return [each for each in signoffs if each.answer is answer and each.state is SignOffState.VALID]


def _explain_unmet(approval: SignOff, terms: SignOffTerms) -> str:
    return explain_unmet_terms(approval.role, approval.approved_by, terms)


def explain_unmet_terms(role: str, approved_by: str, terms: SignOffTerms) -> str:
    """Explain which term of the policy an approval does not meet; empty if it meets all.

    The register refuses an entry whose two persons have one name.
    """
    if terms.roles and role.casefold() not in {each.casefold() for each in terms.roles}:
        return f"{f'has the role {role}' if role else 'has no role'}, not {' or '.join(terms.roles)}"
    return "has no second person" if terms.approved and not approved_by else ""


def explain_missing_approval(signoffs: Sequence[SignOff], terms: SignOffTerms) -> str:
    """Explain why no person approved the model with this judgement; empty if one did, or a person refuses it."""
    if _list_valid(signoffs, SignOffAnswer.REFUSE) or find_valid_approval(signoffs, terms) is not None:
        return ""
    for each in _list_valid(signoffs, SignOffAnswer.APPROVE)[-1:]:
        return f"the approval of {each.by} ({each.place}) {_explain_unmet(each, terms)}"
    approvals = [each for each in signoffs if each.answer is SignOffAnswer.APPROVE]
    expired = [each for each in approvals if each.state is SignOffState.EXPIRED]
    others = [each for each in approvals if each.state is SignOffState.OTHER_REPORT]
    if expired:
        return f"the approval of {expired[-1].by} ({expired[-1].place}) expired on {expired[-1].expires}"
    if others:
        last = others[-1]
        return f"the approval of {last.by} ({last.place}) is of another report, with other bytes, findings or policy"
    return "none is recorded"
