"""Count the results accepted by the policy and by each person, apart from those of a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from modelaudit.model.acceptance import Acceptance, AcceptanceSource
from modelaudit.model.finding import Finding, Severity
from modelaudit.model.report import Coverage
from modelaudit.model.structure import READ_REASONS

_MAX_NAMED_PEOPLE: Final = 2
_MAX_NAME_CHARACTERS: Final = 60


def describe_accepted(gating: Sequence[Finding], coverage: Coverage) -> list[str]:
    """Describe who accepted what would gate, such as ``Accepted by Jane Roe: 2 findings (1 critical).``.

    People come first, then the policy, then the baseline, which accepts nothing and is a sentence of its own.

    Args:
        gating: the findings that are as severe as their gate, accepted or not.
        coverage: its absences gate unless they are accepted.
    """
    severities: dict[tuple[AcceptanceSource, str], list[Severity]] = {}
    absences: dict[tuple[AcceptanceSource, str], list[bool]] = {}
    for finding in gating:
        if finding.acceptance is not None:
            severities.setdefault(_identify(finding.acceptance), []).append(finding.severity)
    for record in coverage.artifacts:
        for _, absence in record.absences:
            if absence.acceptance is not None:
                key = _identify(absence.acceptance)
                absences.setdefault(key, []).append(absence.unread.reason in READ_REASONS)
    keys = list(dict.fromkeys((*severities, *absences)))
    people = [key for key in keys if key[0] is AcceptanceSource.DECISION]
    rest = people[_MAX_NAMED_PEOPLE:]
    groups = [([key], f"by {key[1][:_MAX_NAME_CHARACTERS]}") for key in people[:_MAX_NAMED_PEOPLE]]
    groups += [(rest, f"by {count_noun(len(rest), 'other person', 'other people')}")] if rest else []
    policies = [key for key in keys if key[0] is AcceptanceSource.POLICY]
    groups += [(policies, "by the policy")] if policies else []
    clauses = [f"{name}: {_count(each, severities, absences)}" for each, name in groups]
    known = [key for key in keys if key[0] is AcceptanceSource.BASELINE]
    sentences = [f"Accepted {'; '.join(clauses)}."] if clauses else []
    if known:
        sentences.append(f"Known from the baseline: {_count(known, severities, absences)}.")
    unreachable = [key for key in keys if key[0] is AcceptanceSource.RUNTIME]
    if unreachable:
        sentences.append(f"Not reachable in the stated stack: {_count(unreachable, severities, absences)}.")
    return sentences


def _identify(acceptance: Acceptance) -> tuple[AcceptanceSource, str]:
    """Return the source of an acceptance, with the person if it is a decision."""
    return acceptance.source, acceptance.by


def _count(
    keys: Sequence[tuple[AcceptanceSource, str]],
    severities: dict[tuple[AcceptanceSource, str], list[Severity]],
    absences: dict[tuple[AcceptanceSource, str], list[bool]],
) -> str:
    """Count the findings and the parts, such as ``1 finding (1 critical), 2 parts not examined``."""
    own = [severity for key in keys for severity in severities.get(key, ())]
    critical = own.count(Severity.CRITICAL)
    parts = [is_read for key in keys for is_read in absences.get(key, ())]
    counts = [count_noun(len(own), "finding") + (f" ({critical} critical)" if critical else "")] if own else []
    states = (("not examined", parts.count(False)), ("not verified", parts.count(True)))
    counts += [f"{count_noun(number, 'part')} {state}" for state, number in states if number]
    return ", ".join(counts)


def count_noun(number: int, noun: str, plural: str = "") -> str:
    """Count things, such as ``1 finding`` or ``2 findings``."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
