"""Compare the sign-offs of the register with the report at hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from modelaudit.model.register import DecisionAnswer, RegisterEntry
from modelaudit.model.signoff import SignOff, SignOffAnswer, SignOffState

NEXT_STEP: Final = (
    "save the report with -o json=report.json, then run `modelaudit decide model --report report.json --answer approve "
    '--reason "TEXT" --by "NAME"`'
)
"""How a person signs off a model."""


@dataclass(frozen=True, slots=True)
class JudgedSignOffs:
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
) -> JudgedSignOffs:
    """Judge the sign-offs on a model, in the order of the register.

    Args:
        entries: of the register.
        model: the name of the model, as the report states it.
        content: the digest of what the report judges.
        report: the digest of the report; empty while it is not built yet.
        replaced_by: the place of the later decision by that of each one that it replaces.
        today: the day of the scan, or of the rendering.
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
        judged.append(_make_signoff(entry, _find_state(entry, content, replaced_by, today)))
    return JudgedSignOffs(tuple(judged), tuple(notes))


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
        signed.role,
        entry.approved_by,
        entry.decided,
        entry.expires,
        state,
        entry.place,
        signed.reference,
        signed.content,
    )


def find_valid_approval(signoffs: Iterable[SignOff]) -> SignOff | None:
    """Return the valid approval that ends last; ``None`` without one."""
    approvals = [each for each in signoffs if each.answer is SignOffAnswer.APPROVE and each.state is SignOffState.VALID]
    return max(approvals, key=lambda each: each.expires, default=None)


def explain_missing_approval(signoffs: Sequence[SignOff]) -> str:
    """Explain why no person approved the model with this judgement; empty if one did, or a person refuses it."""
    is_refused = any(each.answer is SignOffAnswer.REFUSE and each.state is SignOffState.VALID for each in signoffs)
    if is_refused or find_valid_approval(signoffs) is not None:
        return ""
    approvals = [each for each in signoffs if each.answer is SignOffAnswer.APPROVE]
    expired = [each for each in approvals if each.state is SignOffState.EXPIRED]
    others = [each for each in approvals if each.state is SignOffState.OTHER_REPORT]
    if expired:
        return f"the approval of {expired[-1].by} ({expired[-1].place}) expired on {expired[-1].expires}"
    if others:
        last = others[-1]
        return f"the approval of {last.by} ({last.place}) is of another report, with other bytes, findings or policy"
    return "no person signed off this model"
